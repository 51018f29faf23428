/** Two works of which neither waits for the other: at once where the host has room for that. */

export interface SideBySide {
  /** Otherwise one behind the other. */
  readonly atOnce: boolean;
  readonly signal: AbortSignal;
}

/**
 * Resolves with what both give. Where one fails the other is stopped by its signal, and once nothing of either goes on any
 * more, this rejects with what failed first.
 */
export async function bothOf<A, B>(
  first: (signal: AbortSignal) => Promise<A>,
  second: (signal: AbortSignal) => Promise<B>,
  { atOnce, signal }: SideBySide,
): Promise<readonly [A, B]> {
  if (!atOnce) return [await first(signal), await second(signal)];
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const work = async <T>(one: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    try {
      return await one(either);
    } catch (error) {
      failed.abort(error); // the first reason counts
      throw error;
    }
  };
  const [a, b] = await Promise.allSettled([work(first), work(second)]);
  if (a.status === 'fulfilled' && b.status === 'fulfilled') return [a.value, b.value];
  throw failed.signal.reason;
}

/** Waits for what was begun by somebody else, who goes on with it, no longer than until `signal`. */
export async function unlessStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const over = new AbortController();
  const stopped = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { signal: over.signal });
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    over.abort();
  }
}
