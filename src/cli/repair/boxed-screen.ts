/** A guest's screen as text in a box, cut to what fits and what matters. */
import type { ScreenText } from '../../workshop/screen/types.ts';

export interface BoxOptions {
  /** Columns of the person's terminal. */
  readonly columns: number;
  /** Rows of the guest's screen that are shown at most. */
  readonly maxRows: number;
  /** Rows to point at, from 0. */
  readonly marked: ReadonlySet<number>;
}

/** Left margin, frame and its padding, on both sides, columns. */
const AROUND = 7;

export function boxedScreen(screen: Pick<ScreenText, 'lines'>, options: BoxOptions): string[] {
  const lines = screen.lines.map(harmless);
  const used = lines.flatMap((line, row) => (line.trim() === '' ? [] : [row]));
  const first = used[0];
  const last = used.at(-1);
  if (first === undefined || last === undefined) return ['   (the screen is blank)'];
  const left = Math.min(...used.map((row) => (lines[row] ?? '').search(/\S/)));
  const right = Math.max(...used.map((row) => (lines[row] ?? '').trimEnd().length));
  const width = Math.max(1, Math.min(right - left, options.columns - AROUND));
  const rows = chosenRows(first, last, options);
  const body = rows.map((row) => {
    if (row === null) return `   │ ${'⋮'.padEnd(width)} │`;
    const text = (lines[row] ?? '').slice(left).trimEnd();
    const shown = text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
    return `${options.marked.has(row) ? ' ▸' : '  '} │ ${shown} │`;
  });
  const rule = '─'.repeat(width + 2);
  return [`   ┌${rule}┐`, ...body, `   └${rule}┘`];
}

/** All rows that are used if they fit; else those around the marked ones, or the last. `null` stands for what is left out. */
function chosenRows(first: number, last: number, { maxRows, marked }: BoxOptions): readonly (number | null)[] {
  const all = Array.from({ length: last - first + 1 }, (_, at) => first + at);
  if (all.length <= maxRows) return all;
  const wanted = [...marked].filter((row) => row >= first && row <= last);
  const anchor = wanted[0] ?? last;
  const from = Math.max(first, Math.min(anchor - Math.floor(maxRows / 2), last - maxRows + 1));
  const part = all.filter((row) => row >= from && row < from + maxRows);
  return [...(from > first ? [null] : []), ...part, ...(from + maxRows <= last ? [null] : [])];
}

/** A guest must not be able to speak to the person's terminal: no control or direction characters get through. */
export function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, '·');
}
