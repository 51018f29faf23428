/** How entries that differ are told to a person. */
import { describeWriter, type Cause, type NamedDifference } from '../crosscheck/index.ts';

/** Lines told of one comparison; `--json` has all. */
const MAX_TOLD = 100;

export type Told = NamedDifference & { readonly cause?: Cause };

/** `left` and `right`: whose the two are, after "only in". */
export function describeDifferences(
  differences: readonly Told[],
  { left, right }: { readonly left: string; readonly right: string },
): string[] {
  const lines = differences.slice(0, MAX_TOLD).flatMap((difference) => {
    const { path, place, cause } = difference;
    const writer = describeWriter(difference);
    return [
      `  ${path}: ${howItDiffers(difference, left, right)}`,
      ...(place === undefined ? [] : [`    ${place}`]),
      ...(writer === undefined ? [] : [`    ${writer}`]),
      ...(cause === undefined ? [] : [`    probably ${cause.kind}: ${cause.evidence}`]),
    ];
  });
  const more = differences.length - MAX_TOLD;
  return more > 0 ? [...lines, `  and ${more} more (--json has all)`] : lines;
}

function howItDiffers(difference: NamedDifference, left: string, right: string): string {
  if (difference.where === 'only-in-a') return `only in ${left}`;
  if (difference.where === 'only-in-b') return `only in ${right}`;
  return `${difference.changes.join(', ')} differ${difference.changes.length === 1 ? 's' : ''}`;
}
