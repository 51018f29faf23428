/** Writes grey and colour pictures as PNG: evidence, and the needles that recipes carry. Same pixels, same bytes. */
import { crc32, deflateSync } from 'node:zlib';
import type { GreyPicture, Picture } from './types.ts';

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

export function encodePng({ width, height, rgb }: Picture): Uint8Array {
  return encode(width, height, 3, rgb);
}

export function encodeGreyPng({ width, height, grey }: GreyPicture): Uint8Array {
  return encode(width, height, 1, grey);
}

function encode(width: number, height: number, channels: 1 | 3, pixels: Uint8Array): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, channels === 3 ? 2 : 0, 0, 0, 0], 8);
  const rowBytes = width * channels;
  const rows = new Uint8Array(height * (rowBytes + 1));
  for (let y = 0; y < height; y++) {
    const to = y * (rowBytes + 1);
    // Up: flat screens become zeros.
    rows[to] = y === 0 ? 0 : 2;
    for (let x = 0; x < rowBytes; x++) {
      const at = y * rowBytes + x;
      rows[to + 1 + x] = pixels[at]! - (y === 0 ? 0 : pixels[at - rowBytes]!);
    }
  }
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}
