/** What the store answers to bytes that were offered to it, and does about it. */
import type { Digest } from '../../crypto/digest.ts';
import { changeIn } from '../record/feed-keys.ts';
import type { Fork } from '../record/fork-proof.ts';
import { comparePositions, outranks, positionOf, type Position } from '../record/links.ts';
import { refuse, type Refusal } from '../record/refusal.ts';
import type { Admission, FeedLink, VerifiedRecord } from '../record/types.ts';
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
export function frozenAt({ author, seq, recovery, rivals }: Fork): Refusal {
  if (rivals === undefined) {
    return refuse('frozen', `${author} has signed two records with seq ${seq}; the feed is frozen there`);
  }
  const what = `there are two recoveries of ${author} with the number ${recovery}`;
  return refuse('frozen', `${what}: the feed is frozen until one is chosen here`);
}

/**
 * Why a record is refused whatever its signature. A later recovery may end the fork, and another one of the same number may
 * show that there is more to it.
 */
export function behindFork(turn: Turn, record: Pick<VerifiedRecord, 'link' | 'statement'>): Refusal | undefined {
  const { link } = record;
  const fork = turn.fork(link);
  if (fork === undefined || comparePositions(link, fork) < 0) return undefined;
  const mayMatter = outranks(link.scope, link, fork) || changeIn(record)?.action === 'recover';
  return mayMatter && fork.rivals === undefined ? undefined : frozenAt(fork);
}

/** The record and another envelope contradict each other: both are kept, and the feed is frozen there. */
export async function freezeAt(
  turn: Turn,
  record: VerifiedRecord,
  other: Uint8Array,
  at: Position & Pick<Fork, 'rivals'>,
): Promise<Admission> {
  const { author, scope } = record.link;
  const rivals = at.rivals === true && { rivals: at.rivals };
  await turn.freeze({ author, scope, ...positionOf(at), ...rivals }, [other, record.envelope]);
  if (at.rivals === true) {
    const what = `there is another recovery of ${author} with the number ${at.recovery}, and another recovery key`;
    return refused(refuse('fork', what), record.link);
  }
  return refused(refuse('fork', `${author} has signed two different records with seq ${at.seq}`), record.link);
}
