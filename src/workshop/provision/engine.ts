/**
 * Runs the steps of a recipe on machines, from the deepest checkpoint that fits, until the last step is done or one
 * fails for good.
 */
import { setTimeout } from 'node:timers/promises';
import { FailedError, InterruptedError } from '../../errors.ts';
import { eachCondition, servedBy } from '../../recipe/conditions.ts';
import { stepDigest } from '../../recipe/digest.ts';
import { durationMs } from '../../recipe/duration.ts';
import { beginningOf } from '../../recipe/echo.ts';
import { DEFAULT_BACKOFF, DEFAULT_RETRIES, DEFAULT_TIMEOUT_MS } from '../../recipe/limits.ts';
import { driveOf } from '../../recipe/removable.ts';
import { keyboardAt } from '../../recipe/typable.ts';
import { machineRoot, stepsOfPart, type PlacedStep } from '../../recipe/lineage.ts';
import type { Duration, ResolvedRecipe, Step } from '../../recipe/types.ts';
import type { Frame, Machine } from '../machine/types.ts';
import type { Eyes, Font } from '../screen/types.ts';
import type { Typist } from './acts.ts';
import type { Bench, StepSettings } from './bench.ts';
import type { Checkpoint, CheckpointSession, CheckpointStore } from './checkpoints.ts';
import { evaluate, type TextReader } from './conditions.ts';
import {
  checkpointing,
  decorate,
  DONE,
  interruptible,
  namingDeath,
  recording,
  repairing,
  retrying,
} from './decorators.ts';
import type { Outcome, StepRun, StepRunner, Tries } from './decorators.ts';
import { REWINDS_PER_BUILD } from './limits.ts';
import { createMasker, type Masker } from './mask.ts';
import { observe, type InputMark, type SerialTerminal } from './observer.ts';
import { performStep } from './perform.ts';
import { asWritten, createMender, type Mender, type Part, type Repair } from './repair.ts';
import type { StepFailed } from './step-failed.ts';
import type { LiveMachine } from './recorder.ts';
import { createTimeline, type Arrival, type Origin, type Timeline } from './timeline.ts';
import type { BuildEvent, BuildEventBody, RepairSource, StepFailure } from './types.ts';
import type { Workbench } from './workbench.ts';

/** What the engine looks and types with. */
export interface Senses {
  readonly eyes: Eyes;
  readonly reader: TextReader;
  readonly pictures: Bench['pictures'];
  readonly learnFont: (machine: Machine, frame: Frame) => Promise<Font | null>;
  readonly terminal: () => SerialTerminal;
  /** Types on `hands`: the machine, watched by the engine. */
  readonly typist: (hands: Machine) => Typist;
}

export interface RunOptions {
  readonly resolved: ResolvedRecipe;
  /** Which part of the recipe is run. `personalise` never has checkpoints: their memory would hold the secrets. */
  readonly part?: Part;
  readonly workbench: Workbench;
  readonly senses: Senses;
  /** Without it every rollback goes to power-on and nothing is resumed. */
  readonly checkpoints?: CheckpointStore;
  /**
   * Where to begin: at the latest the checkpoint after `step`, or power-on (`null`); or exactly at the `checkpoint` with
   * that step or key. Default: the deepest there is.
   */
  readonly from?: { readonly step: string | null } | { readonly checkpoint: string };
  /** Where the machine has its disks from at power-on; default: they are blank. */
  readonly origin?: Origin;
  /** The last step that is done, and whose end is kept: another recipe begins there. Default: the last one. */
  readonly until?: string;
  /** Asked in this order when a step has failed for good. */
  readonly sources: readonly RepairSource[];
  readonly emit: (event: BuildEvent) => void;
  /** How many times slower than the reference this host runs a guest: times in recipes are multiplied by it. */
  readonly hostFactor: number;
  /** Values of the secret parameters: used in `personalise` only. */
  readonly secrets?: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
  /** Keeps the picture of a step that failed for good, beside the transcript; `undefined` where it may not be kept. */
  readonly keepPicture?: (
    failure: StepFailure,
    frame: Frame,
  ) => Promise<{ readonly name: string; readonly path: string } | undefined>;
  /** `performance.now()`, and the moment the build began on it. */
  readonly now?: () => number;
  readonly startedAtMs?: number;
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface RunResult {
  /** The recipe as it passed, with all repairs in it. */
  readonly final: ResolvedRecipe;
  readonly repairs: readonly Repair[];
  /** Still there, as the last step left it, until `end`; or closed before by whoever keeps its disks. */
  readonly machine: Machine;
  /** The step whose checkpoint the run began from, `null` for power-on. */
  readonly resumedFrom: string | null;
  /** The checkpoints that the recipe's end has come through, as far as they are kept, in order; until `end`. */
  readonly kept: () => Promise<readonly Checkpoint[]>;
  /** Closes the machine and, whatever becomes of that, lets go of the checkpoints; disks that none of them rests on are removed. */
  readonly end: () => Promise<void>;
}

/**
 * Throws `StepFailedError` (`provision/step-failed`, exit code 1), `InterruptedError` (130) or what the machine threw;
 * no machine is left then, and a later run resumes from the last checkpoint.
 */
export async function runSteps(options: RunOptions): Promise<RunResult> {
  const session = options.part === 'personalise' ? undefined : await options.checkpoints?.session();
  const run = new Run(options, session ?? null);
  try {
    const resumedFrom = await run.begin(options.from);
    await run.toTheEnd();
    const result = run.result();
    const end = async (): Promise<void> => {
      try {
        await result.machine.close();
      } finally {
        await session?.end();
      }
    };
    return { ...result, resumedFrom, end };
  } catch (error) {
    // Why the steps ended is what is told, whatever fails while all of it is put away.
    await Promise.allSettled([run.stop()]);
    await Promise.allSettled([session?.end()]);
    if (options.signal.aborted && !(error instanceof InterruptedError)) {
      throw new InterruptedError('interrupted', { hint: RESUME_HINT, cause: error });
    }
    throw error;
  }
}

const RESUME_HINT = 'run the same command again: the build goes on from its last checkpoint';

class Run {
  readonly #options: RunOptions;
  readonly #part: Part;
  readonly #masker: Masker;
  readonly #timeline: Timeline;
  readonly #mender: Mender;
  readonly #runner: StepRunner;
  readonly #now: () => number;
  readonly #startedAtMs: number;
  readonly #tries = new Map<string, Tries>();
  #resolved: ResolvedRecipe;
  #index = 0;
  #rewinds = 0;
  #machine: Machine | null = null;
  #bench: Bench | null = null;
  /** The last input when the current try began: still the last one if the try has sent nothing. */
  #markBefore: InputMark | null = null;

  constructor(options: RunOptions, session: CheckpointSession | null) {
    const { workbench, sources, signal } = options;
    this.#options = options;
    this.#part = options.part ?? 'steps';
    this.#resolved = options.resolved;
    this.#masker = createMasker(options.secrets?.values() ?? []);
    this.#now = options.now ?? (() => performance.now());
    this.#startedAtMs = options.startedAtMs ?? this.#now();
    const emit = this.#emit;
    this.#timeline = createTimeline(workbench, session, (resolved) => this.#placed(resolved), emit, options.origin);
    const checkpoints = () => this.#timeline.reachable;
    const live = () => this.#live();
    const keepPicture = (failed: StepFailed) => this.#keepPicture(failed);
    this.#mender = createMender({ sources, part: this.#part, checkpoints, live, keepPicture, emit, signal });
    this.#runner = decorate(
      (run) => this.#try(run),
      interruptible(signal, RESUME_HINT),
      namingDeath(RESUME_HINT),
      repairing((run, failed) => this.#repair(run, failed)),
      retrying({
        retriesOf: (step) => step.retries ?? this.#authorOf(step).recipe.defaults?.retries ?? DEFAULT_RETRIES,
        pauseMs: (retry) => this.#pauseMs(retry),
        canRetryInPlace: (step) => this.#canRetryInPlace(step),
        nearestCheckpoint: () => this.#timeline.reachable.at(-1) ?? null,
        wait: (ms) => (options.wait ?? waitFor)(ms, signal),
        tries: (step) => this.#triesOf(step),
      }),
      checkpointing(({ index }) => this.#save(index)),
      recording(emit, this.#now, (step) => this.#triesOf(step).count),
    );
  }

  #placed(resolved: ResolvedRecipe): readonly PlacedStep[] {
    const all = stepsOfPart(resolved, this.#part);
    const last = all.findIndex(({ step }) => step.id === this.#options.until);
    return last < 0
      ? all
      : [...all.slice(0, last), ...all.slice(last, last + 1).map((one) => ({ ...one, begins: true }))];
  }

  /** The recipe that a step stands in: this one, or the base whose machine it goes on with. */
  #authorOf(step: Step): ResolvedRecipe {
    return this.#placed(this.#resolved).find((placed) => placed.step.id === step.id)?.author ?? this.#resolved;
  }

  readonly #emit = (event: BuildEventBody): void => {
    this.#options.emit(this.#masker.value({ atMs: Math.round(this.#now() - this.#startedAtMs), ...event }));
  };

  async begin(from: RunOptions['from']): Promise<string | null> {
    const to = await this.#start(from);
    const { step, key } = await this.#goTo(to);
    if (step !== null && key !== null) this.#emit({ event: 'resumed', step, key });
    return step;
  }

  async #start(from: RunOptions['from']): Promise<string | null> {
    if (from === undefined) return this.#placed(this.#resolved).at(-1)?.step.id ?? null;
    return 'step' in from ? from.step : this.#timeline.named(from.checkpoint, this.#resolved);
  }

  async toTheEnd(): Promise<void> {
    for (;;) {
      const placed = this.#placed(this.#resolved);
      const next = placed[this.#index];
      if (next === undefined) return;
      const { step, begins } = next;
      // Recipes are mostly worked on at their end: what a change of the last step costs is the last step.
      const kept = begins || step.checkpoint === true || (this.#index === placed.length - 2 && this.#part === 'steps');
      const outcome = await this.#runner({ step, index: this.#index, of: placed.length, kept });
      if (outcome.kind === 'done') {
        this.#mender.done(step, this.#index, this.#bench?.observer.last?.screen);
        this.#index += 1;
      } else {
        await this.#rewind(outcome.to, outcome.resolved);
      }
    }
  }

  result(): Omit<RunResult, 'resumedFrom' | 'end'> {
    const resolved = this.#resolved;
    if (this.#machine === null) throw new Error('unreachable: a run that ended well has a machine');
    this.#bench?.observer.close();
    const kept = (): Promise<readonly Checkpoint[]> => this.#timeline.kept(resolved);
    return { final: resolved, repairs: this.#mender.repairs, machine: this.#machine, kept };
  }

  async stop(): Promise<void> {
    this.#bench?.observer.close();
    this.#bench = null;
    await this.#machine?.close();
    this.#machine = null;
  }

  async #goTo(to: string | null): Promise<Arrival> {
    await this.stop();
    const arrival = await this.#timeline.goTo(to, this.#resolved, this.#options.signal);
    const { senses } = this.#options;
    const { eyes, terminal, learnFont, reader, pictures } = senses;
    const observer = observe(arrival.machine, eyes, { terminal, learn: learnFont, now: this.#now });
    this.#machine = arrival.machine;
    this.#bench = {
      observer,
      reader,
      pictures,
      typist: senses.typist(observer.hands),
      unconfirmed: false,
      booting: arrival.step === null,
    };
    this.#index = arrival.next;
    this.#connect(arrival);
    return arrival;
  }

  /** A restored machine finds on its network what it found there before. */
  #connect({ machine: { network }, next }: Arrival): void {
    if (network === undefined) return;
    network.onRequest((request) => this.#emit({ event: 'request', ...request }));
    const done = this.#placed(this.#resolved).slice(0, next);
    for (const { file, content } of servedBy(done.map(({ step }) => step))) network.serve(file, content);
  }

  async #rewind(to: string | null, resolved?: ResolvedRecipe): Promise<void> {
    this.#rewinds += 1;
    if (this.#rewinds > REWINDS_PER_BUILD) {
      throw new FailedError('provision/too-many-rollbacks', `this build went back ${REWINDS_PER_BUILD} times`, {
        hint: 'a step works only now and then: see the transcript for the one that is tried again and again',
      });
    }
    if (resolved !== undefined) this.#resolved = resolved;
    const { step } = await this.#goTo(to);
    this.#emit({ event: 'rolled-back', to: step });
  }

  async #try({ step }: StepRun): Promise<Outcome> {
    const bench = this.#workplace();
    // Not remembered from the step before: a resumed or rolled back machine has none.
    const author = this.#authorOf(step);
    const own = (author.recipe[this.#part] ?? []).findIndex(({ id }) => id === step.id);
    bench.typist.useLayout(keyboardAt(author.recipe, this.#part, own));
    this.#markBefore = bench.observer.mark;
    await performStep(step, bench, this.#settings(author));
    return DONE;
  }

  /** A step is done as the recipe says that it stands in. */
  #settings(author: ResolvedRecipe): StepSettings {
    const { hostFactor, secrets, signal } = this.#options;
    const { watch, needles, defaults } = author.recipe;
    return {
      watches: watch ?? [],
      needles,
      defaultTimeoutMs: defaults?.timeout === undefined ? DEFAULT_TIMEOUT_MS : durationMs(defaults.timeout),
      hostFactor,
      durationMs,
      secrets: secrets ?? new Map<string, string>(),
      masker: this.#masker,
      asWritten: (step) => asWritten(author, this.#part, step),
      driveOf: (medium) => {
        const drive = driveOf(machineRoot(this.#resolved).recipe, medium);
        if (drive === undefined) throw new TypeError(`${medium} was checked to be a medium for a drive`);
        return drive;
      },
      now: this.#now,
      emit: this.#emit,
      signal,
    };
  }

  /** If the try sent nothing, or the screen is (again) the one that the step begins with. */
  async #canRetryInPlace(step: Step): Promise<boolean> {
    const bench = this.#workplace();
    const { observer, reader } = bench;
    const { signal } = this.#options;
    if (observer.mark === this.#markBefore) return true;
    if (step.when === undefined) return false;
    const seen = await observer.look(signal);
    const pictures = bench.pictures(this.#resolved.recipe.needles);
    await pictures.recognise([step.when], seen.frame, signal);
    const scaled = (duration: Duration) => durationMs(duration) * this.#options.hostFactor;
    const { met } = evaluate(step.when, seen, {
      reader,
      pictures,
      fresh: false,
      durationMs: scaled,
      nowMs: this.#now(),
    });
    // What the failed try sent had no effect that shows: nothing is left to confirm.
    if (met) bench.unconfirmed = false;
    return met;
  }

  async #repair({ step, index }: StepRun, failed: StepFailed): Promise<Outcome | 'again'> {
    const outcome = await this.#mender.mend({ step, index, resolved: this.#resolved }, failed);
    if (outcome !== 'again' || (await this.#canRetryInPlace(step))) return outcome;
    return { kind: 'rewind', to: this.#timeline.reachable.at(-1) ?? null };
  }

  async #keepPicture({ failure, frame }: StepFailed): Promise<string | undefined> {
    const kept = await this.#options.keepPicture?.(failure, frame);
    if (kept === undefined) return undefined;
    this.#emit({ event: 'picture', step: failure.stepId, file: kept.name });
    return kept.path;
  }

  /** Only where no secret can be on the machine is it put into a person's hands. */
  #live(): LiveMachine | undefined {
    if (this.#bench === null || this.#part !== 'steps') return undefined;
    const { observer, typist, pictures } = this.#bench;
    return { observer, typist, pictures, hostFactor: this.#options.hostFactor };
  }

  async #save(index: number): Promise<void> {
    const [placed, next] = this.#placed(this.#resolved).slice(index, index + 2);
    const asked = placed?.begins === true || placed?.step.checkpoint === true;
    if (!asked && next !== undefined && !this.#canBeginAt(next.step)) return;
    await this.#timeline.save(this.#workplace().observer.hands, index, this.#resolved);
  }

  /** A restored machine shows its screen, and nothing of what came over the serial line or happened before. */
  #canBeginAt(step: Step): boolean {
    if (this.#workplace().unconfirmed) return false;
    const begins = beginningOf(step);
    return (
      begins === undefined ||
      !eachCondition(begins).some((part) => 'serial' in part || 'event' in part || 'fetched' in part)
    );
  }

  #pauseMs(retry: number): number {
    const backoff = this.#resolved.recipe.defaults?.backoff;
    const { fromMs, factor, maxMs } =
      backoff === undefined
        ? DEFAULT_BACKOFF
        : { fromMs: durationMs(backoff.from), factor: backoff.factor, maxMs: durationMs(backoff.max) };
    return Math.min(fromMs * factor ** (retry - 1), maxMs);
  }

  #triesOf(step: Step): Tries {
    const digest = stepDigest(step);
    const known = this.#tries.get(step.id);
    if (known?.digest === digest) return known;
    const tries: Tries = { digest, count: 0, lastFailure: null };
    this.#tries.set(step.id, tries);
    return tries;
  }

  #workplace(): Bench {
    if (this.#bench === null) throw new Error('unreachable: steps run on a machine');
    return this.#bench;
  }
}

async function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal });
}
