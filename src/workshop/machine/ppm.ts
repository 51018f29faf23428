/** Binary PPM (netpbm's P6): the picture format that QEMU's `screendump` writes fastest. */
import { FailedError } from '../../errors.ts';
import { FRAME_HEIGHT_PIXELS, FRAME_WIDTH_PIXELS } from './limits.ts';

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** width × height × 3 bytes, rows from the top; a view of the input. */
  readonly rgb: Uint8Array;
}

/** P6, width, height, 255: decimal numbers between single runs of white space, then exactly the pixels. */
const HEADER = /^P6\s+(\d{1,6})\s+(\d{1,6})\s+255\s/;
const LONGEST_HEADER_BYTES = 64;

/** Throws `machine/bad-picture` for anything but one whole picture within our limits. */
export function parsePpm(bytes: Uint8Array): Picture {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, LONGEST_HEADER_BYTES));
  const match = HEADER.exec(head.toString('latin1'));
  if (!match) throw badPicture('it does not begin with a P6 header');
  const width = Number(match[1]);
  const height = Number(match[2]);
  if (width === 0 || height === 0 || width > FRAME_WIDTH_PIXELS || height > FRAME_HEIGHT_PIXELS) {
    throw badPicture(
      `${width}x${height} is not a size that we read (at most ${FRAME_WIDTH_PIXELS}x${FRAME_HEIGHT_PIXELS})`,
    );
  }
  const rgb = bytes.subarray(match[0].length);
  if (rgb.length !== width * height * 3) {
    throw badPicture(`${width}x${height} needs ${width * height * 3} bytes of pixels, it has ${rgb.length}`);
  }
  return { width, height, rgb };
}

function badPicture(why: string): FailedError {
  return new FailedError('machine/bad-picture', `QEMU's picture of the screen cannot be read: ${why}`);
}
