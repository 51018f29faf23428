/** Finding text on a screen: pure functions of what was read. Expected and read text are folded alike (fold.ts). */
import { UsageError } from '../../errors.ts';
import { compileRegex } from '../../recipe/regex.ts';
import type { TextPattern } from '../../recipe/types.ts';
import { flow } from './flow.ts';
import { foldBlanks, foldText } from './fold.ts';
import type { ScreenText } from './types.ts';

/** Where a text stands, in cells. A text that goes on in the next row has the length of its part in the first. */
export interface Spot {
  readonly row: number;
  readonly column: number;
  readonly length: number;
}

/** Rows `top` to `bottom` and columns `left` to `right`, the latter not included. */
interface Window {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/**
 * Every place of the text, from the top. A plain string is looked for within rows first; only if no row has it, as
 * text that flows from row to row, where frames count as blanks and any run of blanks as one. A regular expression is
 * matched against each row (without the blanks at its end, then with them). Throws `screen/bad-pattern`.
 */
export function findText(screen: ScreenText, wanted: string | TextPattern): Spot[] {
  const pattern: TextPattern = typeof wanted === 'string' ? { string: wanted } : wanted;
  const window = windowOf(screen, pattern);
  const spots = spotsIn(screen, pattern, window);
  return pattern.style === 'inverse' ? spots.filter((spot) => isHighlightedText(screen, spot)) : spots;
}

function spotsIn(screen: ScreenText, { string, regex }: TextPattern, window: Window): Spot[] {
  if (string !== undefined) {
    const wanted = foldText(string);
    if (wanted.trim() === '') return [];
    const spots = inRows(screen, window, (line) => occurrences(line, wanted));
    return spots.length > 0 ? spots : inFlow(screen, window, wanted);
  }
  if (regex === undefined)
    throw new UsageError('screen/bad-pattern', 'a text pattern has neither `string` nor `regex`');
  const compiled = compileRegex(foldText(regex));
  if (!compiled.ok) {
    throw new UsageError('screen/bad-pattern', `the regular expression ${JSON.stringify(regex)}: ${compiled.problem}`);
  }
  return inRows(screen, window, (line) => {
    const matchesIn = (text: string) => {
      const found: { start: number; end: number }[] = [];
      const matcher = compiled.regex.matcher(text);
      while (matcher.find())
        if (matcher.end() > matcher.start()) found.push({ start: matcher.start(), end: matcher.end() });
      return found;
    };
    const matches = matchesIn(line.trimEnd());
    return matches.length > 0 ? matches : matchesIn(line);
  });
}

/** True where every visible character of the place is highlighted, and there is one. */
export function isHighlightedText(screen: ScreenText, { row, column, length }: Spot): boolean {
  const columns = Array.from({ length }, (_, index) => column + index);
  const visible = columns.filter((at) => screen.cell(row, at).char !== ' ');
  return visible.length > 0 && visible.every((at) => screen.isHighlighted(row, at));
}

function windowOf({ columns, rows }: ScreenText, { area, line }: TextPattern): Window {
  const [left, top, width, height] = area ?? [0, 0, columns, rows];
  const window = { top, bottom: Math.min(rows, top + height), left, right: Math.min(columns, left + width) };
  if (line === undefined) return window;
  const row = line < 0 ? rows + line : line;
  return { ...window, top: Math.max(window.top, row), bottom: Math.min(window.bottom, row + 1) };
}

function inRows(
  screen: ScreenText,
  { top, bottom, left, right }: Window,
  matchesIn: (line: string) => { start: number; end: number }[],
): Spot[] {
  const spots: Spot[] = [];
  for (let row = top; row < bottom; row++) {
    const line = foldText((screen.lines[row] ?? '').slice(left, right));
    for (const { start, end } of matchesIn(line)) spots.push({ row, column: left + start, length: end - start });
  }
  return spots;
}

function inFlow(screen: ScreenText, window: Window, wanted: string): Spot[] {
  const lines = screen.lines
    .slice(window.top, window.bottom)
    .map((line) => foldText(line.slice(window.left, window.right)));
  const needle = foldBlanks(wanted);
  for (const joint of [' ', ''] as const) {
    const { text, places } = flow(lines, joint);
    const spots = occurrences(text, needle).map(({ start, end }) => {
      const first = places[start]!;
      const last =
        places.slice(start, end).findLast(({ row }, index) => row === first.row && text[start + index] !== ' ') ??
        first;
      return {
        row: window.top + first.row,
        column: window.left + first.column,
        length: last.column - first.column + 1,
      };
    });
    if (spots.length > 0) return spots;
  }
  return [];
}

function occurrences(text: string, wanted: string): { start: number; end: number }[] {
  const found = [];
  for (let start = text.indexOf(wanted); start >= 0; start = text.indexOf(wanted, start + wanted.length)) {
    found.push({ start, end: start + wanted.length });
  }
  return found;
}
