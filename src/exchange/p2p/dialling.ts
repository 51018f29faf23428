/**
 * Whom to dial again, and when: libp2p gives up after five tries, and a friend who was away for a night must be found
 * again. Pure.
 */
export interface DialTarget {
  /** Same key, same target: a peer's name, or the address of a bootstrap peer. */
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

/** Exponential with jitter in its upper half, so that many nodes do not dial one that comes back all at once. */
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
