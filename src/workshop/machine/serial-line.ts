/** Keeps what a guest says on its serial port. */
import type { Duplex } from 'node:stream';
import { SERIAL_BYTES } from './limits.ts';

export interface SerialLine {
  /** What has been received, the newest `limitBytes` of it. A view: do not write to it. */
  output(): Uint8Array;
  write(bytes: Uint8Array): Promise<void>;
}

export function listenToSerial(stream: Duplex, limitBytes = SERIAL_BYTES): SerialLine {
  let buffer = Buffer.alloc(4096);
  let used = 0;
  stream.on('data', (chunk: Buffer) => {
    if (used + chunk.length > buffer.length) {
      // Twice the limit is kept at most, and cut back to the limit: each byte is moved a bounded number of times.
      const kept = buffer.subarray(Math.max(0, used - limitBytes), used);
      const grown = Buffer.alloc(Math.max(2 * (kept.length + chunk.length), 4096));
      kept.copy(grown);
      buffer = grown;
      used = kept.length;
    }
    chunk.copy(buffer, used);
    used += chunk.length;
  });
  // The end of QEMU is told by the process, with its reason.
  stream.on('error', () => stream.destroy());
  return {
    output: () => buffer.subarray(Math.max(0, used - limitBytes), used),
    write: (bytes) =>
      new Promise((resolve, reject) => {
        stream.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
  };
}
