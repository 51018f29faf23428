/** What the store answers to bytes that were offered to it, and does about it. */
import type { Digest } from '../../crypto/digest.ts';
import { positionOf, type Position } from '../record/links.ts';
import { refuse, type Refusal } from '../record/refusal.ts';
import type { Admission, AuthorId, FeedLink, VerifiedRecord } from '../record/types.ts';
import type { Turn } from './turn.ts';

export function held(id: Digest, missingFrom: number): Admission {
  return { result: 'held', id, missingFrom };
}

/** `claims`: what the bytes say they are, where they read. */
export function refused(
  { refused: reason, detail }: Refusal,
  claims?: FeedLink,
): Extract<Admission, { result: 'refused' }> {
  return { result: 'refused', reason, detail, ...(claims !== undefined && { claims }) };
}

/** What lies at or behind a fork that is known. */
export function frozenAt(author: AuthorId, { seq }: Position): Refusal {
  return refuse('frozen', `${author} has signed two records with seq ${seq}; the feed is frozen there`);
}

/** The record and another envelope contradict each other: both are kept, and the feed is frozen there. */
export async function freezeAt(
  turn: Turn,
  record: VerifiedRecord,
  other: Uint8Array,
  at: Position,
): Promise<Admission> {
  const { author, scope } = record.link;
  await turn.freeze({ author, scope, ...positionOf(at) }, [other, record.envelope]);
  return refused(refuse('fork', `${author} has signed two different records with seq ${at.seq}`), record.link);
}
