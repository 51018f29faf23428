/**
 * Does a record fit where its link says it belongs? Pure: the link, the feed's stored head, and what is stored at that
 * place. Nothing here looks at what a record means, so that a kind from the future never stops a feed (threat 15), and
 * nothing looks at a sender's clock (threat 18): order is (recovery, epoch, seq). The one exception are records that
 * change keys, which are links themselves.
 */
import type { Digest } from '../../crypto/digest.ts';
import { epochAfter, openingOfRecovery, type FeedKeys } from './feed-keys.ts';
import type { KeyChange, Kept } from './key-change.ts';
import { PUBLIC_SCOPE } from './feed-link.ts';
import type { FeedHead, FeedLink, Scope } from './types.ts';

export interface Position {
  readonly recovery: number;
  readonly epoch: number;
  readonly seq: number;
}

export interface FeedState {
  /** The highest accepted place: the high-water mark. Undefined for a feed without records. */
  readonly head: FeedHead | undefined;
  /** Id of the record stored at the link's own place, if there is one. */
  readonly idAt: Digest | undefined;
  /** What the feed's key records say. Left out: there are none. */
  readonly keys?: FeedKeys;
  /** What the record does, if it opens an epoch. */
  readonly change?: KeyChange;
}

export type LinkVerdict =
  | { readonly verdict: 'next' }
  | { readonly verdict: 'known' }
  /** The next recovery: signed by the recovery key, so it outranks whatever is stored, and names the branch to keep. */
  | { readonly verdict: 'recovery'; readonly keep: Kept }
  /** Older than what is stored, and not stored: a place that this node has left behind. */
  | { readonly verdict: 'replayed'; readonly detail: string }
  /** Everything from `missingFrom` up to the record's own place is missing. */
  | { readonly verdict: 'gap'; readonly missingFrom: number }
  /** The author signed two records for the place `at`. What is stored at `against` contradicts this one. */
  | { readonly verdict: 'fork'; readonly at: Position; readonly against: Position }
  | { readonly verdict: 'bad-link'; readonly detail: string };

export function judgeLink(id: Digest, link: FeedLink, state: FeedState): LinkVerdict {
  const { head, idAt, change } = state;
  if (idAt === id) return { verdict: 'known' };
  if (head !== undefined && link.recovery < head.recovery) {
    // A recovery has ended all of it, forks too: what the old keys sign is void (threat 17).
    return {
      verdict: 'replayed',
      detail: `it belongs to recovery ${link.recovery}, and ${head.recovery} has ended that`,
    };
  }
  if (change?.action === 'recover') return judgeRecovery(link, state, change.keep);
  if (idAt !== undefined) return forkAt(link, link);
  if (head === undefined) return judgeFirst(link);
  const order = compareEpochs(link, head);
  if (order < 0) return judgePast(link, state);
  if (order > 0) return judgeOpening(link, head, change);
  if (link.seq > head.seq + 1) return { verdict: 'gap', missingFrom: head.seq + 1 };
  if (link.seq <= head.seq)
    return { verdict: 'replayed', detail: `it has seq ${link.seq}, and the feed has come to ${head.seq}` };
  // Signed by the same author: that the record at head.seq is another one than the one stored, which they signed too.
  return link.prev === head.id ? { verdict: 'next' } : forkAt(head, head);
}

function judgeFirst(link: FeedLink): LinkVerdict {
  if (link.recovery !== 0 || link.epoch !== 0) {
    return { verdict: 'bad-link', detail: `no key change has opened epoch ${link.epoch} of this feed` };
  }
  return link.seq === 1 ? { verdict: 'next' } : { verdict: 'gap', missingFrom: 1 };
}

/** A record for an epoch that a key change has ended, by the key that was given up then, behind the end that it named. */
function judgePast(link: FeedLink, { head, keys }: FeedState): LinkVerdict {
  const next = keys && epochAfter(keys, link);
  if (next?.opened && link.seq > next.opened.keptSeq) {
    const { recovery, epoch } = link;
    const at = { recovery, epoch, seq: next.opened.keptSeq + 1 };
    return { verdict: 'fork', at, against: { recovery, epoch: epoch + 1, seq: 1 } };
  }
  return {
    verdict: 'replayed',
    detail: `it belongs to epoch ${link.epoch}, and the feed has come to epoch ${head?.epoch ?? 0}`,
  };
}

function judgeOpening(link: FeedLink, head: FeedHead, change: KeyChange | undefined): LinkVerdict {
  if (change === undefined) {
    return { verdict: 'bad-link', detail: `no key change has opened epoch ${link.epoch} of this feed` };
  }
  const { keep } = change;
  const order = comparePositions(keep, head);
  if (order > 0) return { verdict: 'gap', missingFrom: head.seq + 1 };
  if (order === 0) return keep.id === head.id ? { verdict: 'next' } : forkAt(head, head);
  // It says that the epoch ended before the record that is stored here: both are signed by one key.
  const at = { recovery: keep.recovery, epoch: keep.epoch, seq: keep.seq + 1 };
  return compareEpochs(keep, head) === 0 ? forkAt(at, at) : { verdict: 'gap', missingFrom: 1 };
}

function judgeRecovery(link: FeedLink, { head, keys }: FeedState, keep: Kept): LinkVerdict {
  const recovery = head?.recovery ?? 0;
  if (link.recovery === recovery + 1) return { verdict: 'recovery', keep };
  if (link.recovery > recovery + 1) return { verdict: 'gap', missingFrom: (head?.seq ?? 0) + 1 };
  // The recovery key has signed another recovery of this number. The key that both name may end it, by the next one;
  // where they name two, they are rivals (rivals.ts), and were found to be so before.
  const stored = keys && openingOfRecovery(keys, link.recovery);
  if (stored === undefined) return { verdict: 'replayed', detail: 'its recovery is no longer stored' };
  const against = { recovery: link.recovery, epoch: stored.epoch, seq: 1 };
  return { verdict: 'fork', at: firstPlaceOf(link.recovery), against };
}

function forkAt(at: Position, against: Position): LinkVerdict {
  return { verdict: 'fork', at: positionOf(at), against: positionOf(against) };
}

/** Before every record of a recovery: each opens an epoch, so none of its epochs has a smaller number. */
export function firstPlaceOf(recovery: number): Position {
  return { recovery, epoch: recovery, seq: 1 };
}

export function positionOf({ recovery, epoch, seq }: Position): Position {
  return { recovery, epoch, seq };
}

/** A recovery outranks every epoch of the recovery before it (threat 17), an epoch every seq of the one before (threat 4). */
export function compareEpochs(a: Omit<Position, 'seq'>, b: Omit<Position, 'seq'>): number {
  return a.recovery - b.recovery || a.epoch - b.epoch;
}

/**
 * Whether an epoch may end what another one has come to, forks too: in a public feed that takes a recovery; in a group's
 * feed, in which the public one says who signs, any later epoch.
 */
export function outranks(scope: Scope, a: Omit<Position, 'seq'>, b: Omit<Position, 'seq'>): boolean {
  return scope === PUBLIC_SCOPE ? a.recovery > b.recovery : compareEpochs(a, b) > 0;
}

export function comparePositions(a: Position, b: Position): number {
  return compareEpochs(a, b) || a.seq - b.seq;
}
