/** Problems of a file that a person wrote: all of them at once, each with its place. */
import { UsageError } from '../errors.ts';
import { MAX_PROBLEMS } from './limits.ts';

/** Keys and indices from the top of the document. */
export type Path = readonly (string | number)[];

export interface Problem {
  readonly path: Path;
  /** What was found and what is expected: a clause without a full stop. */
  readonly message: string;
  /** The place is the name of the field itself, not its value. */
  readonly atKey?: boolean;
}

/** A problem with its place in the file; line and column count from 1. */
export interface PlacedProblem {
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
}

/** `steps[2].when.text`, or `the document` for the top. */
export function formatPath(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${printable(part)}]`;
  }
  return text === '' ? 'the document' : text;
}

/** A value from outside, short and safe to show on a terminal. */
export function printable(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') {
    const keys = Object.keys(value).slice(0, 4);
    return keys.length === 0 ? 'an empty mapping' : `a mapping with ${keys.map((key) => printable(key)).join(', ')}`;
  }
  const text =
    typeof value === 'number' || typeof value === 'boolean' ? `${value}` : (JSON.stringify(value) ?? typeof value);
  // JSON leaves C1 controls and bidi characters as they are: a terminal must never see them.
  const escaped = text.replaceAll(
    /[^\u0020-\u007e\u00a0-\u02ff\u0370-\u058f\u2500-\u259f]/gu,
    (char) => `\\u{${char.codePointAt(0)?.toString(16) ?? ''}}`,
  );
  return escaped.length > 60 ? `${escaped.slice(0, 57)}…` : escaped;
}

/** The known name that a misspelt one most likely means: at most two edits away, fewer for short names. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const limit = name.length <= 3 ? 1 : 2;
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate, limit);
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { name: candidate, distance };
  }
  return best?.name;
}

/** `; did you mean "expect"?`, or nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : `; did you mean "${nearest}"?`;
}

/** Optimal string alignment distance (swapped neighbours count as one edit); stops counting above `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1;
      let least = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + cost,
      );
      if (a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        least = Math.min(least, (before[column - 2] ?? 0) + 1);
      current.push(least);
    }
    before = previous;
    previous = current;
  }
  return previous[b.length] ?? limit + 1;
}

/** One error for all problems, in the order of the file. */
export function invalidFile(
  code: string,
  fileName: string,
  problems: readonly PlacedProblem[],
  hint: string,
): UsageError {
  const sorted = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
  const lines = sorted
    .slice(0, MAX_PROBLEMS)
    .map(({ line, column, path, message }) => `${fileName}:${line}:${column}: ${path}: ${message}`);
  if (sorted.length > MAX_PROBLEMS) lines.push(`… and ${sorted.length - MAX_PROBLEMS} more`);
  const count = sorted.length === 1 ? 'a problem' : `${sorted.length} problems`;
  return new UsageError(code, `${fileName} has ${count}:\n${lines.join('\n')}`, {
    hint,
    facts: { file: fileName, problems: sorted.slice(0, MAX_PROBLEMS) },
  });
}
