import type { Frame } from '../machine/types.ts';

/** What a screen says, and where: a grid of character cells read exactly from pixels by learned fonts. */

export interface Cell {
  /** One character; `\ufffd` where the bitmap is in no learned font. */
  readonly char: string;
  /** 0xRRGGBB. */
  readonly foreground: number;
  readonly background: number;
}

export interface ScreenText {
  readonly columns: number;
  readonly rows: number;
  /** Of one cell, in pixels of the frame: cells begin at its upper left corner. */
  readonly cellWidth: number;
  readonly cellHeight: number;
  /** One string a row, `columns` characters each (a double-width character is followed by a space). */
  readonly lines: readonly string[];
  cell(row: number, column: number): Cell;
  /**
   * True where a cell's colours are the screen's usual ones swapped, or where it is part of a bar of one or two rows on
   * another background: the entry of a menu or the button that the next key will act on.
   */
  isHighlighted(row: number, column: number): boolean;
  /** Cells in no learned font, the one under the cursor left out. */
  readonly unknownCells: number;
  /** Where an underline cursor was seen in this very frame (it blinks). A block cursor is read as an inverse cell. */
  readonly cursor?: { readonly row: number; readonly column: number };
  /** Which eye read it, for the log: `vga-font`, `unifont`, … */
  readonly font: string;
  /** Sequence number and capture time of the frame it was read from. */
  readonly sequence: number;
  readonly capturedAtMs: number;
}

export interface Glyph {
  readonly codePoint: number;
  /** Pixels: 8, or 16 for a double-width glyph. */
  readonly width: number;
  /** One number a pixel row, most significant of `width` bits at the left. */
  readonly rows: readonly number[];
}

export interface Font {
  readonly name: string;
  readonly height: number;
  readonly glyphs: readonly Glyph[];
}

/** Reads frames as text; learns fonts as it goes. */
export interface Eyes {
  read(frame: Frame): ScreenText;
  /** Adds a font; earlier fonts win where two glyphs share a bitmap. */
  learn(font: Font): void;
}
