/** The last records that were refused, and from whom they came: counts alone do not tell a person whom to ask. */
import type { Admission, RefusalReason } from '../record/types.ts';
import { RECENT_REFUSALS_MAX } from './limits.ts';

export interface RecentRefusal {
  /** Milliseconds since 1970, of the last time. */
  readonly at: number;
  /** PeerId of whoever sent it, which need not be its author. */
  readonly peer: string;
  readonly reason: RefusalReason;
  /** One sentence; holds no text of the sender's that was not checked. */
  readonly detail: string;
  /** How often the same was refused of the same peer. */
  readonly count: number;
}

export interface RecentRefusals {
  add(admission: Extract<Admission, { result: 'refused' }>, peer: string): void;
  /** Newest first. */
  list(): readonly RecentRefusal[];
}

/** Bounded: the same again is counted and not kept again, and the oldest goes first. */
export function createRecentRefusals(now: () => number): RecentRefusals {
  const kept = new Map<string, RecentRefusal>();
  return {
    add({ reason, detail }, peer) {
      const key = `${peer} ${reason} ${detail}`;
      const count = (kept.get(key)?.count ?? 0) + 1;
      kept.delete(key);
      kept.set(key, { at: now(), peer, reason, detail, count });
      const [oldest] = kept.keys();
      if (kept.size > RECENT_REFUSALS_MAX && oldest !== undefined) kept.delete(oldest);
    },
    list: () => [...kept.values()].toReversed(),
  };
}
