/**
 * Reads typed text back from the screen. Pure: two readings and what was sent between them.
 *
 * An echo may go on in the same row, break into the next row at any column, scroll the screen, or push the text of a
 * narrow entry field to the left. Each of these is a hypothesis about where every character stands now; one that explains
 * all of them, the ones confirmed before included, is the echo.
 */
import { UNKNOWN } from '../screen/read-grid.ts';
import type { ScreenText } from '../screen/types.ts';

export interface Place {
  readonly row: number;
  readonly column: number;
}

/** One field, as far as it has been read back. */
export interface Field {
  /** Characters confirmed, with where each stands now; those that scrolled out of sight have row -1. */
  readonly confirmed: readonly (Place & { readonly char: string })[];
  /** Where the next character will appear; null before the first was seen. */
  readonly next: Place | null;
  /** Column at which wrapped rows begin, once one was seen. */
  readonly wrapColumn: number | null;
}

export const EMPTY_FIELD: Field = { confirmed: [], next: null, wrapColumn: null };

/** The field with `sent` read back, or null while the screen does not show all of it. */
export function readEcho(before: ScreenText, now: ScreenText, field: Field, sent: string): Field | null {
  if (before.columns !== now.columns || before.rows !== now.rows) return null;
  if (field.next === null) return firstEcho(before, now, field, sent);
  for (const hypothesis of hypotheses(now, field, field.next, sent)) {
    if (explains(before, now, hypothesis, field.confirmed.length)) return fieldOf(hypothesis, field);
  }
  return null;
}

interface Hypothesis {
  /** All characters of the field, the new ones last. */
  readonly cells: readonly (Place & { readonly char: string })[];
  readonly scrolled: number;
  readonly wrapColumn: number | null;
  /** The new characters must differ from what stood there: their place is a guess, and old text must not confirm it. */
  readonly guessed: boolean;
}

const SCROLLED_ROWS = 2;

function* hypotheses(now: ScreenText, field: Field, next: Place, sent: string): Generator<Hypothesis> {
  const { confirmed, wrapColumn } = field;
  const fits = next.column + sent.length <= now.columns;
  if (fits) yield { cells: [...confirmed, ...inRow(sent, next)], scrolled: 0, wrapColumn, guessed: false };

  const begin = confirmed.find(({ row }) => row >= 0)?.column ?? next.column;
  const columns = wrapColumn === null ? range(0, begin + 1) : [wrapColumn];
  for (let scrolled = 0; scrolled <= SCROLLED_ROWS; scrolled++) {
    const old = confirmed.map((cell) => moved(cell, -scrolled, 0));
    const at = moved(next, -scrolled, 0);
    if (scrolled > 0 && fits) yield { cells: [...old, ...inRow(sent, at)], scrolled, wrapColumn, guessed: true };
    for (let split = Math.min(sent.length - 1, now.columns - next.column); split >= 0; split--) {
      for (const column of columns) {
        const rest = inRow(sent.slice(split), { row: at.row + 1, column });
        yield {
          cells: [...old, ...inRow(sent.slice(0, split), at), ...rest],
          scrolled,
          wrapColumn: column,
          guessed: true,
        };
      }
    }
  }

  // A field that is narrower than its text: all of it moves to the left, and its beginning out of sight.
  const left = Math.min(...confirmed.filter(({ row }) => row === next.row).map(({ column }) => column));
  for (let pushed = 1; pushed <= next.column - left; pushed++) {
    const old = confirmed.map((cell) => {
      const column = cell.column - pushed;
      return cell.row !== next.row || column < left ? { ...cell, row: -1 } : { ...cell, column };
    });
    const at = { row: next.row, column: next.column - pushed };
    yield { cells: [...old, ...inRow(sent, at)], scrolled: 0, wrapColumn, guessed: true };
  }
}

function explains(before: ScreenText, now: ScreenText, { cells, scrolled, guessed }: Hypothesis, old: number): boolean {
  let changed = false;
  for (const [index, { row, column, char }] of cells.entries()) {
    if (row < 0 && index < old) continue;
    const shown = now.lines[row]?.charAt(column);
    if (shown !== char) return false;
    if (index >= old && char !== ' ' && before.lines[row + scrolled]?.charAt(column) !== char) changed = true;
  }
  return changed || !guessed;
}

function fieldOf({ cells, wrapColumn }: Hypothesis, field: Field): Field {
  const last = cells.at(-1);
  return {
    confirmed: cells,
    next: last ? { row: last.row, column: last.column + 1 } : field.next,
    wrapColumn,
  };
}

/** The field begins where its text appeared: at the cursor if that was seen, else at the first place that changed. */
function firstEcho(before: ScreenText, now: ScreenText, field: Field, sent: string): Field | null {
  const lead = sent.length - sent.trimStart().length;
  const visible = sent.trim();
  // Blanks at the very beginning cannot be seen; the first visible character will show where they ended.
  if (visible === '') return { ...field, confirmed: [...field.confirmed, ...inRow(sent, NOWHERE)] };
  const found: Place[] = [];
  for (let row = 0; row < now.rows; row++) {
    const line = now.lines[row] ?? '';
    for (let column = line.indexOf(visible); column >= 0; column = line.indexOf(visible, column + 1)) {
      const changed = range(0, visible.length).every(
        (index) => visible[index] === ' ' || before.lines[row]?.charAt(column + index) !== visible[index],
      );
      if (changed && column >= lead) found.push({ row, column: column - lead });
    }
  }
  const start = found.find((place) => isAt(place, before.cursor)) ?? found[0];
  if (!start) return null;
  const cells = [...field.confirmed, ...inRow(sent, start)];
  return fieldOf({ cells, scrolled: 0, wrapColumn: null, guessed: true }, field);
}

/**
 * What stands from the field's next place to the end of its text, where it differs from `before`: what has to be erased. With no place
 * known yet, what changed first. Empty if there is nothing.
 */
export function strayText(before: ScreenText, now: ScreenText, field: Field): string {
  const start = field.next ?? firstChange(before, now);
  if (start === null) return '';
  const shown = now.lines[start.row]?.slice(start.column) ?? '';
  const was = before.lines[start.row]?.slice(start.column) ?? '';
  let end = shown.length;
  while (end > 0 && shown[end - 1] === was[end - 1]) end--;
  return shown.slice(0, end);
}

/** The characters of the field that still stand where they were, up to the first that does not. */
export function stillConfirmed(now: ScreenText, field: Field): Field {
  const gone = field.confirmed.findIndex(
    ({ row, column, char }) => row >= 0 && !showsOrHides(now.lines[row]?.charAt(column), char),
  );
  return gone < 0 ? field : cutField(field, gone);
}

/** The field without its characters from `length` on. */
export function cutField(field: Field, length: number): Field {
  const cut = field.confirmed[length];
  if (!cut) return field;
  const next = cut.row < 0 ? null : { row: cut.row, column: cut.column };
  return { ...field, confirmed: field.confirmed.slice(0, length), next };
}

/** A cell that cannot be read (a cursor over it) neither confirms nor refutes. */
function showsOrHides(shown: string | undefined, char: string): boolean {
  return shown === char || shown === UNKNOWN;
}

function firstChange(before: ScreenText, now: ScreenText): Place | null {
  for (let row = 0; row < now.rows; row++) {
    const [was, is] = [before.lines[row] ?? '', now.lines[row] ?? ''];
    if (was === is) continue;
    const column = range(0, now.columns).find((at) => was[at] !== is[at] && is[at] !== UNKNOWN);
    if (column !== undefined) return { row, column };
  }
  return null;
}

const NOWHERE: Place = { row: -1, column: 0 };

function inRow(text: string, { row, column }: Place): (Place & { char: string })[] {
  return Array.from(text, (char, index) => ({ row, column: column + index, char }));
}

function moved<T extends Place>(place: T, rows: number, columns: number): T {
  return { ...place, row: place.row + rows, column: place.column + columns };
}

function isAt(place: Place, cursor: Place | undefined): boolean {
  return cursor !== undefined && cursor.row === place.row && cursor.column === place.column;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}
