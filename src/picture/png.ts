/**
 * PNG (ISO/IEC 15948), strictly: every checksum holds, every chunk is whole, the pixels are exactly as many as the header
 * says. The size is checked before anything is inflated, and inflating stops at it, so that no file can unfold into more
 * than its own header promises (threat 37). Interlaced files are refused: nothing that takes screenshots writes them.
 */
import { crc32, inflateSync } from 'node:zlib';
import { badPicture, checkSize } from './bad-picture.ts';
import { PICTURE_FILE_BYTES } from './limits.ts';
import type { Picture } from './types.ts';
import { unfilter } from './unfilter.ts';

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
/** Length, type and checksum around a chunk's data. */
const CHUNK_BYTES = 12;

const GREY = 0;
const RGB = 2;
const PALETTE = 3;
const GREY_ALPHA = 4;
const RGB_ALPHA = 6;

const CHANNELS: Readonly<Record<number, number>> = {
  [GREY]: 1,
  [RGB]: 3,
  [PALETTE]: 1,
  [GREY_ALPHA]: 2,
  [RGB_ALPHA]: 4,
};
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  [GREY]: [1, 2, 4, 8, 16],
  [RGB]: [8, 16],
  [PALETTE]: [1, 2, 4, 8],
  [GREY_ALPHA]: [8, 16],
  [RGB_ALPHA]: [8, 16],
};

export interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
}

interface Parts {
  readonly header: PngHeader;
  readonly palette: Uint8Array | undefined;
  readonly data: readonly Uint8Array[];
}

/** Transparency is left out, 16 bits are cut to 8: as OpenCV reads a picture in colour. Throws `picture/bad-png`, `picture/too-large`. */
export function decodePng(bytes: Uint8Array, name: string): Picture {
  const { header, palette, data } = partsOf(bytes, name);
  const { width, height, depth, colourType } = header;
  const channels = CHANNELS[colourType] ?? 0;
  const rowBytes = Math.ceil((width * channels * depth) / 8);
  const size = height * (1 + rowBytes);
  const raw = inflate(data, size, name);
  if (raw.length !== size) throw bad(name, `its pixels are ${raw.length} bytes, its header asks for ${size}`);
  const rows = unfilter(raw, rowBytes, height, Math.max(1, (channels * depth) / 8), (filter, row) =>
    bad(name, `row ${row} has the unknown filter ${filter}`),
  );
  if (colourType === RGB && depth === 8) return { width, height, rgb: rows };
  return { width, height, rgb: toRgb(rows, rowBytes, header, channels, palette, name) };
}

/** What a file says of itself, before anything is decoded. */
export function pngHeader(bytes: Uint8Array, name: string): PngHeader {
  const first = chunkAt(bytes, SIGNATURE.length, name);
  if (first.type !== 'IHDR' || first.data.length !== 13) throw bad(name, 'it does not begin with a header');
  const view = new DataView(first.data.buffer, first.data.byteOffset, first.data.length);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth = 0, colourType = 0, compression, filter, interlace] = first.data.subarray(8);
  checkSize(width, height, 'bad-png', name);
  if (DEPTHS[colourType]?.includes(depth) !== true) throw bad(name, `colour type ${colourType} with ${depth} bits`);
  if (compression !== 0 || filter !== 0) throw bad(name, 'an unknown compression or filter method');
  if (interlace !== 0) throw bad(name, 'it is interlaced');
  return { width, height, depth, colourType };
}

function partsOf(bytes: Uint8Array, name: string): Parts {
  if (bytes.length > PICTURE_FILE_BYTES) throw badPicture('too-large', name, `the file has ${bytes.length} bytes`);
  if (!isPng(bytes)) throw bad(name, 'it does not begin as a PNG does');
  const header = pngHeader(bytes, name);
  let palette: Uint8Array | undefined;
  const data: Uint8Array[] = [];
  let last = 'IHDR';
  let at = SIGNATURE.length + CHUNK_BYTES + 13;
  while (last !== 'IEND') {
    const { type, data: content } = chunkAt(bytes, at, name);
    at += CHUNK_BYTES + content.length;
    if (type === 'IDAT') {
      if (data.length > 0 && last !== 'IDAT') throw bad(name, 'its pixels are interrupted by another chunk');
      data.push(content);
    } else if (type === 'PLTE') palette = content;
    else if (type !== 'IEND' && type.charCodeAt(0) < 0x61) throw bad(name, `an unknown critical chunk ${type}`);
    last = type;
  }
  if (at !== bytes.length) throw bad(name, `${bytes.length - at} bytes after its end`);
  if (data.length === 0) throw bad(name, 'it has no pixels');
  if (header.colourType === PALETTE && (palette === undefined || palette.length % 3 !== 0 || palette.length > 768))
    throw bad(name, 'it has no palette that can be read');
  return { header, palette, data };
}

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.equals(bytes.subarray(0, SIGNATURE.length));
}

function chunkAt(bytes: Uint8Array, at: number, name: string): { readonly type: string; readonly data: Uint8Array } {
  if (at + CHUNK_BYTES > bytes.length) throw bad(name, 'it ends before its last chunk');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(at);
  const end = at + CHUNK_BYTES + length;
  if (end > bytes.length) throw bad(name, 'it ends within a chunk');
  const type = Buffer.from(bytes.subarray(at + 4, at + 8)).toString('latin1');
  if (!/^[A-Za-z]{4}$/.test(type)) throw bad(name, 'a chunk without a name');
  if (crc32(bytes.subarray(at + 4, end - 4)) !== view.getUint32(end - 4))
    throw bad(name, `the checksum of its chunk ${type} does not hold`);
  return { type, data: bytes.subarray(at + 8, end - 4) };
}

function inflate(data: readonly Uint8Array[], size: number, name: string): Uint8Array {
  try {
    // One byte more than there may be: what does not fit is an error, not a picture cut off.
    return inflateSync(data.length === 1 && data[0] ? data[0] : Buffer.concat(data), { maxOutputLength: size + 1 });
  } catch (cause) {
    const why =
      cause instanceof RangeError
        ? `its pixels unfold into more than the ${size} bytes of its header`
        : 'its pixels cannot be inflated';
    throw Object.assign(bad(name, why), { cause });
  }
}

function toRgb(
  rows: Uint8Array,
  rowBytes: number,
  { width, height, depth, colourType }: PngHeader,
  channels: number,
  palette: Uint8Array | undefined,
  name: string,
): Uint8Array {
  const rgb = new Uint8Array(width * height * 3);
  const colours = colourType === RGB || colourType === RGB_ALPHA;
  const scale = colourType === PALETTE || depth >= 8 ? 1 : 255 / (2 ** depth - 1);
  const step = depth === 16 ? 2 : 1;
  let to = 0;
  for (let y = 0; y < height; y++) {
    const start = y * rowBytes;
    for (let x = 0; x < width; x++, to += 3) {
      if (depth >= 8) {
        const at = start + x * channels * step;
        rgb[to] = rows[at]!;
        rgb[to + 1] = rows[colours ? at + step : at]!;
        rgb[to + 2] = rows[colours ? at + 2 * step : at]!;
      } else {
        const bit = x * depth;
        const value = (rows[start + (bit >> 3)]! >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
        rgb[to] = rgb[to + 1] = rgb[to + 2] = value * scale;
      }
      if (palette) {
        const at = rgb[to]! * 3;
        if (at >= palette.length) throw bad(name, `a pixel has colour ${at / 3}, its palette ${palette.length / 3}`);
        rgb.set(palette.subarray(at, at + 3), to);
      }
    }
  }
  return rgb;
}

function bad(name: string, why: string): Error {
  return badPicture('bad-png', name, why);
}
