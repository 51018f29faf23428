/** A frame cut into character cells: each cell's bitmap and its two colours. */
import type { Frame } from '../machine/types.ts';

export interface Geometry {
  readonly columns: number;
  readonly rows: number;
  /** Pixels. A VGA text cell is 9 wide: its ninth column repeats the eighth in line graphics and is empty elsewhere. */
  readonly cellWidth: number;
  readonly cellHeight: number;
}

/** Ways to cut this frame for a font of `height` pixels, likely ones first. */
export function geometries(frame: Frame, height: number): Geometry[] {
  // VGA text modes are 720 pixels wide (80 cells of 9) unless the guest asked for 8-pixel cells.
  const cellWidths = frame.width === 720 ? [9, 8] : [8];
  return cellWidths.map((cellWidth) => ({
    columns: Math.floor(frame.width / cellWidth),
    rows: Math.floor(frame.height / height),
    cellWidth,
    cellHeight: height,
  }));
}

/** Bitmaps are relative to each cell's first pixel: a bit is set where the pixel has the other colour. */
export interface Grid {
  readonly geometry: Geometry;
  /** One 8-bit number a pixel row, `cellHeight` of them a cell, cells in reading order. */
  readonly bitmaps: Uint8Array;
  /** Colour of the first pixel, 0xRRGGBB. */
  readonly first: Uint32Array;
  /** The other colour; `ONE_COLOUR` or `MANY_COLOURS` where there is not exactly one. */
  readonly other: Uint32Array;
}

export const ONE_COLOUR = 0xffffffff;
export const MANY_COLOURS = 0xfffffffe;

export function cutGrid(frame: Frame, geometry: Geometry): Grid {
  const { columns, rows, cellWidth, cellHeight } = geometry;
  const { rgb, width } = frame;
  const cells = columns * rows;
  const bitmaps = new Uint8Array(cells * cellHeight);
  const first = new Uint32Array(cells);
  const other = new Uint32Array(cells).fill(ONE_COLOUR);
  for (let cell = 0; cell < cells; cell++) {
    const left = (cell % columns) * cellWidth;
    const top = Math.floor(cell / columns) * cellHeight;
    const start = (top * width + left) * 3;
    const background = colourAt(rgb, start);
    let foreground = ONE_COLOUR;
    for (let y = 0; y < cellHeight; y++) {
      let at = start + y * width * 3;
      let bits = 0;
      for (let x = 0; x < 8; x++, at += 3) {
        const colour = colourAt(rgb, at);
        if (colour === background) continue;
        bits |= 0x80 >> x;
        if (colour === foreground) continue;
        foreground = foreground === ONE_COLOUR ? colour : MANY_COLOURS;
      }
      bitmaps[cell * cellHeight + y] = bits;
    }
    first[cell] = background;
    other[cell] = foreground;
  }
  return { geometry, bitmaps, first, other };
}

function colourAt(rgb: Uint8Array, at: number): number {
  return (rgb[at]! << 16) | (rgb[at + 1]! << 8) | rgb[at + 2]!;
}
