/**
 * How long a step may keep a build waiting before it fails for good. To wait longer is how real mends of slow hosts look,
 * and also how a peer would stall a build for days: so much more is no rewording.
 */
import type { Change } from './change.ts';
import { partsOf } from './conditions.ts';
import { durationMs } from './duration.ts';
import {
  DEFAULT_BACKOFF,
  DEFAULT_RETRIES,
  DEFAULT_TIMEOUT_MS,
  PATIENCE_FACTOR,
  PATIENCE_FREE_MS,
  PATIENCE_MOST_MS,
} from './limits.ts';
import type { Condition, Recipe, Step } from './types.ts';

/** Steps of the new recipe that wait much longer than they did: longer than a mend needs. */
export function patienceChanges(before: Recipe, after: Recipe): Change[] {
  const was = new Map(stepsOf(before).map((step) => [step.id, longestWaitMs(step, before.defaults)]));
  return stepsOf(after).flatMap((step): Change[] => {
    const [beforeMs, afterMs] = [was.get(step.id) ?? 0, longestWaitMs(step, after.defaults)];
    const allowedMs = Math.max(PATIENCE_FREE_MS, Math.min(PATIENCE_FACTOR * beforeMs, PATIENCE_MOST_MS));
    if (afterMs <= beforeMs || afterMs <= allowedMs) return [];
    const reason = 'it may keep the build waiting for much longer, with all its retries';
    const words = { before: inMinutes(beforeMs), after: inMinutes(afterMs) };
    return [{ class: 'authority', where: `step ${step.id}`, reason, ...words }];
  });
}

function stepsOf({ steps, personalise = [] }: Recipe): readonly Step[] {
  return [...steps, ...personalise];
}

/** Milliseconds on the reference host: every condition waited out, in every round, in every try, with the pauses between. */
export function longestWaitMs(step: Step, defaults: Recipe['defaults'] = {}): number {
  const otherwise = step.timeout ?? defaults.timeout;
  const otherwiseMs = otherwise === undefined ? DEFAULT_TIMEOUT_MS : durationMs(otherwise);
  const longest = (conditions: readonly (Condition | undefined)[]): number =>
    Math.max(0, ...conditions.map((one) => (one === undefined ? 0 : (ownTimeMs(one) ?? otherwiseMs))));
  const { first_of: branches = [], prompts, repeat } = step;
  const questions = prompts?.table ?? [];
  const answers = questions.reduce((sum, { at_most: most = 1 }) => sum + most, prompts ? 1 : 0);
  const onceMs =
    longest([step.when]) +
    longest(branches.map(({ when }) => when)) +
    answers * longest([prompts?.until, ...questions.map(({ when }) => when)]) +
    (repeat?.at_most ?? 0) * longest([repeat?.until]) +
    longest([step.expect, ...branches.map(({ expect }) => expect)]);
  const retries = step.retries ?? defaults.retries ?? DEFAULT_RETRIES;
  const pauseMs = defaults.backoff === undefined ? DEFAULT_BACKOFF.maxMs : durationMs(defaults.backoff.max);
  return (retries + 1) * onceMs + retries * pauseMs;
}

function ownTimeMs(condition: Condition): number | undefined {
  if (condition.timeout !== undefined) return durationMs(condition.timeout);
  const inner = partsOf(condition)
    .map(ownTimeMs)
    .filter((ms) => ms !== undefined);
  return inner.length === 0 ? undefined : Math.max(...inner);
}

function inMinutes(ms: number): string {
  return ms === 0 ? 'not there' : `at most ${Math.ceil(ms / 60_000)} min`;
}
