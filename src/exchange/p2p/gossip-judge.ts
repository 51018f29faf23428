/**
 * What to do with a record that came by gossip. Nothing here asks who sent it, but for how much they have sent.
 *
 * The verdict does not wait for the disk: each hop would add a sync of its own. A node that dies in between has passed on
 * a record that it does not have, and gets it by sync.
 */
import type { Admission, AuthorId, RefusalReason, Scope } from '../record/types.ts';
import type { RecordStore } from '../store/types.ts';
import type { Budgets } from './budgets.ts';
import { RATE_LIMIT_MAX_PEERS, RATE_LIMITS } from './limits.ts';
import type { OnTrouble } from './protocol.ts';
import { createRateLimiter } from './rate-limit.ts';
import { asError } from '../../errors.ts';
import { PUBLIC_SCOPE } from '../record/feed-link.ts';

/** Accept: passed on. Ignore: not passed on. Reject: held against whoever relayed it. */
export type GossipVerdict = 'accept' | 'ignore' | 'reject';

export interface GossipContext {
  readonly store: RecordStore;
  readonly carries: (author: AuthorId) => boolean;
  readonly budgets: Budgets;
  readonly now: () => number;
  readonly onAdmission: (admission: Admission, from: string) => void;
  /** A record arrived whose predecessors did not, or whose key is not known here: this peer has what leads to it. */
  readonly onGap: (peer: string) => void;
  readonly onTrouble: OnTrouble;
}

/** What a refusal says about the bytes. Only what is wrong for everybody is held against who relayed it. */
const WRONG_FOR_EVERYBODY: readonly RefusalReason[] = ['too-large', 'bad-encoding', 'bad-statement', 'bad-signature'];

/** `author`: whose topic it came on. */
export type JudgeGossip = (peer: string, author: AuthorId, data: Uint8Array) => Judgement;

/** Neither rejects. */
export interface Judgement {
  readonly verdict: Promise<GossipVerdict>;
  /** Resolves when it is on the disk, or trouble with that has been told. */
  readonly stored: Promise<void>;
}

export function createGossipJudge(context: GossipContext): JudgeGossip {
  const { budgets } = context;
  const rate = createRateLimiter(RATE_LIMITS.gossip, context.now, RATE_LIMIT_MAX_PEERS);
  return (peer, author, data) => {
    if (!context.carries(author)) return IGNORED;
    // Over its limits a peer is not heard, and not punished either: what it had to say comes by sync.
    if (!rate(peer).allowed || !budgets.left(peer, 'refused').allowed) return IGNORED;
    if (!budgets.take(peer, 'received', data.length).allowed) return IGNORED;
    const { promise: verdict, resolve } = Promise.withResolvers<GossipVerdict>();
    const follows = (one: AuthorId, scope: Scope): boolean => one === author && scope === PUBLIC_SCOPE;
    const store = async (): Promise<void> => {
      try {
        const onJudged = (judged: Admission): void => resolve(verdictOn(judged));
        const admission = await context.store.admit(data, { follows, onJudged });
        context.onAdmission(admission, peer);
        if (admission.result === 'held' || mayBeOfAnotherBranch(admission)) context.onGap(peer);
      } catch (error) {
        resolve('ignore');
        context.onTrouble('storing what came by gossip', peer, asError(error));
      }
    };
    return { verdict, stored: store() };
  };
}

const IGNORED: Judgement = { verdict: Promise.resolve('ignore'), stored: Promise.resolve() };

/** Reject: wrong for everybody, or not by the topic's author. Ignore: everything that another node may see differently. */
export function verdictOn(admission: Admission): GossipVerdict {
  if (admission.result === 'admitted') return 'accept';
  if (admission.result !== 'refused') return 'ignore';
  // The store was told to follow the topic's author's public feed alone: nothing else has any business on this topic.
  if (admission.reason === 'unknown-author') return 'reject';
  return WRONG_FOR_EVERYBODY.includes(admission.reason) && !mayBeOfAnotherBranch(admission) ? 'reject' : 'ignore';
}

/**
 * Whose signature a record of a later epoch must carry, its opening says. Where an author has shown another opening to
 * somebody else, what is wrong here is right there: no relay is to blame, and a sync finds it out.
 */
function mayBeOfAnotherBranch(admission: Admission): boolean {
  if (admission.result !== 'refused') return false;
  const { reason, claims } = admission;
  return reason === 'unknown-key' || (reason === 'bad-signature' && claims !== undefined && claims.epoch > 0);
}
