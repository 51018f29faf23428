/** A file's bytes as a picture, whichever of the two formats it is in. */
import { badPicture, checkSize } from './bad-picture.ts';
import { decodePng, isPng } from './png.ts';
import type { Picture } from './types.ts';

/** P6, width, height, 255, each behind one run of white space or comment lines, then exactly the pixels. */
const PPM_HEADER = /^P6(?:\s+|\s*#[^\n]*\n\s*)(\d{1,6})(?:\s+|\s*#[^\n]*\n\s*)(\d{1,6})(?:\s+|\s*#[^\n]*\n\s*)255\s/;
const LONGEST_PPM_HEADER_BYTES = 512;

/** Throws `picture/bad-png`, `picture/bad-ppm`, `picture/too-large` or `picture/unknown-format`. */
export function decodePicture(bytes: Uint8Array, name: string): Picture {
  if (isPng(bytes)) return decodePng(bytes, name);
  if (bytes[0] === 0x50 && bytes[1] === 0x36) return decodePpm(bytes, name);
  throw badPicture(
    'unknown-format',
    name,
    bytes.length === 0 ? 'it is empty' : 'it is neither PNG nor binary PPM (P6)',
  );
}

function decodePpm(bytes: Uint8Array, name: string): Picture {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, LONGEST_PPM_HEADER_BYTES));
  const match = PPM_HEADER.exec(head.toString('latin1'));
  if (!match) throw badPicture('bad-ppm', name, 'its header is not P6, width, height, 255');
  const [width, height] = [Number(match[1]), Number(match[2])];
  checkSize(width, height, 'bad-ppm', name);
  const rgb = bytes.subarray(match[0].length);
  if (rgb.length !== width * height * 3)
    throw badPicture(
      'bad-ppm',
      name,
      `${width}x${height} needs ${width * height * 3} bytes of pixels, it has ${rgb.length}`,
    );
  return { width, height, rgb };
}
