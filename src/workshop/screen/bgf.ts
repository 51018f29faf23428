/**
 * BGF, the font format of bterm (bogl), in which Debian's installer carries its console font (`lib/unifont.bgf` in its
 * initrd). It is a memory image of bogl's structure, little-endian, with pointers of the architecture that it is for:
 *
 * | offset, 64-bit | 32-bit | field, of which 32 bits count |
 * |---|---|---|
 * | 0x04 | 0x04 | offset of the font's name, which follows the header: 0x34 or 0x20 |
 * | 0x0c | 0x08 | height in pixels |
 * | 0x10 | 0x0c | index mask: a character's low bits choose its bucket |
 * | 0x14 | 0x10 | offset of the bucket table: for each bucket, where its entries begin |
 * | 0x1c | 0x14 | offset of the entries: pairs of (code point with width in the mask's bits, place in content), 0 ends a bucket |
 * | 0x24 | 0x18 | offset of content: one 32-bit word a pixel row, leftmost pixel in the highest bit |
 */
import { FailedError } from '../../errors.ts';
import { FONT_FILE_BYTES, FONT_GLYPHS } from './limits.ts';
import type { Font, Glyph } from './types.ts';

const MAGIC = 'BGF1';
const WORD = 4;
const HEADER_BYTES = 0x28;

const LAYOUT_64 = { height: 0x0c, mask: 0x10, buckets: 0x14, entries: 0x1c, content: 0x24 } as const;
const LAYOUT_32 = { height: 0x08, mask: 0x0c, buckets: 0x10, entries: 0x14, content: 0x18 } as const;
/** Where the name of a font for a 32-bit architecture lies: right behind the header. */
const NAME_AT_32 = 0x20;

/** Throws `screen/bad-font` for bytes that are no whole BGF font. Keeps glyphs of 8 and 16 pixels. */
export function parseBgf(bytes: Uint8Array, name = 'unifont'): Font {
  if (bytes.length > FONT_FILE_BYTES)
    throw badFont(`it has ${bytes.length} bytes, at most ${FONT_FILE_BYTES} are read`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (offset: number): number => {
    if (offset < 0 || offset + WORD > bytes.length) throw badFont(`it points outside of itself (${offset})`);
    return view.getUint32(offset, true);
  };
  if (bytes.length < HEADER_BYTES || Buffer.from(bytes.subarray(0, WORD)).toString('latin1') !== MAGIC) {
    throw badFont(`it does not begin with ${MAGIC}`);
  }
  const layout = word(WORD) === NAME_AT_32 ? LAYOUT_32 : LAYOUT_64;
  const height = word(layout.height);
  const mask = word(layout.mask);
  const buckets = word(layout.buckets);
  const entries = word(layout.entries);
  const content = word(layout.content);
  if (height === 0 || height > 32) throw badFont(`its glyphs are ${height} pixels high`);
  if (mask > 0xffff || ((mask + 1) & mask) !== 0) throw badFont(`its index mask is ${mask}`);

  const glyphs: Glyph[] = [];
  for (let bucket = 0; bucket <= mask; bucket++) {
    for (let at = entries + word(buckets + bucket * WORD) * WORD; at < content; at += 2 * WORD) {
      const entry = word(at);
      if (entry === 0) break;
      const width = entry & mask;
      const rowsAt = content + word(at + WORD) * WORD;
      if (width !== 8 && width !== 16) continue;
      const rows = Array.from({ length: height }, (_, row) => word(rowsAt + row * WORD) >>> (32 - width));
      glyphs.push({ codePoint: (entry & ~mask) | bucket, width, rows });
      if (glyphs.length > FONT_GLYPHS) throw badFont(`it has more than ${FONT_GLYPHS} glyphs`);
    }
  }
  if (glyphs.length === 0) throw badFont('it has no glyphs of 8 or 16 pixels');
  return { name, height, glyphs };
}

function badFont(why: string): FailedError {
  return new FailedError('screen/bad-font', `this is not a BGF font that we can read: ${why}`);
}
