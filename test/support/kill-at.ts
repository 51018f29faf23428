/** Builds that are killed at moments drawn from a seed: after one of their events, and a little later. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import readline from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { jsonLines, startCli, type Answer } from './cli.ts';
import type { TestHome } from './temp-home.ts';
import { seeded } from './random.ts';

export interface Moment {
  /** Counted from 0: the event that the build tells just before. */
  readonly event: number;
  /** A checkpoint takes some hundred milliseconds to write: this reaches into the middle of it, and of typing. */
  readonly delayMs: number;
}

const LONGEST_DELAY_MS = 400;

/** The same moments for the same seed. A build that tells `events` events still runs at each of them, but for the last. */
export function moments(seed: number, count: number, events: number): Moment[] {
  const random = seeded(seed);
  return Array.from({ length: count }, () => ({
    event: Math.floor(random() * (events - 1)),
    delayMs: Math.floor(random() * LONGEST_DELAY_MS),
  }));
}

export interface KilledBuild {
  /** What the build told before it was killed with SIGKILL. */
  readonly killed: readonly Answer[];
  /** What the same command told after it. */
  readonly events: readonly Answer[];
}

/**
 * Builds from power-on, kills the build and all its children at the moment, and runs the same command again. Fails where
 * that one does not end well, or goes back further than the last checkpoint that had been told.
 */
export async function killAndResume(home: TestHome, args: readonly string[], moment: Moment): Promise<KilledBuild> {
  await rm(home.home.checkpointsDir, { recursive: true, force: true });
  const killed = await killedAt(home, args, moment);
  const events = await jsonLines(home, args);
  const reached = stepsOf(killed, 'checkpoint').at(-1);
  const [resumed] = stepsOf(events, 'resumed');
  // The checkpoint after the one that was told last may have been written whole, and not told any more.
  const order = ['', ...new Set([...stepsOf(killed, 'checkpoint'), ...stepsOf(events, 'checkpoint'), resumed ?? ''])];
  const at = (step: string | undefined): number => order.indexOf(step ?? '');
  assert.ok(at(resumed) >= at(reached), `killed after ${reached}, resumed after ${resumed}: ${JSON.stringify(moment)}`);
  assert.equal(events.at(-1).build.status, 'done');
  return { killed, events };
}

async function killedAt(home: TestHome, args: readonly string[], { event, delayMs }: Moment): Promise<Answer[]> {
  const child = startCli(home, [...args, '--json']);
  child.stderr!.resume();
  const told: Answer[] = [];
  let killing: Promise<void> | undefined;
  for await (const line of readline.createInterface({ input: child.stdout! })) {
    told.push(JSON.parse(line));
    if (told.length > event) killing ??= setTimeout(delayMs).then(() => void child.kill('SIGKILL'));
  }
  await killing;
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return told;
}

function stepsOf(events: readonly Answer[], kind: string): string[] {
  return events.filter(({ event }) => event === kind).map(({ step }): string => step);
}
