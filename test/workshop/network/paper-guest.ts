/** A guest made of frames, for whom a cable may lose some: it opens connections, sends, and takes what comes in order. */
import { duplexPair, type Duplex } from 'node:stream';
import { connectGuest, GUEST, HOST, type Doors } from '../../../src/workshop/network/index.ts';
import {
  ACK,
  FIN,
  parsePacket,
  RST,
  SYN,
  tcpFrame,
  udpFrame,
  type Segment,
} from '../../../src/workshop/network/packet.ts';

const MAC = Buffer.from([0x52, 0x54, 0, 0x12, 0x34, 0x56]);

export interface PaperGuest {
  /** Each frame that has come, whole. */
  readonly frames: readonly Buffer[];
  send(frame: Buffer): void;
  raw(bytes: Uint8Array): void;
  /**
   * Sends `bytes`, then says that there is no more (with `waits` only once the other side has said so); all that came back, or
   * `null` where the connection was refused.
   */
  exchange(
    bytes: Buffer,
    options?: { readonly to?: string; readonly port?: number; readonly waits?: boolean },
  ): Promise<Buffer | null>;
  close(): void;
}

export function paperGuest(doors: Doors, loses: () => boolean = () => false): PaperGuest {
  const [ours, cable] = duplexPair();
  const network = connectGuest(cable, { resendMs: 5, ...doors });
  const frames: Buffer[] = [];
  const listeners = new Set<(segment: Segment) => void>();
  let nextPort = 40_000;

  readFrames(ours, (frame) => {
    if (loses()) return;
    frames.push(frame);
    const packet = parsePacket(frame);
    if (packet?.kind === 'tcp') for (const listener of listeners) listener(packet.segment);
  });
  function send(frame: Buffer): void {
    if (loses()) return;
    const head = Buffer.alloc(4);
    head.writeUInt32BE(frame.length);
    ours.write(Buffer.concat([head, frame]));
  }

  return {
    frames,
    send,
    raw: (bytes) => void ours.write(bytes),
    exchange(bytes, { to = HOST, port = 80, waits = false } = {}) {
      nextPort += 1;
      const fromPort = nextPort;
      const from = GUEST;
      const fin = bytes.length + 1;
      let acknowledged = -1; // of our stream: -1 is the SYN itself
      let expected = 0;
      const received: Buffer[] = [];
      const start = 0xffff_ff00; // so that the numbers go round
      return new Promise((resolve) => {
        const say = (offset: number, flags: number, payload: Buffer = Buffer.alloc(0)): void => {
          const seq = (start + 1 + offset) >>> 0;
          const segment = { from, to, fromPort, toPort: port, seq, ack: expected, flags, window: 4_000, payload };
          send(tcpFrame(MAC, MAC, segment));
        };
        /** Whatever is due now; said again until it is heard. */
        const speak = (): void => {
          if (acknowledged < 0) return say(-1, SYN);
          const rest = bytes.subarray(acknowledged, acknowledged + 1_000);
          if (rest.length > 0) return say(acknowledged, ACK, rest);
          say(acknowledged, acknowledged < fin && !waits ? ACK | FIN : ACK);
        };
        const timer = setInterval(speak, 5);
        const end = (result: Buffer | null): void => {
          clearInterval(timer);
          listeners.delete(hear);
          resolve(result);
        };
        const hear = (segment: Segment): void => {
          if (segment.fromPort !== port || segment.toPort !== fromPort) return;
          if ((segment.flags & RST) !== 0) return end(null);
          if ((segment.flags & SYN) !== 0) {
            expected = (segment.seq + 1) >>> 0;
            acknowledged = Math.max(acknowledged, 0);
            return speak();
          }
          const heard = (segment.ack - start - 1) | 0;
          const moved = heard > acknowledged;
          if (moved) acknowledged = heard;
          if (segment.seq === expected) {
            received.push(segment.payload);
            expected = (expected + segment.payload.length) >>> 0;
            if ((segment.flags & FIN) !== 0) {
              expected = (expected + 1) >>> 0;
              say(Math.min(acknowledged, fin), ACK);
              return end(Buffer.concat(received));
            }
          }
          if (segment.payload.length > 0 || (moved && acknowledged < fin)) speak();
        };
        listeners.add(hear);
        speak();
      });
    },
    close() {
      network.close();
      ours.destroy();
      cable.destroy();
    },
  };
}

/** A question of DHCP, or any other datagram of the guest's. */
export function datagram(toPort: number, payload: Buffer, to = '255.255.255.255'): Buffer {
  return udpFrame(MAC, MAC, { from: '0.0.0.0', to, fromPort: 68, toPort, payload });
}

function readFrames(stream: Duplex, take: (frame: Buffer) => void): void {
  let pending = Buffer.alloc(0);
  stream.on('data', (data: Buffer) => {
    pending = Buffer.concat([pending, data]);
    while (pending.length >= 4 && pending.length >= 4 + pending.readUInt32BE(0)) {
      const end = 4 + pending.readUInt32BE(0);
      const frame = pending.subarray(4, end);
      pending = pending.subarray(end);
      take(frame);
    }
  });
}
