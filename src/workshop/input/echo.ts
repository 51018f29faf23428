/**
 * Reads typed text back from the screen. Pure: two readings and what was sent between them.
 *
 * An echo may go on in the same row, break into the next row at any column, scroll the screen, or push the text of a
 * narrow entry field to the left. Each of these is a hypothesis about where every character stands now; one that explains
 * all of them, the ones confirmed before included, is the echo.
 */
import { UNKNOWN } from '../screen/read-grid.ts';
import type { ScreenText } from '../screen/types.ts';
import { charactersOfKey, DEFAULT_KEYBOARD, type KeyboardName } from '../../recipe/keyboards.ts';
import { CHARACTERS_IN_FLIGHT } from './limits.ts';

export interface Place {
  readonly row: number;
  readonly column: number;
}

/** What of a reading counts here. */
export type Lines = Pick<ScreenText, 'lines' | 'columns' | 'rows' | 'cursor'>;

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
export function readEcho(before: Lines, now: Lines, field: Field, sent: string): Field | null {
  if (before.columns !== now.columns || before.rows !== now.rows) return null;
  if (field.next === null) return firstEcho(before, now, field, sent);
  for (const hypothesis of hypotheses(before, now, field, field.next, sent)) {
    if (!explains(before, now, hypothesis, field.confirmed.length)) continue;
    const read = fieldOf(hypothesis, field);
    if (endsThere(before, now, read, hypothesis.scrolled, field.next)) return read;
  }
  return null;
}

/**
 * Nothing new stands behind the echo: a doubled character would. What stood there before still does, or, where text was
 * typed in the middle of other text, has moved on with it.
 */
function endsThere(before: Lines, now: Lines, { next }: Field, scrolled: number, began: Place): boolean {
  if (next === null) return true;
  const cell = (screen: Lines, { row, column }: Place, along: number): string => {
    const at = column + along;
    const inside = at < screen.columns ? { row, column: at } : { row: row + 1, column: at - screen.columns };
    return screen.lines[inside.row]?.charAt(inside.column) ?? ' ';
  };
  return range(0, CHARACTERS_IN_FLIGHT).every((along) => {
    const shown = cell(now, next, along);
    const pushedOn = cell(before, began, along);
    if (shown === UNKNOWN || shown === cell(before, moved(next, scrolled, 0), along)) return true;
    return pushedOn !== ' ' && shown === pushedOn;
  });
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

function* hypotheses(before: Lines, now: Lines, field: Field, next: Place, sent: string): Generator<Hypothesis> {
  const { confirmed, wrapColumn } = field;
  const fits = next.column + sent.length <= now.columns;
  if (fits) yield { cells: [...confirmed, ...inRow(sent, next)], scrolled: 0, wrapColumn, guessed: false };

  const begin = confirmed.find(({ row }) => row >= 0)?.column ?? next.column;
  const columns = wrapColumn === null ? range(0, begin + 1) : [wrapColumn];
  for (let scrolled = 0; scrolled <= SCROLLED_ROWS; scrolled++) {
    if (!hasScrolled(before, now, next.row - scrolled, scrolled)) continue;
    const old = confirmed.map((cell) => moved(cell, -scrolled, 0));
    const at = moved(next, -scrolled, 0);
    if (scrolled > 0 && fits) yield { cells: [...old, ...inRow(sent, at)], scrolled, wrapColumn, guessed: true };
    for (let split = Math.min(sent.length - 1, now.columns - next.column); split >= 0; split--) {
      for (const column of columns) {
        if (!mayBreak(before, now, { confirmed, next, sent, split, scrolled, column })) continue;
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
  const inField = confirmed.filter(({ row }) => row === next.row);
  const left = Math.min(...inField.map(({ column }) => column));
  for (let pushed = 1; pushed <= sent.length && pushed + SEEN_OF_PUSHED <= inField.length; pushed++) {
    const old = confirmed.map((cell) => {
      const column = cell.column - pushed;
      return cell.row !== next.row || column < left ? { ...cell, row: -1 } : { ...cell, column };
    });
    const at = { row: next.row, column: next.column - pushed };
    yield { cells: [...old, ...inRow(sent, at)], scrolled: 0, wrapColumn, guessed: true };
  }
}

interface Break {
  readonly confirmed: Field['confirmed'];
  readonly next: Place;
  readonly sent: string;
  /** Characters of `sent` before the break. */
  readonly split: number;
  readonly scrolled: number;
  /** Where the next row begins. */
  readonly column: number;
}

/**
 * Text breaks at the right edge, and goes on at the left one. Where it seems to break before that, as in a box, the rest of
 * the row and the beginning of the next must be as they were, and no blank may stand beside the break: one that was
 * doubled would push the rest over the edge.
 */
function mayBreak(before: Lines, now: Lines, { confirmed, next, sent, split, scrolled, column }: Break): boolean {
  const edge = next.column + split;
  if (edge >= now.columns) return column === 0;
  const margin = (screen: Lines, row: number) => (screen.lines[row] ?? '').slice(0, column).trimEnd();
  if (margin(before, next.row + 1) !== margin(now, next.row + 1 - scrolled)) return false;
  const last = split > 0 ? sent[split - 1] : confirmed.at(-1)?.char;
  if (last === ' ' || sent[split] === ' ') return false;
  return before.lines[next.row]?.slice(edge) === now.lines[next.row - scrolled]?.slice(edge);
}

/** Characters that must still be seen of a field whose text was pushed to the left. */
const SEEN_OF_PUSHED = 4;

/** Everything above `row` moved up by as many rows, something visible with it. One row may differ: a clock. */
function hasScrolled(before: Lines, now: Lines, row: number, rows: number): boolean {
  if (rows === 0) return true;
  const above = range(0, row).map((at) => ({ was: before.lines[at + rows], is: now.lines[at] }));
  const same = above.filter(({ was, is }) => was === is);
  return same.length >= above.length - 1 && same.some(({ is }) => is?.trim() !== '');
}

function explains(before: Lines, now: Lines, { cells, scrolled, guessed }: Hypothesis, old: number): boolean {
  // Blanks alone change nothing: their place is only proven by what comes after them.
  let changed = cells.slice(old).every(({ char }) => char === ' ');
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
function firstEcho(before: Lines, now: Lines, field: Field, sent: string): Field | null {
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
      // Nothing new stands before it: a doubled character would.
      const begins = range(Math.max(0, column - CHARACTERS_IN_FLIGHT), column).every(
        (at) => before.lines[row]?.[at] === line[at] || line[at] === UNKNOWN || before.lines[row]?.[at] === UNKNOWN,
      );
      if (changed && begins && column >= lead) found.push({ row, column: column - lead });
    }
  }
  const start = found.find((place) => isAt(place, before.cursor)) ?? found[0];
  if (!start) return null;
  const cells = [...field.confirmed, ...inRow(sent, start)];
  const read = fieldOf({ cells, scrolled: 0, wrapColumn: null, guessed: true }, field);
  return endsThere(before, now, read, 0, start) ? read : null;
}

/**
 * What stands from the field's next place to the end of its text, where it differs from `before`: what has to be erased.
 * With no place known yet, the first change that is made of the characters that were sent. Empty if there is nothing.
 */
export function strayText(
  before: Lines,
  now: Lines,
  field: Field,
  sent: string,
  layout: KeyboardName = DEFAULT_KEYBOARD,
): string {
  const start = field.next ?? firstStray(before, now, sent, layout);
  if (start === null) return '';
  // What came out wrong may have gone on in the next row.
  const rest = (screen: Lines) =>
    (screen.lines[start.row] ?? '').slice(start.column) + (screen.lines[start.row + 1] ?? '');
  const [was, shown] = [rest(before), rest(now)];
  let end = shown.length;
  while (end > 0 && shown[end - 1] === was[end - 1]) end--;
  return shown.slice(0, end).trimEnd();
}

/** The same field and the same old reading, as they stand on a screen that may have scrolled since. */
export function followScroll(before: Lines, now: Lines, field: Field): { before: Lines; field: Field } {
  for (let rows = 0; rows <= SCROLLED_ROWS && field.next !== null; rows++) {
    if (!hasScrolled(before, now, field.next.row - rows, rows)) continue;
    const confirmed = field.confirmed.map((cell) => moved(cell, -rows, 0));
    const there = { ...field, confirmed, next: moved(field.next, -rows, 0) };
    // Blanks at its end were never seen: what went wrong may stand in their place.
    const visible = there.confirmed.findLastIndex(({ char }) => char !== ' ') + 1;
    if (stillConfirmed(now, there).confirmed.length < visible) continue;
    const lines = [...before.lines.slice(rows), ...Array.from({ length: rows }, () => ' '.repeat(before.columns))];
    return { before: { ...before, lines }, field: there };
  }
  return { before, field };
}

/** The characters of the field that still stand where they were, up to the first that does not. */
export function stillConfirmed(now: Lines, field: Field): Field {
  const gone = field.confirmed.findIndex(
    ({ row, column, char }) => row >= 0 && !showsOrHides(now.lines[row]?.charAt(column), char),
  );
  return gone < 0 ? field : cutField(field, gone);
}

/** The field without its characters from `length` on. */
function cutField(field: Field, length: number): Field {
  const cut = field.confirmed[length];
  if (!cut) return field;
  const next = cut.row < 0 ? null : { row: cut.row, column: cut.column };
  return { ...field, confirmed: field.confirmed.slice(0, length), next };
}

/** A cell that cannot be read (a cursor over it) neither confirms nor refutes. */
function showsOrHides(shown: string | undefined, char: string): boolean {
  return shown === char || shown === UNKNOWN;
}

/** The first cell that changed to a character that was sent, and not next to a change to any other. */
function firstStray(before: Lines, now: Lines, sent: string, layout: KeyboardName): Place | null {
  const ours = new Set(Array.from(sent, (char) => charactersOfKey(layout, char)).flat());
  for (const [row, is] of now.lines.entries()) {
    const changed = range(0, now.columns).filter((at) => before.lines[row]?.[at] !== is[at] && is[at] !== ' ');
    const [column] = changed;
    if (column !== undefined && changed.every((at) => ours.has(is[at] ?? '') || is[at] === UNKNOWN))
      return { row, column };
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
