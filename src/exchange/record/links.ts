/**
 * Does a record fit where its link says it belongs? Pure: the link, the feed's stored head, and what is stored at that
 * place. Nothing here looks at what a record means, so that a kind from the future never stops a feed (threat 15), and
 * nothing looks at a sender's clock (threat 18): order is (recovery, epoch, seq).
 */
import type { Digest } from '../../crypto/digest.ts';
import type { FeedHead, FeedLink } from './types.ts';

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
}

export type LinkVerdict =
  | { readonly verdict: 'next' }
  | { readonly verdict: 'known' }
  /** Older than what is stored, and not stored: a place that this node has left behind. */
  | { readonly verdict: 'replayed'; readonly detail: string }
  /** Everything from `missingFrom` up to the record's own seq is missing. */
  | { readonly verdict: 'gap'; readonly missingFrom: number }
  /** The author signed two records for one place. `at` is that place's seq. */
  | { readonly verdict: 'fork'; readonly at: number }
  | { readonly verdict: 'bad-link'; readonly detail: string };

export function judgeLink(id: Digest, link: FeedLink, state: FeedState): LinkVerdict {
  const { head, idAt } = state;
  if (idAt !== undefined) return idAt === id ? { verdict: 'known' } : { verdict: 'fork', at: link.seq };
  if (head === undefined) return judgeFirst(link);
  const order = compareEpochs(link, head);
  if (order < 0) {
    return {
      verdict: 'replayed',
      detail: `it belongs to epoch ${link.epoch}, and the feed has come to epoch ${head.epoch}`,
    };
  }
  if (order > 0) {
    return { verdict: 'bad-link', detail: `no key change has opened epoch ${link.epoch} of this feed` };
  }
  if (link.seq > head.seq + 1) return { verdict: 'gap', missingFrom: head.seq + 1 };
  if (link.seq <= head.seq)
    return { verdict: 'replayed', detail: `it has seq ${link.seq}, and the feed has come to ${head.seq}` };
  // Signed by the same author: that the record at head.seq is another one than the one stored, which they signed too.
  return link.prev === head.id ? { verdict: 'next' } : { verdict: 'fork', at: head.seq };
}

function judgeFirst(link: FeedLink): LinkVerdict {
  if (link.recovery !== 0 || link.epoch !== 0) {
    return { verdict: 'bad-link', detail: `no key change has opened epoch ${link.epoch} of this feed` };
  }
  return link.seq === 1 ? { verdict: 'next' } : { verdict: 'gap', missingFrom: 1 };
}

/** A recovery outranks every epoch of the recovery before it (threat 17), an epoch every seq of the one before (threat 4). */
export function compareEpochs(a: Omit<Position, 'seq'>, b: Omit<Position, 'seq'>): number {
  return a.recovery - b.recovery || a.epoch - b.epoch;
}

export function comparePositions(a: Position, b: Position): number {
  return compareEpochs(a, b) || a.seq - b.seq;
}
