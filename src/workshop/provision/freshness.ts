/**
 * Did this text appear after the last input, or did it stand there before?
 *
 * The rule, exactly. Let *before* be the last screen read before the last input was sent, and *now* a screen read
 * after it.
 * 1. *now* is aligned with *before*: of all shifts by 0 or more rows upwards, the one under which most text stands in
 *    equal rows (rows weigh as much as they hold; the smallest shift wins a tie). Where not one row is equal, but each stands in
 *    its place with more behind it, nothing moved: a prompt that is all there is, and its late echo. Any other screen on which
 *    not one row of *before* is found again, or one of another size, was replaced: everything on it is new.
 * 2. A match in *now* is old if *before* has a match of the same length at the same column, `shift` rows further down.
 *    Every other match is new.
 *
 * So a prompt that comes again one line below is new, output that repeats the words of the command is new, and a title
 * that simply stays is not. A screen that is redrawn with the same words in the same place cannot be told from one that
 * never changed, and counts as old: such a step wants `gone` or `changed`.
 */
import type { ScreenText } from '../screen/types.ts';

/** Where a text was found on a screen, in cells. */
export interface Spot {
  readonly row: number;
  readonly column: number;
  readonly length: number;
}

/** By how many rows the text moved up from `before` to `now`; `replaced` where nothing of it is left. */
export function scrolledBy(before: readonly string[], now: readonly string[]): number | 'replaced' {
  if (before.length !== now.length || before[0]?.length !== now[0]?.length) return 'replaced';
  const weights = before.map((line) => line.trim().length);
  if (weights.every((weight) => weight === 0)) return 'replaced';
  let best = 0;
  let bestShift = 0;
  for (let shift = 0; shift < before.length; shift += 1) {
    let score = 0;
    for (let row = shift; row < before.length; row += 1) {
      if (before[row] === now[row - shift]) score += weights[row] ?? 0;
    }
    if (score > best) {
      best = score;
      bestShift = shift;
    }
  }
  if (best > 0) return bestShift;
  return before.every((line, row) => now[row]?.startsWith(line.trimEnd())) ? 0 : 'replaced';
}

/** The matches of `now` that were not on the screen `before`. */
export function freshSpots<S extends Spot>(
  before: ScreenText | null,
  spotsBefore: readonly Spot[],
  now: ScreenText,
  spotsNow: readonly S[],
): readonly S[] {
  if (before === null || spotsBefore.length === 0 || spotsNow.length === 0) return spotsNow;
  const shift = scrolledBy(before.lines, now.lines);
  if (shift === 'replaced') return spotsNow;
  return spotsNow.filter(
    (spot) =>
      !spotsBefore.some(
        (old) => old.row === spot.row + shift && old.column === spot.column && old.length === spot.length,
      ),
  );
}
