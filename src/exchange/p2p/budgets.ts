/**
 * What a peer may cost this node, beside the number of its requests: bytes both ways, and records that turn out to be
 * refused. Whoever is over a budget waits, and is told for how long; nobody is banned.
 */
import { BUDGETS, RATE_LIMIT_MAX_PEERS } from './limits.ts';
import { createRateLimiter, describeLimit } from './rate-limit.ts';
import type { RateLimiter, RateVerdict } from './rate-limit.ts';

export type Budget = 'sent' | 'received' | 'refused';

const UNITS: Readonly<Record<Budget, string>> = { sent: 'bytes', received: 'bytes', refused: 'refused records' };

export type BudgetVerdict =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly retryAfterMs: number; readonly limit: string };

export interface Budgets {
  /** Takes so many units of a peer's budget, if they are there. */
  take(peer: string, budget: Budget, cost: number): BudgetVerdict;
  /** Whether anything is left of it. */
  left(peer: string, budget: Budget): BudgetVerdict;
}

/** `isFriend`: a peer that policy names. All others share one more budget. */
export function createBudgets(isFriend: (peer: string) => boolean, now: () => number): Budgets {
  const limiters = {
    friend: limitersOf(BUDGETS.friend, now),
    stranger: limitersOf(BUDGETS.stranger, now),
    allStrangers: limitersOf(BUDGETS.allStrangers, now),
  };
  const say = (verdict: RateVerdict, whose: keyof typeof BUDGETS, budget: Budget): BudgetVerdict => {
    if (verdict.allowed) return verdict;
    const limit = describeLimit(BUDGETS[whose][budget], UNITS[budget]);
    return { ...verdict, limit: whose === 'allStrangers' ? `${limit}, for all strangers together` : limit };
  };
  const each = (peer: string, budget: Budget, judge: (limiter: RateLimiter, key: string) => RateVerdict) => {
    if (isFriend(peer)) return say(judge(limiters.friend[budget], peer), 'friend', budget);
    const own = judge(limiters.stranger[budget], peer);
    if (!own.allowed) return say(own, 'stranger', budget);
    return say(judge(limiters.allStrangers[budget], ''), 'allStrangers', budget);
  };
  return {
    take: (peer, budget, cost) => each(peer, budget, (limiter, key) => limiter(key, cost)),
    left: (peer, budget) => each(peer, budget, (limiter, key) => limiter.peek(key)),
  };
}

function limitersOf(limits: (typeof BUDGETS)[keyof typeof BUDGETS], now: () => number): Record<Budget, RateLimiter> {
  const of = (budget: Budget): RateLimiter => createRateLimiter(limits[budget], now, RATE_LIMIT_MAX_PEERS);
  return { sent: of('sent'), received: of('received'), refused: of('refused') };
}
