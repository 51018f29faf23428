/** Keeps what a guest says on its serial port. */
import type { Duplex } from 'node:stream';
import { SERIAL_BYTES } from './limits.ts';

export interface SerialLine {
  /** All that has been received. A view: do not write to it. */
  output(): Uint8Array;
  write(bytes: Uint8Array): Promise<void>;
}

/**
 * After `limitBytes` nothing more is taken: the guest's port is then full, as a real one without a listener would be.
 * Bytes are never dropped from the front, because conditions remember how far they had read.
 */
export function listenToSerial(stream: Duplex, limitBytes = SERIAL_BYTES): SerialLine {
  let buffer = Buffer.alloc(4096);
  let used = 0;
  stream.on('data', (data: Buffer) => {
    const chunk = data.subarray(0, limitBytes - used);
    if (used + chunk.length > buffer.length) {
      const grown = Buffer.alloc(2 * (used + chunk.length));
      buffer.copy(grown, 0, 0, used);
      buffer = grown;
    }
    chunk.copy(buffer, used);
    used += chunk.length;
    if (used === limitBytes) stream.pause();
  });
  // The end of QEMU is told by the process, with its reason.
  stream.on('error', () => stream.destroy());
  return {
    output: () => buffer.subarray(0, used),
    write: (bytes) =>
      new Promise((resolve, reject) => {
        stream.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
  };
}
