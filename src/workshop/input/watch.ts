/** Looking at a screen until something is to be seen on it, or until it has come to rest. */
import { setTimeout } from 'node:timers/promises';
import type { Frame, Machine } from '../machine/types.ts';
import type { Eyes, ScreenText } from '../screen/types.ts';
import { LOOK_MS } from './limits.ts';

/** Time as those who type know it: a test's passes as fast as it can. */
export interface Clock {
  /** Milliseconds, from any beginning. */
  readonly now: () => number;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

const HOST_CLOCK: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) => setTimeout(ms, undefined, { signal }),
};

export function clockOf({ clock = HOST_CLOCK }: Bench): Clock {
  return clock;
}

/** What all input needs: a machine, eyes for its screen, and a way to stop. */
export interface Bench {
  readonly machine: Machine;
  readonly eyes: Eyes;
  readonly signal?: AbortSignal | undefined;
  /** How many times slower this host runs a guest than the reference (hostFactor); patience is multiplied by it. */
  readonly hostFactor?: number | undefined;
  /** Default: the host's. */
  readonly clock?: Clock | undefined;
}

export async function look(bench: Bench): Promise<ScreenText> {
  return (await frameAndText(bench)).screen;
}

export async function frameAndText({ machine, eyes, signal }: Bench): Promise<{ frame: Frame; screen: ScreenText }> {
  const frame = await machine.frame(signal);
  return { frame, screen: eyes.read(frame) };
}

/**
 * Looks until `found` gives a value; gives up, with the last screen, when `part` of it has been the same for `restMs`
 * (scaled), or after ten times as long in any case: a clock elsewhere on the screen must not keep us for ever.
 */
export async function watchFor<T>(
  bench: Bench,
  restMs: number,
  part: (screen: ScreenText) => string,
  found: (screen: ScreenText) => T | null,
): Promise<{ readonly value: T | null; readonly screen: ScreenText; readonly tookMs: number }> {
  const { now, sleep } = clockOf(bench);
  const patienceMs = restMs * (bench.hostFactor ?? 1);
  const startMs = now();
  let changedMs = startMs;
  let last: string | undefined;
  for (;;) {
    bench.signal?.throwIfAborted();
    const screen = await look(bench);
    const nowMs = now();
    const value = found(screen);
    if (value !== null) return { value, screen, tookMs: nowMs - startMs };
    const shown = part(screen);
    if (last !== undefined && shown !== last) changedMs = nowMs;
    last = shown;
    if (nowMs - changedMs >= patienceMs || nowMs - startMs >= 10 * patienceMs)
      return { value, screen, tookMs: nowMs - startMs };
    await sleep(LOOK_MS, bench.signal);
  }
}

/** All that is written, for `watchFor`. */
export function wholeScreen(screen: ScreenText): string {
  return screen.lines.join('\n');
}

/** Rows around a place, for `watchFor`: an echo shows there, a clock elsewhere does not. */
export function rowsAround(row: number): (screen: ScreenText) => string {
  return (screen) => screen.lines.slice(Math.max(0, row - 1), row + 2).join('\n');
}
