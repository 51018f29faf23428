/**
 * The digests by which peers ask for what a record names: a build's manifest, a patch's screens and its symptom. Read from
 * the statement alone, so that a store can look them up; whoever finds a record by one asks what it means (meaning.ts).
 */
import { isDigest, type Digest } from '../../crypto/digest.ts';
import { MANIFEST_SUBJECT } from './meaning/attestation.ts';
import { digestOfSubject, type Content } from './meaning/subjects.ts';
import { PREDICATE, type Statement } from './types.ts';

/** By predicate type. Raise NAMED_VERSION (store/layout.ts) with every change here: stores look up what they have anew. */
const NAMED: Readonly<Record<string, (content: Content) => readonly unknown[]>> = {
  [PREDICATE.attestation]: ({ subject }) =>
    subject
      .filter(({ name }) => name === MANIFEST_SUBJECT)
      .slice(0, 1)
      .map(digestOfSubject),
  [PREDICATE.patch]: ({ predicate }) => [predicate['symptom'], ...screensIn(predicate['evidence'])],
};

/** Types of records that name something. */
export const NAMING_TYPES: readonly string[] = Object.keys(NAMED);

/** At most three. */
export function digestsNamed(statement: Pick<Statement, 'predicateType' | 'subject' | 'predicate'>): Digest[] {
  const { predicateType } = statement;
  const named = Object.hasOwn(NAMED, predicateType) ? NAMED[predicateType]?.(statement) : undefined;
  return [...new Set(named?.filter(isDigest))];
}

function screensIn(evidence: unknown): readonly unknown[] {
  if (typeof evidence !== 'object' || evidence === null) return [];
  const { before, after } = evidence as { readonly before?: unknown; readonly after?: unknown };
  return [before, after];
}
