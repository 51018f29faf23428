/**
 * One TCP connection that the guest has opened, as a stream (RFC 9293). It lies on a cable that loses next to nothing and keeps
 * the order: what comes out of turn is left to the guest to send again, and what the guest does not acknowledge is sent again
 * from there on. No window scaling, no congestion control: there is nobody else on the cable.
 */
import { Duplex } from 'node:stream';
import { RESEND_MS, RESENDS_MOST, SEGMENT_BYTES, UNSENT_BYTES, WINDOW_BYTES } from './limits.ts';
import { ACK, FIN, PSH, RST, SYN, type Segment } from './packet.ts';

/** What goes to the guest; addresses and ports are added by whoever sends it. */
export type Outgoing = Pick<Segment, 'seq' | 'ack' | 'flags' | 'window' | 'payload' | 'mss'>;

export interface ConnectionOptions {
  readonly opening: Segment;
  /** Our first sequence number. */
  readonly initial: number;
  readonly send: (segment: Outgoing) => void;
  /** The handshake is done. */
  readonly opened: (connection: Connection) => void;
  /** Nothing more will come or go. */
  readonly gone: () => void;
  /** Until a segment is sent again; default `RESEND_MS`. */
  readonly resendMs?: number | undefined;
}

const NOTHING = Buffer.alloc(0);

export class Connection extends Duplex {
  readonly #options: ConnectionOptions;
  readonly #mss: number;
  /** Oldest byte that the guest has not acknowledged, and the next to be sent. */
  #unacknowledged: number;
  #next: number;
  /** Next after all that was ever sent: going back to send something again does not make it unsent. */
  #sent: number;
  #guestWindow: number;
  #expected: number;
  /** Sent but not acknowledged, then not sent yet. */
  #outgoing: Buffer = NOTHING;
  /** The window that the guest was told last. */
  #told = WINDOW_BYTES;
  #open = false;
  #finishing = false;
  #guestFinished = false;
  #finAcknowledged = false;
  #blocked: (() => void) | undefined;
  #finished: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tries = 0;

  constructor(options: ConnectionOptions) {
    super({ allowHalfOpen: true, readableHighWaterMark: WINDOW_BYTES });
    this.#options = options;
    this.#unacknowledged = options.initial;
    this.#next = after(options.initial, 1);
    this.#sent = this.#next;
    this.#expected = after(options.opening.seq, 1);
    this.#guestWindow = options.opening.window;
    this.#mss = Math.max(64, Math.min(options.opening.mss ?? 536, SEGMENT_BYTES));
    this.#sayHello();
  }

  receive(segment: Segment): void {
    if (this.destroyed) return;
    const { flags, seq } = segment;
    if ((flags & RST) !== 0) {
      // One that does not stand in the window is a stray, or a forgery.
      if (seq === this.#expected) this.#drop();
      return;
    }
    if ((flags & SYN) !== 0) return this.#open ? this.#acknowledge() : this.#sayHello();
    if ((flags & ACK) === 0) return;
    this.#takeAcknowledgement(segment);
    if (!this.destroyed) this.#takeData(segment);
  }

  #takeAcknowledgement({ ack, window }: Segment): void {
    if (distance(this.#unacknowledged, ack) < 0 || distance(ack, this.#sent) < 0) return;
    const wasClosed = this.#guestWindow === 0;
    this.#guestWindow = window;
    let advance = distance(this.#unacknowledged, ack);
    if (advance > 0) {
      this.#unacknowledged = ack;
      if (distance(this.#next, ack) > 0) this.#next = ack;
      this.#tries = 0;
      this.#stopTimer();
      if (!this.#open) {
        this.#open = true;
        advance -= 1;
        this.#options.opened(this);
      }
      if (this.#finishing && advance > this.#outgoing.length) {
        this.#finAcknowledged = true;
        advance = this.#outgoing.length;
      }
      this.#outgoing = this.#outgoing.subarray(advance);
      this.#letGoOn();
    } else if (wasClosed) {
      // It has heard us, however long it takes nothing: only silence counts against a guest.
      this.#tries = 0;
      if (window > 0) {
        // The byte that was sent to ask about the window was not taken.
        this.#next = ack;
        this.#stopTimer();
      }
    }
    this.#pump();
    this.#endIfOver();
  }

  #takeData({ seq, payload, flags }: Segment): void {
    const hasFin = (flags & FIN) !== 0;
    if (payload.length === 0 && !hasFin) return;
    const repeated = distance(seq, this.#expected);
    // What is early is sent again by the guest; what is known already only lacks our acknowledgement.
    if (repeated < 0 || repeated > payload.length || this.#guestFinished) return this.#acknowledge();
    const fresh = payload.subarray(repeated, repeated + this.#window());
    if (fresh.length > 0) {
      this.#expected = after(this.#expected, fresh.length);
      this.push(fresh);
    }
    if (hasFin && fresh.length === payload.length - repeated) {
      this.#expected = after(this.#expected, 1);
      this.#guestFinished = true;
      this.push(null);
    }
    this.#acknowledge();
    this.#endIfOver();
  }

  override _read(): void {
    // What comes is pushed as it comes, never more than there is room for.
  }

  /** Tells the guest that there is room again, which it would otherwise ask about only now and then. */
  override read(size?: number): unknown {
    const chunk: unknown = super.read(size);
    if (this.#told < SEGMENT_BYTES && this.#window() >= SEGMENT_BYTES && this.#open && !this.#guestFinished)
      this.#acknowledge();
    return chunk;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#outgoing = this.#outgoing.length === 0 ? chunk : Buffer.concat([this.#outgoing, chunk]);
    this.#pump();
    if (this.#outgoing.length < UNSENT_BYTES) done();
    else this.#blocked = done;
  }

  override _final(done: () => void): void {
    this.#finishing = true;
    this.#finished = done;
    this.#pump();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stopTimer();
    if (!this.#isOver()) this.#emit(this.#next, RST | ACK, NOTHING);
    this.#options.gone();
    done(error);
  }

  /** Sends what the guest's window has room for. */
  #pump(): void {
    if (!this.#open || this.destroyed) return;
    for (;;) {
      const inFlight = distance(this.#unacknowledged, this.#next);
      const waiting = this.#outgoing.length - inFlight;
      const room = this.#guestWindow - inFlight;
      if (waiting > 0 && room > 0) {
        const size = Math.min(waiting, room, this.#mss);
        const payload = this.#outgoing.subarray(inFlight, inFlight + size);
        this.#emit(this.#next, size === waiting ? ACK | PSH : ACK, payload);
        this.#advance(size);
        continue;
      }
      if (waiting === 0 && this.#finishing && inFlight === this.#outgoing.length && !this.#finAcknowledged) {
        this.#emit(this.#next, ACK | FIN, NOTHING);
        this.#advance(1);
      }
      break;
    }
    if (this.#outgoing.length > 0 || (this.#finishing && !this.#finAcknowledged)) this.#startTimer();
  }

  /** Whatever the guest has not acknowledged is sent once more; a closed window is asked about with one byte. */
  #again(): void {
    this.#timer = undefined;
    if (this.destroyed) return;
    if (this.#tries >= RESENDS_MOST) return this.#drop();
    this.#tries += 1;
    if (!this.#open) return this.#sayHello();
    this.#next = this.#unacknowledged;
    if (this.#guestWindow === 0 && this.#outgoing.length > 0) {
      this.#emit(this.#next, ACK, this.#outgoing.subarray(0, 1));
      this.#advance(1);
      return this.#startTimer();
    }
    this.#pump();
  }

  #advance(bytes: number): void {
    this.#next = after(this.#next, bytes);
    if (distance(this.#sent, this.#next) > 0) this.#sent = this.#next;
  }

  #sayHello(): void {
    this.#options.send({
      seq: this.#options.initial,
      ack: this.#expected,
      flags: SYN | ACK,
      window: WINDOW_BYTES,
      mss: SEGMENT_BYTES,
      payload: NOTHING,
    });
    this.#startTimer();
  }

  #acknowledge(): void {
    this.#emit(this.#next, ACK, NOTHING);
  }

  #emit(seq: number, flags: number, payload: Buffer): void {
    this.#told = this.#window();
    this.#options.send({ seq, ack: this.#expected, flags, window: this.#told, payload });
  }

  #window(): number {
    return Math.max(0, WINDOW_BYTES - this.readableLength);
  }

  #startTimer(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#again(), (this.#options.resendMs ?? RESEND_MS) * 2 ** this.#tries);
    this.#timer.unref();
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #letGoOn(): void {
    if (this.#outgoing.length >= UNSENT_BYTES) return;
    const blocked = this.#blocked;
    this.#blocked = undefined;
    blocked?.();
  }

  #isOver(): boolean {
    return this.#finAcknowledged && this.#guestFinished;
  }

  #endIfOver(): void {
    if (!this.#finAcknowledged) return;
    const finished = this.#finished;
    this.#finished = undefined;
    finished?.();
    if (this.#isOver()) {
      this.#stopTimer();
      this.#options.gone();
    }
  }

  /** The guest is gone, or said so: nothing more is sent to it. */
  #drop(): void {
    this.#finAcknowledged = true;
    this.#guestFinished = true;
    this.destroy(this.readableEnded ? undefined : new Error('the guest has given the connection up'));
  }
}

/** Sequence numbers go round at 2³². */
function after(sequence: number, bytes: number): number {
  return (sequence + bytes) >>> 0;
}

/** How far `to` lies behind `from`; negative where it lies before it. */
function distance(from: number, to: number): number {
  return (to - from) | 0;
}
