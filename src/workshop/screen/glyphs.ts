/** Bitmaps to characters: an index over all learned fonts of one height. */
import type { Font } from './types.ts';

/** A character of one font that a bitmap stands for. Fonts are told apart by the order in which they were learned. */
export interface Meaning {
  readonly font: number;
  readonly char: string;
}

export interface GlyphIndex {
  readonly height: number;
  readonly fonts: readonly Font[];
  /** Characters with exactly this bitmap, one for each font that has it, in order of learning. */
  find(key: string, width: 8 | 16): readonly Meaning[] | undefined;
  /** The only 8-pixel character whose rows from 0 up to `rows` (not included) are these, if it is the only one. */
  findTop(key: string, rows: number): Meaning | undefined;
  add(font: Font): void;
}

/** A bitmap as a map's key: one UTF-16 unit a pixel row. */
export function bitmapKey(rows: ArrayLike<number> & Iterable<number>): string {
  return String.fromCharCode(...rows);
}

export function createGlyphIndex(height: number): GlyphIndex {
  const fonts: Font[] = [];
  const byWidth = { 8: new Map<string, Meaning[]>(), 16: new Map<string, Meaning[]>() };
  const tops = new Map<number, Map<string, Meaning | null>>();

  function topsOf(rows: number): Map<string, Meaning | null> {
    let known = tops.get(rows);
    if (!known) {
      known = new Map();
      for (const [key, meanings] of byWidth[8]) {
        const top = key.slice(0, rows);
        // Null: two different characters begin like this.
        known.set(top, known.has(top) ? null : (meanings[0] ?? null));
      }
      tops.set(rows, known);
    }
    return known;
  }

  return {
    height,
    fonts,
    find: (key, width) => byWidth[width].get(key),
    findTop: (key, rows) => topsOf(rows).get(key.slice(0, rows)) ?? undefined,
    add(font) {
      const order = fonts.push(font) - 1;
      tops.clear();
      // Lines count in UTF-16 units, so only Unicode's first plane is read. By code point: of characters drawn alike within one font, ASCII is what was meant.
      for (const glyph of font.glyphs.toSorted((a, b) => a.codePoint - b.codePoint)) {
        if ((glyph.width !== 8 && glyph.width !== 16) || glyph.codePoint > 0xffff) continue;
        const key = bitmapKey(glyph.rows);
        const meanings = byWidth[glyph.width].get(key) ?? [];
        if (meanings.some((meaning) => meaning.font === order)) continue;
        byWidth[glyph.width].set(key, [...meanings, { font: order, char: String.fromCodePoint(glyph.codePoint) }]);
      }
    },
  };
}
