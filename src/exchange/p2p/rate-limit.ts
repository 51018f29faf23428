/**
 * GCRA, the generic cell rate algorithm: one number a peer, no timers (ITU-T I.371; Lodestar limits its requests so
 * too). libp2p itself has no limit on a peer's requests.
 */
export interface RateLimit {
  /** Units (requests, bytes) at once after a silence. */
  readonly burst: number;
  /** One unit comes back in this time, in milliseconds. */
  readonly intervalMs: number;
}

export type RateVerdict = { readonly allowed: true } | { readonly allowed: false; readonly retryAfterMs: number };

export interface RateLimiter {
  /** Takes `cost` units, 1 unless said otherwise, or none of them. */
  (key: string, cost?: number): RateVerdict;
  /** Whether one unit could be taken now. */
  peek(key: string): RateVerdict;
}

/** Remembers at most `maxKeys` peers; whoever has been silent longest is forgotten first. */
export function createRateLimiter(limit: RateLimit, now: () => number, maxKeys: number): RateLimiter {
  /** Key to the time at which its bucket is full again. */
  const fullAt = new Map<string, number>();
  const judge = (key: string, cost: number): { verdict: RateVerdict; arrival: number } => {
    const time = now();
    const arrival = Math.max(fullAt.get(key) ?? time, time) + cost * limit.intervalMs;
    const waitMs = arrival - limit.burst * limit.intervalMs - time;
    return { arrival, verdict: waitMs > 0 ? { allowed: false, retryAfterMs: Math.ceil(waitMs) } : { allowed: true } };
  };
  const take = (key: string, cost = 1): RateVerdict => {
    const { verdict, arrival } = judge(key, cost);
    if (!verdict.allowed) return verdict;
    fullAt.delete(key);
    fullAt.set(key, arrival);
    const [oldest] = fullAt.keys();
    if (fullAt.size > maxKeys && oldest !== undefined) fullAt.delete(oldest);
    return verdict;
  };
  return Object.assign(take, { peek: (key: string) => judge(key, 1).verdict });
}

/** For the refusal, so that an honest asker knows what to keep to. */
export function describeLimit(limit: RateLimit, unit = 'requests'): string {
  const { burst, intervalMs } = limit;
  if (intervalMs >= 1) return `at most ${burst} ${unit} at once, one more each ${intervalMs} ms`;
  return `at most ${burst} ${unit} at once, then ${Math.round(1_000 / intervalMs)} a second`;
}
