/**
 * Who is for or against a patch or a recipe version, read from the records at hand. Pure, and in no particular order:
 * `decide` does not care.
 */
import type { Digest } from '../../crypto/digest.ts';
import type { AuthorId, Meaning, VerifiedRecord } from '../record/types.ts';
import { mayConflict } from './contradiction.ts';
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
  const records = new Map<Digest, Understood>();
  for (const other of others) records.set(other.record.id, other);
  records.set(subject.record.id, subject);
  const withdrawn = withdrawals(records);
  const superseded = supersededIds(records, withdrawn);

  const voices: Voice[] = [];
  const say = (by: Understood, stance: Voice['stance'], basis: Voice['basis']): void => {
    const { author } = by.record.link;
    voices.push({ author, stance, basis, record: by.record.id, stale: isStale(author) });
  };
  for (const other of records.values()) {
    const { meaning } = other;
    const withdrawal = withdrawn.get(other.record.id);
    if (other.record.id === subject.record.id) {
      if (withdrawal === undefined) say(other, 'for', 'author');
      else say(withdrawal, 'against', 'withdrawal');
    } else if (meaning.kind === 'endorsement' && meaning.of === subject.record.id) {
      // Somebody who stood for it and takes that back knows a reason; it stops what would be automatic.
      if (withdrawal === undefined)
        say(other, 'for', meaning.reviewed === 'human' ? 'reviewed-human' : 'reviewed-build');
      else say(withdrawal, 'against', 'withdrawal');
    } else if (withdrawal === undefined && meaning.kind === 'failure' && meaning.recipe === resultOf(subject.meaning)) {
      say(other, 'against', 'failure');
    } else if (withdrawal === undefined && !superseded.has(other.record.id) && contradicts(other, subject)) {
      say(other, 'against', 'contradicting-patch');
    }
  }
  return voices;
}

/** Record id to the withdrawal of it. Only its own author can withdraw a record. */
function withdrawals(records: ReadonlyMap<Digest, Understood>): Map<Digest, Understood> {
  const withdrawn = new Map<Digest, Understood>();
  for (const withdrawal of records.values()) {
    if (withdrawal.meaning.kind !== 'withdrawal') continue;
    const target = records.get(withdrawal.meaning.of);
    if (target?.record.link.author === withdrawal.record.link.author) withdrawn.set(target.record.id, withdrawal);
  }
  return withdrawn;
}

/** Patches that their own author has replaced: they object to nothing any more. */
function supersededIds(
  records: ReadonlyMap<Digest, Understood>,
  withdrawn: ReadonlyMap<Digest, Understood>,
): Set<Digest> {
  const superseded = new Set<Digest>();
  for (const { record, meaning } of records.values()) {
    if (meaning.kind !== 'patch' || meaning.supersedes === null || withdrawn.has(record.id)) continue;
    if (records.get(meaning.supersedes)?.record.link.author === record.link.author) superseded.add(meaning.supersedes);
  }
  return superseded;
}

/** The recipe that exists once the subject is used: what a failure report names. */
function resultOf(meaning: Meaning): Digest | undefined {
  if (meaning.kind === 'patch') return meaning.result;
  return meaning.kind === 'recipe' ? meaning.digest : undefined;
}

/** Another patch of the same base, for the same symptom or of the same thing, that leads elsewhere. */
function contradicts(other: Understood, subject: Understood): boolean {
  const [theirs, ours] = [other.meaning, subject.meaning];
  if (theirs.kind !== 'patch' || ours.kind !== 'patch') return false;
  if (theirs.base !== ours.base || theirs.result === ours.result) return false;
  return (
    (theirs.symptom !== null && theirs.symptom === ours.symptom) || mayConflict(theirs.operations, ours.operations)
  );
}
