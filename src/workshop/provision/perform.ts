/**
 * One try of one step: wait for `when`, act, wait for `expect`. Everything around a try (retry, rollback, repair,
 * recording) is in decorators.ts.
 */
import type { Act, Branch, Condition, Duration, Prompts, Recipe, Repeat, Step, Watch } from '../../recipe/types.ts';
import { conditionsOf, describeCondition, placesOf } from '../../recipe/conditions.ts';
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
  if (step.when !== undefined) await begin(step.when, (written) => written.when, step, bench, settings);
  let { expect } = step;
  let expected = (written: Step): Condition | undefined => written.expect;
  if (step.prompts) await answer(step, step.prompts, bench, settings);
  else if (step.first_of) {
    const taken = await choose(step, step.first_of, bench, settings);
    const branch = step.first_of[taken];
    await act(branch?.do ?? [], step, bench, settings);
    if (branch?.expect) {
      ({ expect } = branch);
      expected = (written) => written.first_of?.[taken]?.expect;
    }
  } else if (step.repeat) await repeat(step, step.repeat, bench, settings);
  else await act(step.do ?? [], step, bench, settings);
  if (expect !== undefined) {
    await until(expect, { phase: 'expect', asked: expected }, step, bench, settings);
    bench.unconfirmed = false;
  }
  bench.booting = false;
}

/** Waits for what must be there before anything is sent. */
async function begin(
  condition: Condition,
  asked: (written: Step) => Condition | undefined,
  step: Step,
  bench: Bench,
  settings: StepSettings,
): Promise<Met> {
  const met = await until(condition, { phase: 'when', asked }, step, bench, settings);
  bench.unconfirmed = false;
  return met;
}

/** Index of the first branch whose condition holds. */
async function choose(step: Step, branches: readonly Branch[], bench: Bench, settings: StepSettings): Promise<number> {
  const anyBranch = anyOf(branches);
  const met = await begin(anyBranch, (written) => anyOf(written.first_of ?? []), step, bench, settings);
  return branches.findIndex(({ when }) => met.holds(when));
}

async function act(acts: readonly Act[], step: Step, bench: Bench, settings: StepSettings): Promise<void> {
  for (const one of acts) {
    bench.unconfirmed = true;
    try {
      await perform(one, {
        ...settings,
        step: step.id,
        observer: bench.observer,
        typist: bench.typist,
        comes: (condition) => comesWhileMoving(condition, bench, settings),
        needle: (name, frame) => bench.pictures(settings.needles).needle(name, frame),
      });
    } catch (error) {
      throw await actFailed(error, one, step, bench, settings);
    }
  }
}

/** Answers questions as they come. One that is not in the table is waited out like any condition that never comes. */
async function answer(step: Step, { table, until: end }: Prompts, bench: Bench, settings: StepSettings): Promise<void> {
  const anyQuestion = anyOf([{ when: end }, ...table]);
  const asked = ({ prompts }: Step) => prompts && anyOf([{ when: prompts.until }, ...prompts.table]);
  const answered = table.map(() => 0);
  for (;;) {
    const met = await begin(anyQuestion, asked, step, bench, settings);
    if (met.holds(end)) return;
    const index = table.findIndex(({ when }) => met.holds(when));
    const question = table[index];
    if (question === undefined) throw new TypeError('what was met is one of the questions');
    const times = answered[index] ?? 0;
    if (times === (question.at_most ?? 1)) {
      const often = times === 1 ? 'once' : `${times} times`;
      const reason = `${describeCondition(question.when)} was asked again, after it was answered ${often}`;
      throw failed({ step, phase: 'when', condition: anyQuestion, asked, reason, seen: met.seen, bench, settings });
    }
    answered[index] = times + 1;
    await act(question.do, step, bench, settings);
  }
}

/** What is looked for may have been there before: then nothing is done at all. */
async function repeat(
  step: Step,
  { until: end, at_most: rounds }: Repeat,
  bench: Bench,
  settings: StepSettings,
): Promise<void> {
  for (let round = 0; ; round += 1) {
    if (await cameInRound(end, round === 0, step, bench, settings)) break;
    if (round === rounds) {
      const often = rounds === 1 ? 'once' : `${rounds} times`;
      const reason = `${describeCondition(end)} was not seen after all was done ${often}`;
      const asked = (written: Step) => written.repeat?.until;
      const seen = await bench.observer.look(settings.signal);
      throw failed({ step, phase: 'expect', condition: end, asked, reason, seen, bench, settings });
    }
    await act(step.do ?? [], step, bench, settings);
  }
  bench.unconfirmed = false;
}

/** Looks once before the first round; after each for as long as the condition says, or until the screen rests. */
async function cameInRound(
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

function anyOf(ways: readonly { readonly when: Condition }[]): Condition {
  return { any: ways.map(({ when }) => when) };
}

interface Met {
  holds(condition: Condition): boolean;
  readonly seen: Observation;
}

/** What of a step is waited for: as it was written, it names the symptom where it never comes. */
interface Question {
  readonly phase: 'when' | 'expect';
  readonly asked: (written: Step) => Condition | undefined;
}

/** Waits for the first frame after the last input on which `condition` is met. */
async function until(
  condition: Condition,
  { phase, asked }: Question,
  step: Step,
  bench: Bench,
  settings: StepSettings,
): Promise<Met> {
  const { observer } = bench;
  const { now, signal } = settings;
  const startedAtMs = now();
  const scaled = (duration: Duration) => settings.durationMs(duration) * settings.hostFactor;
  const own = ownTimeoutMs(condition, scaled) ?? (step.timeout === undefined ? undefined : scaled(step.timeout));
  const limitMs = own ?? settings.defaultTimeoutMs * settings.hostFactor;
  const early = earlyFailure(condition, step, bench, settings, { startedAtMs, own, scaled });
  const stalled = stallOf(condition, bench, scaled);
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
      const waitedMs = now() - startedAtMs;
      const tooLong = waitedMs >= limitMs ? timedOut(condition, limitMs, verdict) : undefined;
      const reason = tooLong ?? stalled(seen, how) ?? early(seen, how);
      if (reason !== undefined) throw failed({ step, phase, condition, asked, reason, seen, bench, settings });
    }
    seen = await observer.next(signal);
  }
}

/** Fails once progress that was seen has stood still for its time: a busy screen is no progress. */
function stallOf(
  condition: Condition,
  { reader }: Bench,
  scaled: (duration: Duration) => number,
): (seen: Observation, how: Evaluation) => string | undefined {
  const watched = progressIn(condition).map(({ text, stall }) => ({
    text,
    stallMs: scaled(stall),
    last: '',
    sinceMs: 0,
  }));
  return (seen, { nowMs }) => {
    for (const one of watched) {
      const shown = reader
        .find(seen.screen, { regex: one.text })
        .map(({ row, column, length }) => seen.screen.lines[row]?.slice(column, column + length) ?? '')
        .join(' / ');
      if (shown !== one.last) Object.assign(one, { last: shown, sinceMs: nowMs });
      if (shown !== '' && nowMs - one.sinceMs >= one.stallMs)
        return `${describeCondition(condition)} does not come nearer: "${shown}" has not changed for ${seconds(one.stallMs)}`;
    }
    return undefined;
  };
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
  const spokenOf = [...conditionsOf(step).map((one) => one.condition), condition].concat(
    settings.watches.map((watch) => watch.when),
  );
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
  readonly asked?: Question['asked'];
  readonly reason: string;
  readonly seen: Observation;
  readonly bench: Bench;
  readonly settings: StepSettings;
}

function failed(
  { step, phase, condition, asked, reason, seen, bench, settings }: Failing,
  cause?: unknown,
): StepFailed {
  const { masker } = settings;
  const written = settings.asWritten(step);
  const failure: StepFailure = {
    stepId: step.id,
    stepDigest: stepDigest(written),
    phase,
    // As written it is the same on every host, whatever its parameters: a symptom is made of it.
    expected: asked?.(written) ?? condition,
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
