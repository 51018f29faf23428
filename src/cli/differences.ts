/** How entries that differ are told to a person. */
import { describeWriter, type Cause, type CauseKind, type NamedDifference } from '../crosscheck/index.ts';

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
  return [...lines, ...(more > 0 ? [`  and ${more} more (--json has all)`] : []), ...remedies(differences)];
}

/** What a recipe can do about a cause (docs/recipe.md, "What makes two builds equal"). */
const REMEDIES: Readonly<Record<CauseKind, string>> = {
  time: 'clock: fixed, or {{source_date_epoch}} where one can be given',
  randomness: '{{uuid:NAME}} for what is drawn, uuid: fixed, a rule',
  order: 'sort what is written, or fix hash seeds (environment: fixed)',
  host: 'let no step write down whose machine it was built on',
  version: 'build both from one lock: portalgun recipe lock',
};

/** One line for each cause that there is, however many entries have it. */
function remedies(differences: readonly Told[]): string[] {
  const kinds = new Set(differences.flatMap(({ cause }) => cause?.kind ?? []));
  return [...kinds].map((kind) => `  against ${kind}: ${REMEDIES[kind]}`);
}

function howItDiffers(difference: NamedDifference, left: string, right: string): string {
  if (difference.where === 'only-in-a') return `only in ${left}`;
  if (difference.where === 'only-in-b') return `only in ${right}`;
  return `${difference.changes.join(', ')} differ${difference.changes.length === 1 ? 's' : ''}`;
}
