/** The last records that were refused, and from whom they came: counts alone do not tell a person whom to ask. */
import type { Digest } from '../../crypto/digest.ts';
import type { Admission, AuthorId, RefusalReason } from '../record/types.ts';
import { RECENT_REFUSALS_MAX, RECENT_REFUSALS_OF_A_PEER } from './limits.ts';

export interface RecentRefusal {
  /** Milliseconds since 1970, of the last time. */
  readonly at: number;
  /** PeerId of whoever sent it, which need not be its author. */
  readonly peer: string;
  readonly reason: RefusalReason;
  /** One sentence; holds no text of the sender's that was not checked. */
  readonly detail: string;
  /** Whose it claims to be, where it reads: anybody can claim it. */
  readonly author?: AuthorId;
  /** The id that it has, where it is an envelope at all. */
  readonly record?: Digest;
  /** How often the same was refused of the same peer. */
  readonly count: number;
}

export interface RecentRefusals {
  add(admission: Extract<Admission, { result: 'refused' }>, peer: string): void;
  /** Newest first. */
  list(): readonly RecentRefusal[];
}

/**
 * Bounded, and nobody fills it: the same again is counted and not kept again, each peer has some places, and where all are
 * taken the oldest of a stranger goes first, so that what strangers send does not hide what acquaintances do.
 */
export function createRecentRefusals(now: () => number, isStranger: (peer: string) => boolean): RecentRefusals {
  const kept = new Map<string, RecentRefusal>();
  const dropOldest = (among: (peer: string) => boolean): boolean => {
    const oldest = [...kept].find(([, { peer }]) => among(peer));
    return oldest !== undefined && kept.delete(oldest[0]);
  };
  return {
    add({ reason, detail, claims, record }, peer) {
      const key = [peer, reason, detail, record].join(' ');
      const count = (kept.get(key)?.count ?? 0) + 1;
      kept.delete(key);
      const author = claims?.author;
      kept.set(key, {
        at: now(),
        peer,
        reason,
        detail,
        ...(author !== undefined && { author }),
        ...(record !== undefined && { record }),
        count,
      });
      const ofPeer = [...kept.values()].filter((one) => one.peer === peer).length;
      if (ofPeer > RECENT_REFUSALS_OF_A_PEER) dropOldest((other) => other === peer);
      else if (kept.size > RECENT_REFUSALS_MAX) void (dropOldest(isStranger) || dropOldest(() => true));
    },
    list: () => [...kept.values()].toReversed(),
  };
}
