/** The newest signed head of each feed. One that contradicts what is stored is proof of a fork. */
import { openHead, readHead, type SignedHead } from '../record/head.ts';
import { comparePositions } from '../record/links.ts';
import { isRefusal, refuse, type Refusal } from '../record/refusal.ts';
import { headKey, type Feed } from './layout.ts';
import { damaged } from './stored.ts';
import type { Memory, Turn } from './turn.ts';

export async function readSignedHead(memory: Memory, feed: Feed): Promise<SignedHead | undefined> {
  const ready = memory.signedHeads.get(feed);
  if (ready !== undefined) return ready;
  const bytes = await memory.database.get(headKey(feed));
  if (bytes === undefined) return undefined;
  const signed = readHead(bytes, memory);
  if (isRefusal(signed)) throw damaged(`the signed head of ${feed.author}`, signed.detail);
  // One that was kept while the disk was read is newer.
  const kept = memory.signedHeads.get(feed);
  if (kept !== undefined) return kept;
  memory.signedHeads.put(signed);
  return signed;
}

export function openNewHead(memory: Memory, envelope: Uint8Array, now: Date): SignedHead | Refusal {
  return openHead(envelope, { ...memory, now });
}

/** Order is by place; only at one place does the later date win. */
export async function keepHead(
  memory: Memory,
  turn: Turn,
  signed: SignedHead,
): Promise<{ readonly result: 'kept' | 'older'; readonly head: SignedHead } | Refusal> {
  const { head } = signed;
  const held = await readSignedHead(memory, head);
  const other = await contradicting(turn, signed, held);
  if (other !== undefined) {
    const { author, scope, recovery, epoch, seq } = head;
    if (turn.fork(head) === undefined) turn.freeze({ author, scope, recovery, epoch, seq }, [other, signed.envelope]);
    return refuse('fork', `${author} has signed two different records with seq ${seq}`);
  }
  const order = held === undefined ? 1 : comparePositions(head, held.head);
  if (held !== undefined && (order < 0 || (order === 0 && signed.issuedAt <= held.issuedAt))) {
    return { result: 'older', head: held };
  }
  turn.keepHead(signed);
  return { result: 'kept', head: signed };
}

/** A record or a head of the same place with another id. */
async function contradicting(
  turn: Turn,
  { head }: SignedHead,
  held: SignedHead | undefined,
): Promise<Uint8Array | undefined> {
  const id = await turn.idAt(head, head);
  if (id !== undefined && id !== head.id) return turn.envelopeAt(head, head);
  const samePlace = held !== undefined && comparePositions(held.head, head) === 0;
  return samePlace && held.head.id !== head.id ? held.envelope : undefined;
}
