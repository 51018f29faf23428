/**
 * Keys wait in the keyboard's queue until the guest reads them. QEMU drops what does not fit without a word, key releases too, and
 * then Shift sticks: so nothing is put into a queue that may be full, and what is more than a queue holds goes in pieces. How many
 * bytes are in it nobody can ask; whether any is, the controller says.
 */
import { setTimeout } from 'node:timers/promises';
import { FailedError } from '../../errors.ts';
import { KEY_QUEUE_BYTES, KEYS_LOOK_MS, KEYS_UNREAD_MS } from './limits.ts';
import type { KeyEvent } from './types.ts';

/** The keyboard of a machine. */
export interface Keyboard {
  /** Whether the guest has read all that there is. */
  readonly isEmpty: () => Promise<boolean>;
  /** At once, whether there is room or not. */
  readonly put: (keys: readonly KeyEvent[]) => Promise<unknown>;
}

export interface KeyQueueTime {
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

const HOST_TIME: KeyQueueTime = { now: () => performance.now(), sleep: (ms) => setTimeout(ms) };

export class KeyQueue {
  readonly #keyboard: Keyboard;
  readonly #time: KeyQueueTime;
  /** At most so many are in it. A machine that was restored may have brought some along. */
  #bytes = KEY_QUEUE_BYTES;
  /** Settled once whatever was sent before is in the queue: no keys get between the pieces of a chord. */
  #before: Promise<unknown> = Promise.resolve();

  constructor(keyboard: Keyboard, time: KeyQueueTime = HOST_TIME) {
    this.#keyboard = keyboard;
    this.#time = time;
  }

  /**
   * Resolves once all of these are in the queue, in their order. Rejects with `machine/keys-unread` where the guest reads none
   * for a minute, or once `signal` is aborted while there is no room: what was put in before is sent.
   */
  send(keys: readonly KeyEvent[], signal?: AbortSignal): Promise<void> {
    const sent = this.#before.then(() => this.#send(keys, signal));
    this.#before = sent.catch(() => undefined); // told to whoever sent them
    return sent;
  }

  async #send(keys: readonly KeyEvent[], signal: AbortSignal | undefined): Promise<void> {
    for (const piece of piecesOf(keys)) {
      await this.#room(keyboardBytes(piece), signal);
      await this.#keyboard.put(piece);
    }
  }

  async #room(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#bytes + bytes > KEY_QUEUE_BYTES) {
      const startedMs = this.#time.now();
      while (!(await this.#keyboard.isEmpty())) {
        signal?.throwIfAborted();
        if (this.#time.now() - startedMs > KEYS_UNREAD_MS) throw unread();
        await this.#time.sleep(KEYS_LOOK_MS);
      }
      this.#bytes = 0;
    }
    this.#bytes += bytes;
  }
}

/** The same events in the same order, in as few pieces as fit into an empty queue one by one. */
function piecesOf(keys: readonly KeyEvent[]): KeyEvent[][] {
  const pieces: KeyEvent[][] = [];
  for (const key of keys) {
    const last = pieces.at(-1);
    if (last && keyboardBytes([...last, key]) <= KEY_QUEUE_BYTES) last.push(key);
    else pieces.push([key]);
  }
  return pieces;
}

function unread(): FailedError {
  return new FailedError(
    'machine/keys-unread',
    `the guest has not read its keyboard for ${KEYS_UNREAD_MS / 1000} seconds`,
    { hint: 'it hangs, or is not ready for input yet: wait for what shows when it is' },
  );
}

/**
 * Bytes that a PS/2 keyboard sends for these events at most (scan code set 2, as QEMU's hw/input/ps2.c has it): one for a press,
 * two for a release, one more each for the keys that came with the 101-key board. Fewer where the controller translates them.
 */
export function keyboardBytes(events: readonly KeyEvent[]): number {
  return events.reduce((sum, { key, down }) => sum + bytesOf(key)[down ? 'press' : 'release'], 0);
}

interface KeyBytes {
  readonly press: number;
  readonly release: number;
}

const PLAIN: KeyBytes = { press: 1, release: 2 };
const EXTENDED: KeyBytes = { press: 2, release: 3 };

const OTHERS: ReadonlyMap<string, KeyBytes> = new Map([
  ...'up down left right home end pgup pgdn insert delete alt_r ctrl_r meta_l meta_r compose'
    .split(' ')
    .map((key): [string, KeyBytes] => [key, EXTENDED]),
  // It comes with a Shift that was never pressed, 4 and 6 bytes, or, where AltGr is held, with that let go and pressed again.
  ['print', { press: 6, release: 7 }],
  // All of it at the press: this key has no release.
  ['pause', { press: 8, release: 0 }],
]);

function bytesOf(key: string): KeyBytes {
  return OTHERS.get(key) ?? PLAIN;
}
