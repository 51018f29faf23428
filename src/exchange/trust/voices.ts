/**
 * Who is for or against a patch or a recipe version, read from the records at hand. Pure, and in no particular order:
 * `decide` does not care.
 */
import type { Digest } from '../../crypto/digest.ts';
import type { AuthorId, Meaning, VerifiedRecord } from '../record/types.ts';
import { mayMeet, touchedBy, type Touched } from './contradiction.ts';
import type { Voice } from './types.ts';

/** A record whose link was verified, with what it says. */
export interface Understood {
  readonly record: Pick<VerifiedRecord, 'id' | 'link'>;
  readonly meaning: Meaning;
}

/**
 * @param subject the patch or recipe version that is asked about
 * @param others every record that might speak about it; the subject itself may be among them
 * @param isStale whether an author's feed has no fresh head
 */
export function voicesFor(
  subject: Understood,
  others: Iterable<Understood>,
  isStale: (author: AuthorId) => boolean,
): Voice[] {
  return voicesAmong([...others, subject], isStale)(subject);
}

/** The same for many subjects: the records are gone through once, however many patches peers have published. */
export function voicesAmong(
  records: Iterable<Understood>,
  isStale: (author: AuthorId) => boolean,
): (subject: Understood) => Voice[] {
  const all = [...new Map([...records].map((one) => [one.record.id, one])).values()];
  const withdrawals = new Map<string, Understood>();
  const superseded = new Set<string>();
  for (const one of all) {
    if (one.meaning.kind === 'withdrawal') withdrawals.set(own(one, one.meaning.of), one);
  }
  const withdrawalOf = (one: Understood): Understood | undefined => withdrawals.get(own(one, one.record.id));
  for (const one of all) {
    if (one.meaning.kind !== 'patch' || one.meaning.supersedes === null || withdrawalOf(one)) continue;
    superseded.add(own(one, one.meaning.supersedes));
  }
  const standing = all.filter((one) => withdrawalOf(one) === undefined);
  const endorsements = Map.groupBy(all, ({ meaning }) => (meaning.kind === 'endorsement' ? meaning.of : undefined));
  const failures = Map.groupBy(standing, ({ meaning }) => (meaning.kind === 'failure' ? meaning.recipe : undefined));
  const objecting = standing.filter((one) => !superseded.has(own(one, one.record.id)));
  const patches = Map.groupBy(objecting.flatMap(touching), ({ meaning }) => meaning.base);

  return (subject) => {
    const voice = (by: Understood, stance: Voice['stance'], basis: Voice['basis']): Voice => {
      const { author } = by.record.link;
      return { author, stance, basis, record: by.record.id, stale: isStale(author) };
    };
    const withdrawn = withdrawalOf(subject);
    const result = resultOf(subject.meaning);
    return [
      withdrawn ? voice(withdrawn, 'against', 'withdrawal') : voice(subject, 'for', 'author'),
      ...(endorsements.get(subject.record.id) ?? []).map((one) => {
        // Somebody who stood for it and takes that back knows a reason; it stops what would be automatic.
        const back = withdrawalOf(one);
        if (back) return voice(back, 'against', 'withdrawal');
        const human = one.meaning.kind === 'endorsement' && one.meaning.reviewed === 'human';
        return voice(one, 'for', human ? 'reviewed-human' : 'reviewed-build');
      }),
      ...(result === undefined ? [] : (failures.get(result) ?? [])).map((one) => voice(one, 'against', 'failure')),
      ...contradicting(subject, patches).map((one) => voice(one, 'against', 'contradicting-patch')),
    ];
  };
}

/** Only an author's own records are withdrawn or superseded by theirs. */
function own({ record }: Understood, id: Digest): string {
  return `${record.link.author} ${id}`;
}

/** The recipe that exists once the subject is used: what a failure report names. */
function resultOf(meaning: Meaning): Digest | undefined {
  if (meaning.kind === 'patch') return meaning.result;
  return meaning.kind === 'recipe' ? meaning.digest : undefined;
}

type Patch = Understood & {
  readonly meaning: Extract<Meaning, { kind: 'patch' }>;
  readonly touched: Touched;
};

function touching({ record, meaning }: Understood): Patch[] {
  return meaning.kind === 'patch' ? [{ record, meaning, touched: touchedBy(meaning.operations) }] : [];
}

/** Of each author one: their voice counts once, however many patches they have for the same. */
function contradicting(subject: Understood, patches: ReadonlyMap<Digest | undefined, readonly Patch[]>): Patch[] {
  const [ours] = touching(subject);
  if (ours === undefined) return [];
  const found = new Map<AuthorId, Patch>();
  for (const theirs of patches.get(ours.meaning.base) ?? []) {
    const { author } = theirs.record.link;
    const before = found.get(author);
    if (before !== undefined && before.record.id < theirs.record.id) continue;
    if (contradicts(theirs, ours)) found.set(author, theirs);
  }
  return [...found.values()];
}

/** Another patch of the same base, for the same symptom or of the same thing, that leads elsewhere. */
function contradicts(theirs: Patch, ours: Patch): boolean {
  if (theirs.record.id === ours.record.id || theirs.meaning.result === ours.meaning.result) return false;
  const sameSymptom = theirs.meaning.symptom !== null && theirs.meaning.symptom === ours.meaning.symptom;
  return sameSymptom || mayMeet(theirs.touched, ours.touched);
}
