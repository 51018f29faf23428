/** One at a time for each key: whoever asks while one runs shares the next. */
export interface Turns {
  <T>(key: string, work: () => Promise<T>): Promise<T>;
  /** Resolves when nothing runs. */
  idle(): Promise<void>;
}

/** Callers of one key must all give work that means the same: those who wait share one run and its result. */
export function createTurns(): Turns {
  const running = new Map<string, Promise<unknown>>();
  const waiting = new Map<string, Promise<unknown>>();
  const run = <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const promise = work().finally(() => {
      if (running.get(key) === promise) running.delete(key);
    });
    running.set(key, promise);
    return promise;
  };
  const turns = <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const current = running.get(key);
    if (current === undefined) return run(key, work);
    const next = waiting.get(key);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one key, one kind of work
    if (next !== undefined) return next as Promise<T>;
    const promise = current
      .catch(() => undefined) // told to whoever asked for that run
      .then(() => {
        waiting.delete(key);
        return run(key, work);
      });
    waiting.set(key, promise);
    return promise;
  };
  return Object.assign(turns, {
    async idle() {
      while (running.size > 0 || waiting.size > 0) await Promise.allSettled([...running.values(), ...waiting.values()]);
    },
  });
}
