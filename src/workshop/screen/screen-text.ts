/** A reading as the rest of the workshop sees it: lines, cells, highlights. */
import type { Geometry } from './grid.ts';
import { usualColour } from './read-grid.ts';
import type { Reading } from './read-grid.ts';
import type { Cell, ScreenText } from './types.ts';

export function screenText(
  { columns, rows }: Pick<Geometry, 'columns' | 'rows'>,
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
  const rowUsual: number[] = [];
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
    lines,
    cell,
    isHighlighted(row, column) {
      const back = cell(row, column).background;
      if (back === usual.background) return false;
      if (back === usual.foreground) return true;
      rowUsual[row] ??= usualColour(background.subarray(row * columns, (row + 1) * columns));
      return back !== rowUsual[row];
    },
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
