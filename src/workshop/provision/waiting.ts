/** Waiting for a condition on one machine, with an eye on the watches, until it is met or there is no hope left. */
import { describeCondition } from '../../recipe/conditions.ts';
import type { Condition, Duration, Step } from '../../recipe/types.ts';
import type { Bench, StepSettings } from './bench.ts';
import { evaluate, ownTimeoutMs, type Evaluation, type Verdict } from './conditions.ts';
import { failed, seconds } from './failing.ts';
import { earlyFailure, stallOf } from './hopeless.ts';
import { PRESS_MOST_MS, PRESS_REST_MS } from './limits.ts';
import type { Observation } from './observer.ts';

export interface Met {
  holds(condition: Condition): boolean;
  readonly seen: Observation;
}

/** What of a step is waited for: as it was written, it names the symptom where it never comes. */
export interface Question {
  readonly phase: 'when' | 'expect';
  readonly asked: (written: Step) => Condition | undefined;
}

/** Waits for the first frame after the last input on which `condition` is met. */
export async function until(
  condition: Condition,
  { phase, asked }: Question,
  step: Step,
  bench: Bench,
  settings: StepSettings,
): Promise<Met> {
  const { observer } = bench;
  const { signal } = settings;
  const startedAtGuestMs = observer.guestNow();
  const scaled = (duration: Duration) => settings.durationMs(duration) * settings.hostFactor;
  const own = ownTimeoutMs(condition, scaled) ?? (step.timeout === undefined ? undefined : scaled(step.timeout));
  const limitMs = own ?? settings.defaultTimeoutMs * settings.hostFactor;
  const early = earlyFailure(condition, step, bench, settings, { startedAtGuestMs, own, scaled });
  const stalled = stallOf(condition, bench, settings, scaled);
  let seen = observer.last?.mark === observer.mark ? observer.last : await observer.look(signal);
  for (;;) {
    const how = evaluation(bench, settings, scaled);
    if (seen.current) {
      await recognise([condition, ...settings.watches.map((watch) => watch.when)], seen, how, signal);
      const verdict = evaluate(condition, seen, how);
      if (verdict.met) {
        tellSeen(condition, verdict, seen, step, settings);
        const looked = seen;
        return { holds: (inner) => evaluate(inner, looked, how).met, seen };
      }
      checkWatches(step, seen, bench, settings, how);
      const guestNowMs = observer.guestNow();
      const waitedMs = guestNowMs - startedAtGuestMs;
      const tooLong = waitedMs >= limitMs ? timedOut(condition, limitMs, verdict) : undefined;
      const reason = tooLong ?? stalled(seen, guestNowMs) ?? early(seen, how, guestNowMs);
      if (reason !== undefined) throw failed({ step, phase, condition, asked, reason, seen, bench, settings });
    }
    seen = await observer.next(signal);
  }
}

/** Looks once before the first round; after each for as long as the condition says, or until the screen rests. */
export async function cameInRound(
  end: Condition,
  first: boolean,
  step: Step,
  bench: Bench,
  settings: StepSettings,
): Promise<boolean> {
  const { now, signal, hostFactor } = settings;
  const scaled = (duration: Duration) => settings.durationMs(duration) * hostFactor;
  const own = ownTimeoutMs(end, scaled) ?? (step.timeout === undefined ? undefined : scaled(step.timeout));
  if (!first && own === undefined) return comesWhileMoving(end, bench, settings);
  const deadlineMs = now() + (first ? 0 : (own ?? 0));
  for (let seen = await bench.observer.look(signal); ; seen = await bench.observer.next(signal)) {
    if (!seen.current) continue;
    const how = { ...evaluation(bench, settings, scaled), fresh: false };
    await recognise([end, ...settings.watches.map((watch) => watch.when)], seen, how, signal);
    if (evaluate(end, seen, how).met) return true;
    checkWatches(step, seen, bench, settings, how);
    if (now() >= deadlineMs) return false;
  }
}

/** Present at all, new or old: gives up once the screen has been still for a moment without it. */
export async function comesWhileMoving(condition: Condition, bench: Bench, settings: StepSettings): Promise<boolean> {
  const { observer } = bench;
  const { now, signal, hostFactor } = settings;
  const startedAtMs = now();
  const scaled = (duration: Duration) => settings.durationMs(duration) * hostFactor;
  for (let seen = await observer.look(signal); ; seen = await observer.next(signal)) {
    if (!seen.current) continue;
    const how = { ...evaluation(bench, settings, scaled), fresh: false };
    await recognise([condition], seen, how, signal);
    if (evaluate(condition, seen, how).met) return true;
    const restMs = now() - Math.max(seen.changedAtMs, seen.mark.sentAtMs, startedAtMs);
    const waitedMs = now() - startedAtMs;
    if (restMs >= PRESS_REST_MS * hostFactor || waitedMs >= PRESS_MOST_MS * hostFactor) return false;
  }
}

function evaluation(bench: Bench, settings: StepSettings, durationMs: (duration: Duration) => number): Evaluation {
  const pictures = bench.pictures(settings.needles);
  return {
    reader: bench.reader,
    pictures,
    fresh: bench.unconfirmed,
    durationMs,
    nowMs: settings.now(),
    secrets: settings.secrets.size > 0,
  };
}

/** Text recognition takes seconds: it is done before a look is judged, and only where something asks for it. */
async function recognise(
  conditions: readonly Condition[],
  { frame, mark }: Observation,
  { pictures, fresh }: Evaluation,
  signal: AbortSignal,
): Promise<void> {
  await pictures?.recognise(conditions, frame, signal);
  if (fresh && mark.frame) await pictures?.recognise(conditions, mark.frame, signal);
}

function tellSeen(condition: Condition, verdict: Verdict, seen: Observation, step: Step, settings: StepSettings): void {
  settings.emit({
    event: 'seen',
    step: step.id,
    condition,
    frameSequence: seen.frame.sequence,
    capturedAtMs: seen.frame.capturedAtMs,
    eye: verdict.eye,
  });
}

function checkWatches(step: Step, seen: Observation, bench: Bench, settings: StepSettings, how: Evaluation): void {
  for (const watch of settings.watches) {
    if (!evaluate(watch.when, seen, { ...how, fresh: false }).met) continue;
    const reason = `the watch "${watch.id}" saw ${describeCondition(watch.when)}: ${watch.fail}`;
    throw failed({ step, phase: 'watch', condition: watch.when, reason, seen, bench, settings });
  }
}

function timedOut(condition: Condition, limitMs: number, verdict: Verdict): string {
  const within = `within ${seconds(limitMs)}`;
  const instead = verdict.evidence === undefined ? '' : ` (${verdict.evidence()})`;
  return verdict.stale === true
    ? `${describeCondition(condition)} was there before the last input and did not come again ${within}`
    : `${describeCondition(condition)} was not seen ${within}${instead}`;
}
