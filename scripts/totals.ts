import { stripVTControlCharacters } from 'node:util';

const LINES_OF_A_BROKEN_RUN = 40;

/** The closing line of a test run, `N passed, N failed` (and how many were skipped, where a skip is no failure). */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function totalsLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** What the last line of a run's output says; undefined where the run did not come to its end. */
export function readTotals(output: string): Totals | undefined {
  const [, passed, failed, skipped = '0'] =
    /(?:^|\n)(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\n$/.exec(output) ?? [];
  if (passed === undefined || failed === undefined) return undefined;
  return { passed: Number(passed), failed: Number(failed), skipped: Number(skipped) };
}

/** What a run's output says of its failures, from mocha's heading to the closing line; where it has no end, how it broke off. */
export function readFailures(output: string): string {
  const body = stripVTControlCharacters(output).replace(/\d+ passed, \d+ failed.*\n$/, '');
  const end = body.slice([...body.matchAll(/^ {2}\d+ passing/gm)].at(-1)?.index ?? 0);
  const heading = /^ {2}\d+ failing/m.exec(end);
  if (heading !== null) return end.slice(heading.index);
  return readTotals(output) === undefined ? body.split('\n').slice(-LINES_OF_A_BROKEN_RUN).join('\n') : '';
}

export function addTotals(a: Totals, b: Totals): Totals {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}
