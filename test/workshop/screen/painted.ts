/** Frames painted from text with a made-up font, and screens made from lines: for tests that need no guest. */
import type { Frame } from '../../../src/workshop/machine/types.ts';
import { screenText } from '../../../src/workshop/screen/screen-text.ts';
import type { Font, Glyph, ScreenText } from '../../../src/workshop/screen/types.ts';
import { seeded } from '../../support/random.ts';

/** ASCII as random bitmaps, the blank empty; the last two rows stay free for a cursor. */
export function madeUpFont({ seed = 1, height = 16, name = 'made-up' } = {}): Font {
  const random = seeded(seed);
  const glyphs: Glyph[] = [];
  for (let codePoint = 0x20; codePoint < 0x7f; codePoint++) {
    const rows = Array.from({ length: height }, (_, row) =>
      codePoint === 0x20 || row >= height - 2 ? 0 : Math.floor(random() * 256),
    );
    glyphs.push({ codePoint, width: 8, rows });
  }
  return { name, height, glyphs };
}

export interface Paint {
  readonly lines: readonly string[];
  readonly font: Font;
  readonly cellWidth?: 8 | 9;
  readonly width?: number;
  /** Colours of a cell; default: light grey on black. */
  readonly colours?: (row: number, column: number) => { readonly foreground: number; readonly background: number };
  /** An underline cursor over this cell. */
  readonly cursor?: { readonly row: number; readonly column: number };
}

const GREY_ON_BLACK = { foreground: 0xaaaaaa, background: 0 };

export function paint({ lines, font, cellWidth = 8, width, colours = () => GREY_ON_BLACK, cursor }: Paint): Frame {
  const columns = Math.max(...lines.map((line) => line.length));
  const frameWidth = width ?? columns * cellWidth;
  const height = lines.length * font.height;
  const rgb = new Uint8Array(frameWidth * height * 3);
  const set = (x: number, y: number, colour: number) =>
    rgb.set([colour >> 16, (colour >> 8) & 0xff, colour & 0xff], (y * frameWidth + x) * 3);
  for (const [row, line] of lines.entries()) {
    for (let column = 0; column < columns; column++) {
      const glyph = font.glyphs.find(({ codePoint }) => codePoint === (line.codePointAt(column) ?? 0x20));
      const { foreground, background } = colours(row, column);
      const underCursor = cursor?.row === row && cursor.column === column;
      const glyphWidth = Math.max(cellWidth, glyph?.width ?? 8);
      for (let y = 0; y < font.height; y++) {
        const bits = underCursor && y >= font.height - 2 ? 0xff : (glyph?.rows[y] ?? 0);
        for (let x = 0; x < glyphWidth; x++) {
          const on = (bits >> ((glyph?.width ?? 8) - 1 - x)) & 1;
          set(column * cellWidth + x, row * font.height + y, on ? foreground : background);
        }
      }
      // A double-width glyph has covered the next cell.
      if (glyph?.width === 16) column++;
    }
  }
  return { width: frameWidth, height, rgb, sequence: 1, capturedAtMs: 0 };
}

/** A screen that says these lines; `highlighted` cells are black on grey, the others grey on black. */
export function screenOf(
  lines: readonly string[],
  options: {
    readonly highlighted?: (row: number, column: number) => boolean;
    readonly cursor?: { readonly row: number; readonly column: number };
    readonly columns?: number;
  } = {},
): ScreenText {
  const columns = options.columns ?? Math.max(...lines.map((line) => line.length));
  const cells = lines.flatMap((line) => Array.from(line.padEnd(columns)));
  const marked = cells.map((_, cell) => options.highlighted?.(Math.floor(cell / columns), cell % columns) === true);
  return screenText(
    { columns, rows: lines.length, cellWidth: 8, cellHeight: 16 },
    {
      chars: cells,
      foreground: Uint32Array.from(marked, (mark) => (mark ? 0 : 0xaaaaaa)),
      background: Uint32Array.from(marked, (mark) => (mark ? 0xaaaaaa : 0)),
      unknownCells: 0,
      font: 'made-up',
      cursor: options.cursor ? options.cursor.row * columns + options.cursor.column : -1,
    },
    { sequence: 1, capturedAtMs: 0 },
  );
}
