/** Syncs that run, one for each peer at a time, and those who wait for one. */
export interface Syncs {
  /** Runs one now. Whoever waited for the next one with this peer gets its end. */
  run(peer: string): Promise<void>;
  /** Resolves or rejects with the next sync with this peer that begins. */
  next(peer: string): Promise<void>;
  /** The peer has gone: nobody need wait for it. */
  forget(peer: string, why: Error): void;
  /** Resolves when nothing runs. */
  idle(): Promise<void>;
}

export function createSyncs(sync: (peer: string) => Promise<void>): Syncs {
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  const running = new Set<Promise<void>>();
  const take = (peer: string): PromiseWithResolvers<void> | undefined => {
    const waiters = waiting.get(peer);
    waiting.delete(peer);
    return waiters;
  };
  return {
    async run(peer) {
      const waiters = take(peer);
      const work = sync(peer);
      const settled = work.then(
        () => waiters?.resolve(),
        (error: unknown) => waiters?.reject(error),
      );
      running.add(settled);
      try {
        await work;
      } finally {
        running.delete(settled);
      }
    },
    next(peer) {
      const waiters = waiting.get(peer) ?? Promise.withResolvers<void>();
      waiting.set(peer, waiters);
      waiters.promise.catch(() => undefined); // whoever waits may have left
      return waiters.promise;
    },
    forget(peer, why) {
      take(peer)?.reject(why);
    },
    async idle() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}
