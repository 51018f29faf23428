/**
 * One try of one step: wait for `when`, act, wait for `expect`. Everything around a try (retry, rollback, repair,
 * recording) is in decorators.ts.
 */
import type { Act, Branch, Condition, Duration, Recipe, Step, Watch } from '../../recipe/types.ts';
import { describeCondition, placesOf } from '../../recipe/conditions.ts';
import { stepDigest } from '../../recipe/digest.ts';
import { PortalgunError } from '../../errors.ts';
import { perform, type Typist } from './acts.ts';
import {
  evaluate,
  nearestTo,
  ownTimeoutMs,
  progressIn,
  serialText,
  showsAnything,
  waitsUnseen,
  type Evaluation,
  type TextReader,
  type Verdict,
} from './conditions.ts';
import {
  FAIL_EARLY_BOOT_MS,
  FAIL_EARLY_MS,
  FAIL_EARLY_PART_OF_TIMEOUT,
  NEAREST_LINES,
  PRESS_MOST_MS,
  PRESS_REST_MS,
  SERIAL_TAIL_CHARACTERS,
} from './limits.ts';
import type { Masker } from './mask.ts';
import type { Observation, Observer } from './observer.ts';
import type { PictureReader } from '../screen/picture-reader.ts';
import type { ScreenText } from '../screen/types.ts';
import { StepFailed, textOf } from './step-failed.ts';
import type { BuildEventBody, StepFailure } from './types.ts';

/** One machine and all that a step needs to work on it. A restored or new machine gets a new bench. */
export interface Bench {
  readonly observer: Observer;
  readonly typist: Typist;
  readonly reader: TextReader;
  /** Makes eyes for what is not text, with the needles that the recipe has now. */
  readonly pictures: (needles: Recipe['needles']) => PictureReader;
  /** Input has gone out that no condition has confirmed yet: the next match must be of something new. */
  unconfirmed: boolean;
  /** No step has been done since power-on: firmware and kernels may draw nothing for long. */
  booting: boolean;
}

/** What does not change while the steps run. */
export interface StepSettings {
  readonly watches: readonly Watch[];
  readonly needles: Recipe['needles'];
  /** Unscaled, milliseconds. */
  readonly defaultTimeoutMs: number;
  readonly hostFactor: number;
  readonly durationMs: (duration: Duration) => number;
  readonly secrets: ReadonlyMap<string, string>;
  /** Knows the secrets: a guest may echo one, and what is told of a failure must not. */
  readonly masker: Masker;
  /** The step as the recipe has it, before parameters were bound: what a failure, and so a symptom, speaks of. */
  readonly asWritten: (step: Step) => Step;
  readonly now: () => number;
  readonly emit: (event: BuildEventBody) => void;
  readonly signal: AbortSignal;
}

/** Throws `StepFailed`; what is not the step's failure (`machine/died`, an abort) goes through as it is. */
export async function performStep(step: Step, bench: Bench, settings: StepSettings): Promise<void> {
  const branches = branchesOf(step);
  let acts = step.do ?? [];
  const when = step.when ?? anyOf(branches);
  if (when !== undefined) {
    const met = await until(when, 'when', step, bench, settings);
    if (step.when === undefined) acts = branches.find((branch) => met.holds(branch.when))?.do ?? [];
    bench.unconfirmed = false;
  }
  for (const act of acts) {
    bench.unconfirmed = true;
    try {
      await perform(act, {
        ...settings,
        step: step.id,
        observer: bench.observer,
        typist: bench.typist,
        comes: (condition) => comesWhileMoving(condition, bench, settings),
        needle: (name, frame) => bench.pictures(settings.needles).needle(name, frame),
      });
    } catch (error) {
      throw await actFailed(error, act, step, bench, settings);
    }
  }
  if (step.expect !== undefined) {
    await until(step.expect, 'expect', step, bench, settings);
    bench.unconfirmed = false;
  }
  bench.booting = false;
}

/** Present at all, new or old: gives up once the screen has been still for a moment without it. */
async function comesWhileMoving(condition: Condition, bench: Bench, settings: StepSettings): Promise<boolean> {
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

function branchesOf(step: Step): readonly Branch[] {
  return step.first_of ?? [];
}

function anyOf(branches: readonly Branch[]): Condition | undefined {
  return branches.length === 0 ? undefined : { any: branches.map((branch) => branch.when) };
}

interface Met {
  holds(condition: Condition): boolean;
}

/** Waits for the first frame after the last input on which `condition` is met. */
async function until(
  condition: Condition,
  phase: 'when' | 'expect',
  step: Step,
  bench: Bench,
  settings: StepSettings,
): Promise<Met> {
  const { observer } = bench;
  const { now, signal } = settings;
  const startedAtMs = now();
  const scaled = (duration: Duration) => settings.durationMs(duration) * settings.hostFactor;
  const own = ownTimeoutMs(condition, scaled);
  const limitMs = own ?? settings.defaultTimeoutMs * settings.hostFactor;
  const early = earlyFailure(condition, step, bench, settings, { startedAtMs, own, scaled });
  let seen = observer.last?.mark === observer.mark ? observer.last : await observer.look(signal);
  for (;;) {
    const how = evaluation(bench, settings, scaled);
    if (seen.current) {
      await recognise([condition, ...settings.watches.map((watch) => watch.when)], seen, how, signal);
      const verdict = evaluate(condition, seen, how);
      if (verdict.met) {
        tellSeen(condition, verdict, seen, step, settings);
        const looked = seen;
        return { holds: (inner) => evaluate(inner, looked, how).met };
      }
      checkWatches(step, seen, bench, settings, how);
      const waitedMs = now() - startedAtMs;
      const reason = waitedMs >= limitMs ? timedOut(condition, limitMs, verdict) : early(seen, how);
      if (reason !== undefined) throw failed({ step, phase, condition, reason, seen, bench, settings });
    }
    seen = await observer.next(signal);
  }
}

function evaluation(bench: Bench, settings: StepSettings, durationMs: (duration: Duration) => number): Evaluation {
  const pictures = bench.pictures(settings.needles);
  return { reader: bench.reader, pictures, fresh: bench.unconfirmed, durationMs, nowMs: settings.now() };
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

/** The same on every host, whatever its parameters: a symptom is made of it. */
function expectedAsWritten(written: Step, phase: StepFailure['phase']): Condition | undefined {
  if (phase === 'when') return written.when ?? anyOf(branchesOf(written));
  return phase === 'expect' ? written.expect : undefined;
}

/**
 * A step fails before its time if nothing can be hoped for: the screen and the serial line have been still for the
 * patience below, something is written on the screen, and nothing of it is what the step or a watch speaks of.
 * A black screen never fails early: a machine that boots or switches its display shows one.
 */
function earlyFailure(
  condition: Condition,
  step: Step,
  bench: Bench,
  settings: StepSettings,
  times: { startedAtMs: number; own: number | undefined; scaled: (duration: Duration) => number },
): (seen: Observation, how: Evaluation) => string | undefined {
  if (waitsUnseen(condition)) return () => undefined;
  const progress = progressIn(condition);
  const patience = Math.max(
    (bench.booting ? FAIL_EARLY_BOOT_MS : FAIL_EARLY_MS) * settings.hostFactor,
    (times.own ?? 0) * FAIL_EARLY_PART_OF_TIMEOUT,
    ...progress.map(({ stall }) => times.scaled(stall)),
  );
  const spokenOf = [step.when, step.expect, ...branchesOf(step).map((branch) => branch.when), condition]
    .filter((one) => one !== undefined)
    .concat(settings.watches.map((watch) => watch.when));
  return (seen, how) => {
    const quietMs = how.nowMs - Math.max(seen.activeAtMs, times.startedAtMs);
    if (quietMs < patience) return undefined;
    if (textOf(seen.screen.lines).length === 0) return undefined;
    if (spokenOf.some((one) => showsAnything(one, seen, how))) return undefined;
    const lines = textOf(seen.screen.lines).filter((line) => line.trim() !== '');
    const reads = lines
      .slice(-3)
      .map((line) => line.trim())
      .join(' / ');
    return `${describeCondition(condition)} cannot come: the screen has been still for ${seconds(quietMs)} and says "${reads}"`;
  };
}

interface Failing {
  readonly step: Step;
  readonly phase: StepFailure['phase'];
  readonly condition: Condition;
  readonly reason: string;
  readonly seen: Observation;
  readonly bench: Bench;
  readonly settings: StepSettings;
}

function failed({ step, phase, condition, reason, seen, bench, settings }: Failing, cause?: unknown): StepFailed {
  const { masker } = settings;
  const written = settings.asWritten(step);
  const failure: StepFailure = {
    stepId: step.id,
    stepDigest: stepDigest(written),
    phase,
    expected: expectedAsWritten(written, phase) ?? condition,
    reason: masker.text(reason),
    seen: masked(seen.screen, settings),
    ...(seen.mark.screen && { before: masked(seen.mark.screen, settings) }),
    serialTail: masker.text(serialText(seen).slice(-SERIAL_TAIL_CHARACTERS)),
    nearest: masker.value(nearestTo(condition, seen.screen, bench.reader, NEAREST_LINES)),
  };
  const error = new StepFailed(failure, seen.frame);
  if (cause !== undefined) error.cause = cause;
  return error;
}

function masked(screen: ScreenText, { secrets, masker }: StepSettings): ScreenText {
  return secrets.size === 0 ? screen : { ...screen, lines: masker.lines(screen.lines) };
}

/** Typing that could not be read back or a menu entry that is not there: the step's failure, and mendable. */
async function actFailed(error: unknown, act: Act, step: Step, bench: Bench, settings: StepSettings): Promise<unknown> {
  if (!(error instanceof PortalgunError) || !error.code.startsWith('input/')) return error;
  const seen = await bench.observer.look(settings.signal);
  const condition = wantedBy(act) ?? step.expect ?? step.when ?? { changed: true };
  return failed({ step, phase: 'act', condition, reason: error.message, seen, bench, settings }, error);
}

/** What an act looked for on the screen. */
function wantedBy(act: Act): Condition | undefined {
  if ('menu' in act) return { text: act.menu };
  if ('check' in act) return { text: act.check };
  if ('uncheck' in act) return { text: act.uncheck };
  if ('type' in act) return { text: act.type };
  if ('key' in act) return act.until;
  const place = placesOf(act).find((one) => !('at' in one));
  if (place === undefined || 'at' in place) return undefined;
  return 'needle' in place ? { needle: place.needle } : { text: place.text };
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`;
}
