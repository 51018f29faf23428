/**
 * Does a record fit where its link says it belongs, in the feed of a private group? Who signs in which epoch is said by the
 * author's public feed, and by no record of the group. So the epochs here are the public ones; each is opened by a record
 * that *follows* the public feed, signed by the key of that epoch, which names the last record that it keeps. Pure.
 *
 * A key that was given up may be a thief's. What it signs adds to its own epoch as long as that is the newest one here, takes
 * nothing away, proves no fork, and is gone when the feed goes on without it.
 */
import type { Digest } from '../../crypto/digest.ts';
import { newestEpoch, type FeedKeys } from './feed-keys.ts';
import type { Following, Kept } from './key-change.ts';
import { compareEpochs, positionOf, type LinkVerdict, type Position } from './links.ts';
import { refuse, type Refusal } from './refusal.ts';
import type { FeedHead, FeedLink } from './types.ts';

export interface GroupFeedState {
  readonly head: FeedHead | undefined;
  /** Id of the record stored at the link's own place, if there is one. */
  readonly idAt: Digest | undefined;
  /** Where the author's public feed is. */
  readonly newest: Omit<Position, 'seq'>;
  /** What the record does, if it opens an epoch. */
  readonly following: Following | undefined;
}

export type GroupLinkVerdict =
  | Extract<LinkVerdict, { verdict: 'next' | 'known' | 'gap' | 'fork' | 'replayed' }>
  /** It goes on after the record that it keeps, whatever else is stored; null: with itself. */
  | { readonly verdict: 'follow'; readonly keep: Kept | null }
  | { readonly verdict: 'given-up' | 'unknown-key'; readonly detail: string };

export function judgeGroupLink(id: Digest, link: FeedLink, state: GroupFeedState): GroupLinkVerdict {
  const { head, idAt, following, newest } = state;
  if (idAt === id) return { verdict: 'known' };
  const order = head === undefined ? 1 : compareEpochs(link, head);
  if (order < 0) return givenUp(link, 'the group’s feed has gone on under another key');
  const isGivenUp = compareEpochs(link, newest) < 0;
  if (following !== undefined && order > 0) return judgeFollowing(link, following.keep, head, isGivenUp);
  if (order > 0 && !(head === undefined && link.epoch === 0)) {
    return { verdict: 'unknown-key', detail: `nothing has opened epoch ${link.epoch} of this group’s feed here` };
  }
  const seq = head?.seq ?? 0;
  if (link.seq > seq + 1) return { verdict: 'gap', missingFrom: seq + 1 };
  if (idAt === undefined && link.prev === (head?.id ?? null)) return { verdict: 'next' };
  const at = positionOf(idAt === undefined && head !== undefined ? head : link);
  if (isGivenUp) return givenUp(link, 'it contradicts what is stored here');
  return { verdict: 'fork', at, against: at };
}

function judgeFollowing(
  link: FeedLink,
  keep: Kept | null,
  head: FeedHead | undefined,
  isGivenUp: boolean,
): GroupLinkVerdict {
  // The key of an epoch that has ended adds what comes next, and puts nothing in another's place.
  if (isGivenUp && (keep?.id ?? null) !== (head?.id ?? null)) {
    return givenUp(link, 'it would take the place of what is stored here');
  }
  return { verdict: 'follow', keep };
}

/**
 * Whether what is signed there is believed by the public feed alone. Where the group's feed has left a key that was given up,
 * only that feed says.
 */
export function standsInGroup(keys: FeedKeys, link: FeedLink): Refusal | undefined {
  if (keys.revoked) return refuse('revoked', `${link.author} has revoked the key that signs there`);
  if (compareEpochs(link, newestEpoch(keys)) >= 0) return undefined;
  return refuse('given-up', `it is of epoch ${link.epoch}, whose key its author has given up since`);
}

/** Whether the newest key of the author vouches for what is stored of their feed in a group; `head`: its end. */
export function isVouchedFor(keys: FeedKeys, head: Omit<Position, 'seq'>): boolean {
  return !keys.revoked && compareEpochs(head, newestEpoch(keys)) === 0;
}

function givenUp({ author, recovery, epoch }: FeedLink, what: string): GroupLinkVerdict {
  const key = `the key of epoch ${epoch} of recovery ${recovery}`;
  return { verdict: 'given-up', detail: `${author} has given up ${key}, and ${what}` };
}
