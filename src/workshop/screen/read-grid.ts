/** Cells to characters: exact look-up of each bitmap, then of its inverse; what is in no font stays unknown. */
import { bitmapKey } from './glyphs.ts';
import type { GlyphIndex, Meaning } from './glyphs.ts';
import { MANY_COLOURS, ONE_COLOUR } from './grid.ts';
import type { Grid } from './grid.ts';

export const UNKNOWN = '\ufffd';

export interface Reading {
  /** One character a cell, in reading order. */
  readonly chars: string[];
  readonly foreground: Uint32Array;
  readonly background: Uint32Array;
  readonly unknownCells: number;
  /** Name of the font that most cells were read with. */
  readonly font: string;
  /** Cell number of an underline cursor, where one was seen through; -1 elsewhere. */
  readonly cursor: number;
}

export function readGrid(grid: Grid, index: GlyphIndex): Reading {
  const { columns, rows, cellHeight } = grid.geometry;
  const cells = columns * rows;
  const chars = Array.from<string>({ length: cells });
  const foreground = new Uint32Array(cells);
  const background = new Uint32Array(cells);
  const votes = index.fonts.map(() => 0);
  const found: (readonly Meaning[])[] = [];
  const unknown: number[] = [];
  const usual = usualColour(grid.first);

  const settle = (cell: number, meanings: readonly Meaning[], inverse: boolean) => {
    found[cell] = meanings;
    for (const { font } of meanings) votes[font] = (votes[font] ?? 0) + 1;
    foreground[cell] = (inverse ? grid.first[cell] : grid.other[cell])!;
    background[cell] = (inverse ? grid.other[cell] : grid.first[cell])!;
  };

  for (let cell = 0; cell < cells; cell++) {
    if (found[cell]) continue;
    const first = grid.first[cell]!;
    const other = grid.other[cell]!;
    if (other === ONE_COLOUR) {
      chars[cell] = ' ';
      foreground[cell] = background[cell] = first;
      continue;
    }
    const match =
      other === MANY_COLOURS ? undefined : lookUp(bitmapOf(grid, cell), 8, index, other === usual && first !== usual);
    if (match) {
      settle(cell, match.meanings, match.inverse);
      continue;
    }
    const wide = cell % columns < columns - 1 ? wideBitmap(grid, cell) : undefined;
    const wideMatch = wide && lookUp(wide, 16, index, false);
    if (wideMatch) {
      settle(cell, wideMatch.meanings, wideMatch.inverse);
      settle(cell + 1, [], wideMatch.inverse);
      foreground[cell + 1] = foreground[cell]!;
      background[cell + 1] = background[cell]!;
      chars[cell + 1] = ' ';
      continue;
    }
    unknown.push(cell);
    chars[cell] = UNKNOWN;
    foreground[cell] = other === MANY_COLOURS ? first : other;
    background[cell] = first;
  }

  const favourite = votes.indexOf(Math.max(...votes));
  for (let cell = 0; cell < cells; cell++) {
    const meanings = found[cell];
    if (meanings?.[0]) chars[cell] = (meanings.find(({ font }) => font === favourite) ?? meanings[0]).char;
  }
  const cursor = seeThroughCursor(grid, index, unknown);
  if (cursor) chars[cursor.cell] = cursor.char;
  return {
    chars,
    foreground,
    background,
    unknownCells: unknown.length - (cursor ? 1 : 0),
    font: index.fonts[favourite]?.name ?? 'none',
    cursor: cursor?.cell ?? -1,
  };

  function bitmapOf({ bitmaps }: Grid, cell: number): Uint8Array {
    return bitmaps.subarray(cell * cellHeight, (cell + 1) * cellHeight);
  }

  /** Two cells side by side as one bitmap of 16 pixels, where they share their two colours. */
  function wideBitmap({ first, other }: Grid, cell: number): Uint16Array | undefined {
    const [a, b] = [first[cell]!, other[cell]!];
    const [c, d] = [first[cell + 1]!, other[cell + 1]!];
    const straight = c === a && (d === b || d === ONE_COLOUR || b === ONE_COLOUR);
    const swapped = c === b && (d === a || d === ONE_COLOUR);
    if (b === MANY_COLOURS || d === MANY_COLOURS || !(straight || swapped)) return undefined;
    const left = bitmapOf(grid, cell);
    const right = bitmapOf(grid, cell + 1);
    return Uint16Array.from(left, (bits, row) => (bits << 8) | (right[row]! ^ (straight ? 0 : 0xff)));
  }
}

/** A bitmap and its inverse may both be characters (`▌` and `▐`): the usual background decides. */
function lookUp(
  bitmap: Uint8Array | Uint16Array,
  width: 8 | 16,
  index: GlyphIndex,
  inverseFirst: boolean,
): { meanings: readonly Meaning[]; inverse: boolean } | undefined {
  const full = width === 8 ? 0xff : 0xffff;
  for (const inverse of inverseFirst ? [true, false] : [false, true]) {
    const meanings = index.find(bitmapKey(inverse ? bitmap.map((bits) => bits ^ full) : bitmap), width);
    if (meanings) return { meanings, inverse };
  }
  return undefined;
}

/**
 * A text-mode cursor is a bar drawn over the lower rows of one cell, which then is in no font. Its upper rows still tell
 * the character, if only one character has them. There is one cursor, so this is done for one unknown cell only.
 */
function seeThroughCursor(
  grid: Grid,
  index: GlyphIndex,
  unknown: readonly number[],
): { cell: number; char: string } | undefined {
  const { cellHeight } = grid.geometry;
  for (const cell of unknown) {
    if (grid.other[cell] === MANY_COLOURS) continue;
    const bitmap = grid.bitmaps.subarray(cell * cellHeight, (cell + 1) * cellHeight);
    const char =
      underCursor(bitmap, index) ??
      underCursor(
        bitmap.map((bits) => bits ^ 0xff),
        index,
      );
    if (char !== undefined) return { cell, char };
  }
  return undefined;
}

/** A bar somewhere in the lower half, and above it what one character alone begins with. */
function underCursor(bitmap: Uint8Array, index: GlyphIndex): string | undefined {
  const top = bitmap.findIndex((bits, row) => bits === 0xff && row >= bitmap.length / 2);
  if (top < 0) return undefined;
  if (bitmap.subarray(0, top).every((bits) => bits === 0)) return ' ';
  return index.findTop(bitmapKey(bitmap), top)?.char;
}

/** The colour that most cells begin with. */
export function usualColour(colours: Uint32Array): number {
  const counts = new Map<number, number>();
  for (const colour of colours) counts.set(colour, (counts.get(colour) ?? 0) + 1);
  let usual = 0;
  let most = 0;
  for (const [colour, count] of counts) {
    if (count > most) [usual, most] = [colour, count];
  }
  return usual;
}
