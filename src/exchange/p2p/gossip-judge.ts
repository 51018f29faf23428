/** What to do with a record that came by gossip. Nothing here asks who sent it, but for how much they have sent. */
import type { Admission, AuthorId, RefusalReason } from '../record/types.ts';
import type { RecordStore } from '../store/types.ts';
import type { Budgets } from './budgets.ts';
import { RATE_LIMIT_MAX_PEERS, RATE_LIMITS } from './limits.ts';
import { createRateLimiter } from './rate-limit.ts';

/** Accept: passed on. Ignore: not passed on. Reject: held against whoever relayed it. */
export type GossipVerdict = 'accept' | 'ignore' | 'reject';

export interface GossipContext {
  readonly store: RecordStore;
  readonly carries: (author: AuthorId) => boolean;
  readonly budgets: Budgets;
  readonly now: () => number;
  readonly onAdmission: (admission: Admission, from: string) => void;
  /** A record arrived whose predecessors did not: this peer has them. */
  readonly onGap: (peer: string) => void;
}

/** What a refusal says about the bytes. Only what is wrong for everybody is held against who relayed it. */
const WRONG_FOR_EVERYBODY: readonly RefusalReason[] = ['too-large', 'bad-encoding', 'bad-statement', 'bad-signature'];

/** `author`: whose topic it came on. */
export type JudgeGossip = (peer: string, author: AuthorId, data: Uint8Array) => Promise<GossipVerdict>;

export function createGossipJudge(context: GossipContext): JudgeGossip {
  const { budgets, store } = context;
  const rate = createRateLimiter(RATE_LIMITS.gossip, context.now, RATE_LIMIT_MAX_PEERS);
  return async (peer, author, data) => {
    if (!context.carries(author)) return 'ignore';
    // Over its limits a peer is not heard, and not punished either: what it had to say comes by sync.
    if (!rate(peer).allowed || !budgets.left(peer, 'refused').allowed) return 'ignore';
    if (!budgets.take(peer, 'received', data.length).allowed) return 'ignore';
    const admission = await store.admit(data, { follows: (one) => one === author });
    context.onAdmission(admission, peer);
    if (admission.result === 'held') context.onGap(peer);
    return verdictOn(admission);
  };
}

/** Reject: wrong for everybody, or not by the topic's author. Ignore: everything that another node may see differently. */
export function verdictOn(admission: Admission): GossipVerdict {
  if (admission.result === 'admitted') return 'accept';
  if (admission.result !== 'refused') return 'ignore';
  // The store was told to follow the topic's author alone: anybody else has no business on this topic.
  if (admission.reason === 'unknown-author') return 'reject';
  return WRONG_FOR_EVERYBODY.includes(admission.reason) ? 'reject' : 'ignore';
}
