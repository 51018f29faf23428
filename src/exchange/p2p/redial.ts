/**
 * Keeps connections to trusted and bootstrap peers: libp2p gives up after five tries, and a friend who was away for a
 * night must be found again. Which peer to dial when is pure (`dueForDial`); the loop only does it.
 */
export interface DialTarget {
  /** Same key, same target: a PeerId, or the address of a bootstrap peer. */
  readonly key: string;
  readonly addresses: readonly string[];
}

export interface DialState {
  readonly attempts: number;
  /** Not before this time, in milliseconds. */
  readonly notBefore: number;
}

export interface Backoff {
  readonly redialBaseMs: number;
  readonly redialMaxMs: number;
}

/** Exponential with full jitter in its upper half, so that many nodes do not dial one that comes back all at once. */
export function nextDial(state: DialState | undefined, backoff: Backoff, now: number, random: number): DialState {
  const attempts = (state?.attempts ?? 0) + 1;
  const ceiling = Math.min(backoff.redialMaxMs, backoff.redialBaseMs * 2 ** Math.min(attempts - 1, 30));
  return { attempts, notBefore: now + ceiling * (0.5 + random / 2) };
}

export function dueForDial(
  targets: readonly DialTarget[],
  states: ReadonlyMap<string, DialState>,
  isConnected: (target: DialTarget) => boolean,
  now: number,
): DialTarget[] {
  return targets.filter(
    (target) => target.addresses.length > 0 && !isConnected(target) && (states.get(target.key)?.notBefore ?? 0) <= now,
  );
}

export interface RedialOptions {
  readonly targets: () => readonly DialTarget[];
  readonly isConnected: (target: DialTarget) => boolean;
  /** Rejects when none of the addresses answers. */
  readonly dial: (target: DialTarget) => Promise<void>;
  readonly onFailure: (target: DialTarget, error: unknown) => void;
  readonly backoff: Backoff;
  readonly now: () => number;
  readonly random: () => number;
}

/** @returns one turn of the loop: dials whoever is due, and resolves when all of that is settled. */
export function createRedial(options: RedialOptions): () => Promise<void> {
  const states = new Map<string, DialState>();
  const dialling = new Set<string>();
  return async () => {
    const targets = options.targets();
    const keys = new Set(targets.map(({ key }) => key));
    for (const key of states.keys()) if (!keys.has(key)) states.delete(key);
    for (const target of targets) if (options.isConnected(target)) states.delete(target.key);
    const due = dueForDial(targets, states, options.isConnected, options.now());
    await Promise.all(
      due
        .filter(({ key }) => !dialling.has(key))
        .map(async (target) => {
          dialling.add(target.key);
          states.set(target.key, nextDial(states.get(target.key), options.backoff, options.now(), options.random()));
          try {
            await options.dial(target);
          } catch (error) {
            options.onFailure(target, error);
          } finally {
            dialling.delete(target.key);
          }
        }),
    );
  };
}
