import assert from 'node:assert/strict';
import { FailedError } from '../../../src/errors.ts';
import { parseBgf } from '../../../src/workshop/screen/bgf.ts';
import { CP437 } from '../../../src/workshop/screen/cp437.ts';
import { vgaFont, VGA_FONT_BYTES } from '../../../src/workshop/screen/learn-vga.ts';
import type { Glyph } from '../../../src/workshop/screen/types.ts';

/** Adapter memory with `rowsOf(code)` in plane 2 and noise in the others. */
function planes(rowsOf: (code: number) => readonly number[]): Uint8Array {
  const memory = new Uint8Array(VGA_FONT_BYTES).fill(0x55);
  for (let code = 0; code < 256; code++) {
    for (let row = 0; row < 32; row++) memory[(code * 32 + row) * 4 + 2] = rowsOf(code)[row] ?? 0;
  }
  return memory;
}

describe('the font in VGA memory', () => {
  const rowsOf = (code: number) =>
    code === 0x20 ? [] : Array.from({ length: 16 }, (_, row) => (code * 7 + row * 13 + 1) & 0xff);

  it('is read from plane 2, each glyph as its code page 437 character', () => {
    const font = vgaFont(planes(rowsOf));
    assert.equal(font?.height, 16);
    assert.equal(font.glyphs.length, 256);
    assert.deepEqual(font.glyphs[0x41], { codePoint: 0x41, width: 8, rows: rowsOf(0x41) });
    assert.equal(font.glyphs[0xc4]?.codePoint, 0x2500);
  });

  it('is eight pixels high where nothing is drawn below that', () => {
    assert.equal(vgaFont(planes((code) => rowsOf(code).slice(0, 8)))?.height, 8);
  });

  it('is null for memory that holds no font', () => {
    assert.equal(vgaFont(new Uint8Array(VGA_FONT_BYTES)), null);
    assert.equal(vgaFont(new Uint8Array(VGA_FONT_BYTES).fill(0xaa)), null);
  });

  it('has 256 different names but for the blanks', () => {
    assert.equal(CP437.length, 256);
    assert.equal(new Set(CP437).size, 254);
    assert.equal(CP437.slice(0x20, 0x7f), Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).join(''));
  });
});

const GLYPHS: readonly Glyph[] = [
  { codePoint: 0x41, width: 8, rows: [0x18, 0x24, 0x42, 0xff] },
  { codePoint: 0x42, width: 8, rows: [0xf0, 0x88, 0x88, 0xf0] },
  { codePoint: 0x141, width: 8, rows: [0x81, 0x42, 0x24, 0x18] },
  { codePoint: 0x4e2d, width: 16, rows: [0x0180, 0x7ffe, 0x4182, 0x0180] },
];

/** Writes the format as bgf.ts describes it. */
function bgf(glyphs: readonly Glyph[], { mask = 0xff, height = 4, bits = 64 } = {}): Buffer {
  const buckets: number[] = [];
  const entries: number[] = [];
  const content: number[] = [];
  for (let bucket = 0; bucket <= mask; bucket++) {
    buckets.push(entries.length);
    for (const glyph of glyphs.filter(({ codePoint }) => (codePoint & mask) === bucket)) {
      entries.push((glyph.codePoint & ~mask) | glyph.width, content.length);
      content.push(...glyph.rows.map((row) => (row << (32 - glyph.width)) >>> 0));
    }
    entries.push(0);
  }
  const bucketsAt = 0x40;
  const entriesAt = bucketsAt + buckets.length * 4;
  const contentAt = entriesAt + entries.length * 4;
  const header =
    bits === 64
      ? [0, 0x34, 0, height, mask, bucketsAt, 0, entriesAt, 0, contentAt, 0, 0, 0, 0, 0, 0]
      : [0, 0x20, height, mask, bucketsAt, entriesAt, contentAt, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  const words = [...header, ...buckets, ...entries, ...content];
  const bytes = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, index * 4);
  bytes.write('BGF1', 'latin1');
  return bytes;
}

describe('parseBgf', () => {
  it('reads glyphs of 8 and 16 pixels, whichever bucket they are in', () => {
    const byCodePoint = (a: Glyph, b: Glyph) => a.codePoint - b.codePoint;
    for (const bits of [64, 32]) {
      const font = parseBgf(bgf(GLYPHS, { bits }));
      assert.equal(font.height, 4);
      assert.deepEqual(font.glyphs.toSorted(byCodePoint), GLYPHS.toSorted(byCodePoint), `${bits} bits`);
    }
  });

  const refused: readonly [string, Buffer, RegExp][] = [
    [
      'another kind of file',
      Buffer.from('not a font at all, but long enough to be looked at'),
      /does not begin with BGF1/,
    ],
    ['a file cut short', bgf(GLYPHS).subarray(0, -8), /outside of itself/],
    ['no glyphs', bgf([]), /no glyphs/],
    ['an absurd height', bgf(GLYPHS, { height: 4000 }), /4000 pixels high/],
    ['an offset beyond its end', withWord(bgf(GLYPHS), 0x14, 0x7fffffff), /outside of itself/],
    ['an index mask that is no mask', withWord(bgf(GLYPHS), 0x10, 0xfd), /index mask/],
  ];
  for (const [what, bytes, words] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => parseBgf(bytes),
        (error) => error instanceof FailedError && error.code === 'screen/bad-font' && words.test(error.message),
      );
    });
  }
});

function withWord(bytes: Buffer, offset: number, word: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt32LE(word, offset);
  return changed;
}
