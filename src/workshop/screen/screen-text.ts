/** A reading as the rest of the workshop sees it: lines, cells, highlights. */
import type { Geometry } from './grid.ts';
import { usualColour } from './read-grid.ts';
import type { Reading } from './read-grid.ts';
import type { Cell, ScreenText } from './types.ts';

/** A highlighted entry or button takes one row, or two where its text is folded. */
const BAR_ROWS = 2;

export function screenText(
  { columns, rows, cellWidth, cellHeight }: Geometry,
  reading: Reading,
  frame: { readonly sequence: number; readonly capturedAtMs: number },
): ScreenText {
  const { chars, foreground, background } = reading;
  const lines = Array.from({ length: rows }, (_, row) => chars.slice(row * columns, (row + 1) * columns).join(''));
  const at = (row: number, column: number) => {
    if (row < 0 || column < 0 || row >= rows || column >= columns) throw new RangeError(`no cell ${row},${column}`);
    return row * columns + column;
  };
  const usual = usualColours(reading);
  const backgroundAt = (row: number, column: number) => background[at(row, column)] ?? 0;

  function isHighlighted(row: number, column: number): boolean {
    const back = backgroundAt(row, column);
    const front = foreground[at(row, column)];
    const swapped = back === usual.foreground && (front === usual.background || front === back);
    return (swapped && usual.foreground !== usual.background) || isBar(row, column, back);
  }

  /** Part of a horizontal bar: a few rows high, between cells above and below that have one other background. */
  function isBar(row: number, column: number, back: number): boolean {
    let top = row;
    while (top > 0 && row - top < BAR_ROWS && backgroundAt(top - 1, column) === back) top--;
    let bottom = row;
    while (bottom < rows - 1 && bottom - top < BAR_ROWS && backgroundAt(bottom + 1, column) === back) bottom++;
    if (bottom - top >= BAR_ROWS || top === 0 || bottom === rows - 1) return false;
    return backgroundAt(top - 1, column) === backgroundAt(bottom + 1, column);
  }

  const cell = (row: number, column: number): Cell => {
    const index = at(row, column);
    return {
      char: chars[index] ?? ' ',
      foreground: foreground[index] ?? 0,
      background: background[index] ?? 0,
    };
  };
  return {
    columns,
    rows,
    cellWidth,
    cellHeight,
    lines,
    cell,
    isHighlighted: (row, column) => isHighlighted(row, column),
    unknownCells: reading.unknownCells,
    font: reading.font,
    ...(reading.cursor < 0
      ? {}
      : { cursor: { row: Math.floor(reading.cursor / columns), column: reading.cursor % columns } }),
    sequence: frame.sequence,
    capturedAtMs: frame.capturedAtMs,
  };
}

/** The colours that most of the screen's text has. */
function usualColours({ chars, foreground, background }: Reading): { foreground: number; background: number } {
  const written = foreground.filter((_, cell) => chars[cell] !== ' ');
  return { foreground: usualColour(written), background: usualColour(background) };
}
