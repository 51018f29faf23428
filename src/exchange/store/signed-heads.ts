/** The newest signed head of each feed. One that contradicts what is stored is proof of a fork. */
import { feedOfHead, openHead, readHead, type HeadOptions, type SignedHead } from '../record/head.ts';
import { epochAfter, newestEpoch } from '../record/feed-keys.ts';
import { PUBLIC_SCOPE } from '../record/feed-link.ts';
import { compareEpochs, comparePositions, positionOf, type Position } from '../record/links.ts';
import { isRefusal, refuse, type Refusal } from '../record/refusal.ts';
import { saysMore } from '../record/rivals.ts';
import { frozenAt } from './answers.ts';
import { feedName, headKey, publicFeed, type Feed } from './layout.ts';
import type { FeedHead } from '../record/types.ts';
import { damaged } from './stored.ts';
import type { Memory } from './memory.ts';
import type { Turn } from './turn.ts';

/** Of a private group's feed none that a key has signed which was given up since: nobody could tell whose word it is. */
export async function readSignedHead(memory: Memory, feed: Feed): Promise<SignedHead | undefined> {
  const signed = await readNewest(memory, feed);
  const isGivenUp = signed !== undefined && feed.scope !== PUBLIC_SCOPE && isBehindKeys(memory, signed.head);
  return isGivenUp ? undefined : signed;
}

function isBehindKeys({ feedKeys }: Memory, head: FeedHead): boolean {
  const keys = feedKeys.get(feedName(publicFeed(head)));
  return keys !== undefined && compareEpochs(head, newestEpoch(keys)) < 0;
}

async function readNewest(memory: Memory, feed: Feed): Promise<SignedHead | undefined> {
  const { signedHeads } = memory;
  for (;;) {
    const ready = signedHeads.get(feed);
    if (ready !== undefined) return ready;
    const { forgotten } = signedHeads;
    const bytes = await memory.database.get(headKey(feed));
    // While the disk was read a recovery has voided heads, and may have changed who signs: what was read may be one of them.
    if (signedHeads.forgotten !== forgotten) continue;
    if (bytes === undefined) return undefined;
    const signed = readHead(bytes, headOptions(memory, feed));
    // The public feed may have come to another key since.
    if (isRefusal(signed) && feed.scope !== PUBLIC_SCOPE) return undefined;
    if (isRefusal(signed)) throw damaged(`the signed head of ${feed.author}`, signed.detail);
    // One that was kept while the disk was read is newer.
    const kept = signedHeads.get(feed);
    if (kept !== undefined) return kept;
    signedHeads.put(signed);
    return signed;
  }
}

export function openNewHead(memory: Memory, envelope: Uint8Array, now: Date): SignedHead | Refusal {
  const feed = feedOfHead(envelope);
  return openHead(envelope, { ...headOptions(memory, feed), now });
}

function headOptions({ network, keys, verifier, feedKeys }: Memory, feed: Feed | undefined): HeadOptions {
  const known = feed && feedKeys.get(feedName(publicFeed(feed)));
  return { network, keys, verifier, ...(known !== undefined && { feedKeys: known }) };
}

/** Order is by place; only at one place does the later date win. */
export async function keepHead(
  turn: Turn,
  signed: SignedHead,
): Promise<{ readonly result: 'kept' | 'older'; readonly head: SignedHead } | Refusal> {
  const { head } = signed;
  const mark = turn.mark(head);
  if (head.scope !== PUBLIC_SCOPE && (turn.isGivenUp(head, head) || turn.signers(head).revoked)) {
    return refuse('given-up', `the key that signed this head of ${head.author} was given up since`);
  }
  if (mark !== undefined && head.recovery < mark.recovery) {
    return refuse('replayed', `the head is of recovery ${head.recovery}, and ${mark.recovery} has ended that`);
  }
  const held = await readSignedHead(turn.memory, head);
  const other = await contradicting(turn, signed, held);
  if (other !== undefined) {
    const { author, scope } = head;
    const fork = turn.fork(head);
    // No news: whoever repeats it must not make this node tell everybody again and again.
    if (fork !== undefined && !saysMore(other.at, fork)) return frozenAt(fork);
    await turn.freeze({ author, scope, ...other.at }, [other.envelope, signed.envelope]);
    return refuse('fork', `${author} has signed two different records with seq ${other.at.seq}`);
  }
  const order = held === undefined ? 1 : comparePositions(head, held.head);
  if (held !== undefined && (order < 0 || (order === 0 && signed.issuedAt <= held.issuedAt))) {
    return { result: 'older', head: held };
  }
  turn.keepHead(signed);
  return { result: 'kept', head: signed };
}

/** A record or a head of the same place with another id, or the end of an epoch that this head lies behind. */
async function contradicting(
  turn: Turn,
  { head }: SignedHead,
  held: SignedHead | undefined,
): Promise<{ readonly at: Position; readonly envelope: Uint8Array } | undefined> {
  const id = await turn.idAt(head, head);
  const next = epochAfter(turn.keys(head), head);
  const isPast = next?.opened && head.seq > next.opened.keptSeq;
  const against = isPast ? { ...head, epoch: head.epoch + 1, seq: 1 } : head;
  const at = positionOf(isPast ? { ...head, seq: (next.opened?.keptSeq ?? 0) + 1 } : head);
  if (isPast || (id !== undefined && id !== head.id)) {
    const envelope = await turn.envelopeAt(head, against);
    return envelope && { at, envelope };
  }
  const samePlace = held !== undefined && comparePositions(held.head, head) === 0;
  return samePlace && held.head.id !== head.id ? { at, envelope: held.envelope } : undefined;
}
