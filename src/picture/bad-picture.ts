import { UsageError } from '../errors.ts';
import { PICTURE_HEIGHT_PIXELS, PICTURE_WIDTH_PIXELS } from './limits.ts';

/** A picture that cannot be read: `picture/bad-png`, `picture/bad-ppm`, `picture/unknown-format` or `picture/too-large`. */
export function badPicture(code: string, name: string, why: string): UsageError {
  return new UsageError(`picture/${code}`, `${name} cannot be read as a picture: ${why}`, {
    hint: 'A picture is a whole PNG (not interlaced) or binary PPM file.',
  });
}

/** Refuses a size before memory is taken for it. */
export function checkSize(width: number, height: number, code: string, name: string): void {
  if (width === 0 || height === 0) throw badPicture(code, name, `it is ${width}x${height} pixels large`);
  if (width > PICTURE_WIDTH_PIXELS || height > PICTURE_HEIGHT_PIXELS) {
    throw badPicture(
      'too-large',
      name,
      `it says that it is ${width}x${height}, at most ${PICTURE_WIDTH_PIXELS}x${PICTURE_HEIGHT_PIXELS} is read`,
    );
  }
}
