/**
 * GCRA, the generic cell rate algorithm: one number a peer, no timers (ITU-T I.371; Lodestar limits its requests so
 * too). libp2p itself has no limit on a peer's requests.
 */
export interface RateLimit {
  /** Requests at once after a silence. */
  readonly burst: number;
  /** One request comes back in this time, in milliseconds. */
  readonly intervalMs: number;
}

export type RateVerdict = { readonly allowed: true } | { readonly allowed: false; readonly retryAfterMs: number };

/** Remembers at most `maxKeys` peers; whoever has been silent longest is forgotten first. */
export function createRateLimiter(limit: RateLimit, now: () => number, maxKeys: number): (key: string) => RateVerdict {
  /** Key to the time at which its bucket is full again. */
  const fullAt = new Map<string, number>();
  return (key) => {
    const time = now();
    const arrival = Math.max(fullAt.get(key) ?? time, time);
    const waitMs = arrival + limit.intervalMs - limit.burst * limit.intervalMs - time;
    if (waitMs > 0) return { allowed: false, retryAfterMs: Math.ceil(waitMs) };
    fullAt.delete(key);
    fullAt.set(key, arrival + limit.intervalMs);
    if (fullAt.size > maxKeys) {
      const [oldest] = fullAt.keys();
      if (oldest !== undefined) fullAt.delete(oldest);
    }
    return { allowed: true };
  };
}

/** For the refusal, so that an honest asker knows what to keep to. */
export function describeLimit(limit: RateLimit): string {
  return `at most ${limit.burst} requests at once, one more each ${limit.intervalMs} ms`;
}
