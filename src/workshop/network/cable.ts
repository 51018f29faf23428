/** The guest's network cable: QEMU's stream of frames, each with its length before it, four bytes, the highest first. */
import type { Duplex } from 'node:stream';
import { CABLE_BYTES, FRAME_BYTES, LONGEST_BYTES } from './limits.ts';

export interface Cable {
  readonly send: (frame: Buffer) => void;
}

/**
 * Frames that are longer than any may be are dropped, as a card would drop them. A length that QEMU never writes is the end of
 * the cable: nothing is gathered up for it.
 */
export function plugIn(stream: Duplex, take: (frame: Buffer) => void): Cable {
  let pending: Buffer = Buffer.alloc(0);
  stream.on('data', (data: Buffer) => {
    pending = pending.length === 0 ? data : Buffer.concat([pending, data]);
    let at = 0;
    while (pending.length - at >= 4) {
      const length = pending.readUInt32BE(at);
      if (length > LONGEST_BYTES) {
        pending = Buffer.alloc(0);
        stream.destroy();
        return;
      }
      if (pending.length - at - 4 < length) break;
      const frame = pending.subarray(at + 4, at + 4 + length);
      at += 4 + length;
      if (length <= FRAME_BYTES) take(frame);
    }
    pending = Buffer.from(pending.subarray(at));
  });
  // The end of QEMU is told by the process, with its reason.
  stream.on('error', () => stream.destroy());
  return {
    send(frame) {
      if (stream.destroyed || stream.writableLength > CABLE_BYTES) return;
      const head = Buffer.alloc(4);
      head.writeUInt32BE(frame.length);
      stream.write(Buffer.concat([head, frame]));
    },
  };
}
