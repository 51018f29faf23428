/**
 * A picture as openQA compares it: brightness alone, softened by a 3x3 Gaussian, in the integer arithmetic of the OpenCV
 * that does it there, so that every similarity comes out the same to the last bit.
 *
 * - brightness = (9798 R + 19235 G + 3735 B + 16384) >> 15 (`cvtColor`, 15 bits)
 * - softened = the weights 1 2 1 / 2 4 2 / 1 2 1 over 16, the picture mirrored at its edges without repeating the edge
 *   itself (`GaussianBlur`, default border). Rounding: halves upwards where the whole picture is softened, halves to even
 *   where only a part of it is (OpenCV's vectors round so), but for the last columns that no vector of four fills.
 */
import type { Picture, Rect } from './types.ts';

const TILE = 64;
const VECTOR = 4;

export interface Softened {
  readonly width: number;
  readonly height: number;
  /**
   * Brightnesses of the whole picture's size; valid within `part`, until the next call. A part of half the picture or more
   * is taken for the whole, as openQA does.
   */
  soften(part: Rect): Uint8Array;
}

/** Excluded places are painted with this in both pictures before softening: the brightness of openQA's pure green. */
export const EXCLUDED_GREY = 150;

const HALF_UP = Uint8Array.from({ length: 16 * 255 + 1 }, (_, sum) => (sum + 8) >> 4);
const HALF_EVEN = Uint8Array.from({ length: 16 * 255 + 1 }, (_, sum) => (sum + 7 + ((sum >> 4) & 1)) >> 4);

export function greyOf(red: number, green: number, blue: number): number {
  return (9798 * red + 19235 * green + 3735 * blue + 16384) >> 15;
}

/**
 * `excluded` places outside of the picture are cut off at its edges. `pixels`: of the screen that the picture is a piece of,
 * where it is one.
 */
export function createSoftened(
  picture: Picture,
  excluded: readonly Rect[] = [],
  pixels = picture.width * picture.height,
): Softened {
  const { width, height } = picture;
  const greyIn = createGrey(picture, excluded);
  let whole: Uint8Array | undefined;
  let scratch: Uint8Array | undefined;
  return {
    width,
    height,
    soften(part) {
      if (part.width * part.height * 2 >= pixels) {
        const all = { x: 0, y: 0, width, height };
        whole ??= blur(greyIn(all), new Uint8Array(width * height), width, height, all, 0);
        return whole;
      }
      scratch ??= new Uint8Array(width * height);
      const vectors = Math.floor(part.width / VECTOR) * VECTOR;
      return blur(greyIn(grown(part, width, height)), scratch, width, height, part, vectors);
    },
  };
}

/** One pixel around a part has a say in it. */
function grown({ x, y, width, height }: Rect, mostX: number, mostY: number): Rect {
  const [left, top] = [Math.max(0, x - 1), Math.max(0, y - 1)];
  return {
    x: left,
    y: top,
    width: Math.min(mostX, x + width + 1) - left,
    height: Math.min(mostY, y + height + 1) - top,
  };
}

/** Brightness without softening. A needle looks at a small part of a screen: tiles are made when first asked for. */
function createGrey({ width, height, rgb }: Picture, excluded: readonly Rect[]): (part: Rect) => Uint8Array {
  const grey = new Uint8Array(width * height);
  const across = Math.ceil(width / TILE);
  const done = new Uint8Array(across * Math.ceil(height / TILE));
  const make = (left: number, top: number): void => {
    const [right, bottom] = [Math.min(width, left + TILE), Math.min(height, top + TILE)];
    for (let y = top; y < bottom; y++) {
      let at = (y * width + left) * 3;
      const end = y * width + right;
      for (let to = y * width + left; to < end; to++, at += 3)
        grey[to] = (9798 * rgb[at]! + 19235 * rgb[at + 1]! + 3735 * rgb[at + 2]! + 16384) >> 15;
    }
    for (const { x, y, width: wide, height: high } of excluded) {
      const [from, to] = [Math.max(left, x), Math.min(right, x + wide)];
      if (from >= to) continue;
      for (let row = Math.max(top, y); row < Math.min(bottom, y + high); row++)
        grey.fill(EXCLUDED_GREY, row * width + from, row * width + to);
    }
  };
  return (part) => {
    const lastColumn = Math.floor((part.x + part.width - 1) / TILE);
    const lastRow = Math.floor((part.y + part.height - 1) / TILE);
    for (let row = Math.floor(part.y / TILE); row <= lastRow; row++) {
      for (let column = Math.floor(part.x / TILE); column <= lastColumn; column++) {
        if (done[row * across + column] === 1) continue;
        done[row * across + column] = 1;
        make(column * TILE, row * TILE);
      }
    }
    return grey;
  };
}

/** Sums down three rows slide along each row. The first `vectors` columns have their halves rounded to even. */
function blur(
  grey: Uint8Array,
  plane: Uint8Array,
  width: number,
  height: number,
  part: Rect,
  vectors: number,
): Uint8Array {
  const right = part.x + part.width;
  for (let y = part.y; y < part.y + part.height; y++) {
    const row = y * width;
    const above = mirrored(y - 1, height) * width;
    const below = mirrored(y + 1, height) * width;
    const before = mirrored(part.x - 1, width);
    let a = grey[above + before]! + 2 * grey[row + before]! + grey[below + before]!;
    let b = grey[above + part.x]! + 2 * grey[row + part.x]! + grey[below + part.x]!;
    let rounded = HALF_EVEN;
    for (let x = part.x; x < right; x++) {
      if (x >= part.x + vectors) rounded = HALF_UP;
      const next = x + 1 < width ? x + 1 : mirrored(x + 1, width);
      const c = grey[above + next]! + 2 * grey[row + next]! + grey[below + next]!;
      plane[row + x] = rounded[a + 2 * b + c]!;
      a = b;
      b = c;
    }
  }
  return plane;
}

/** -1 is 1, `size` is `size - 2`; a picture of one pixel has only that. */
function mirrored(at: number, size: number): number {
  if (size === 1) return 0;
  return at < 0 ? -at : at >= size ? 2 * size - 2 - at : at;
}
