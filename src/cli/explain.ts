/** A decision of policy, as people read it. */
import { isDigest, shortDigest } from '../crypto/digest.ts';
import { folded } from './output.ts';

/** Columns of what is read like a review, like those of the changes in it (src/recipe/diff.ts). */
export const REVIEW_COLUMNS = 80;

export interface Decision {
  readonly apply: string;
  readonly because: readonly string[];
  readonly missing: readonly string[];
}

/** Records by the first digits of their ids, which commands take as well; `--json` has them whole. */
export function explain(decision: Decision): string[] {
  const missing = decision.missing.length === 0 ? [] : [`Still awaited: ${decision.missing.join(', ')}.`];
  const because = decision.because.flatMap((line) => folded(`  ${shortened(line)}`, REVIEW_COLUMNS));
  return [`policy says: ${decision.apply}`, ...because, ...missing];
}

function shortened(line: string): string {
  return line.replaceAll(/sha256:[0-9a-f]{64}/g, (found) => (isDigest(found) ? shortDigest(found) : found));
}
