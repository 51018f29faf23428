/**
 * Mends a step that has failed for good: asks the sources in their order, applies what one of them answers, and says
 * where to go on. After a patch that is the checkpoint before the earliest step it changes; from there the steps are
 * run by the engine itself, untouched, so what passes has passed without help.
 */
import { digestOf } from '../../crypto/canonical.ts';
import type { Digest } from '../../crypto/digest.ts';
import { InterruptedError, PortalgunError, RefusedError } from '../../errors.ts';
import type { Operation, ResolvedRecipe, Step } from '../../recipe/types.ts';
import { stepDigest } from '../../recipe/digest.ts';
import { applyOperations } from '../../recipe/patch.ts';
import { stepsOfPart } from '../../recipe/lineage.ts';
import { resolveChanged } from '../../recipe/resolve.ts';
import type { ScreenText } from '../screen/types.ts';
import type { Outcome } from './decorators.ts';
import { REPAIRS_PER_BUILD, REPAIRS_PER_STEP } from './limits.ts';
import { baseFailed, giveUp, type StepFailed } from './step-failed.ts';
import type { LiveMachine } from './recorder.ts';
import type { BuildEventBody, RepairAnswer, RepairRequest, RepairSource, StepFailure } from './types.ts';

/** A patch that is in the final recipe. */
export interface Repair {
  readonly stepId: string;
  readonly source: string;
  readonly origin: 'trusted-patch' | 'suggestion' | 'human';
  /** Record id of a peer's patch. */
  readonly patch?: Digest;
  readonly operations: readonly Operation[];
  readonly summary: string;
  /** What it cured. */
  readonly failure: StepFailure;
  /** The recipe that the operations were made against. */
  readonly base: ResolvedRecipe;
  /** The screen when the step was done at last; absent where a repair took it out. */
  readonly after?: ScreenText;
}

export interface Mender {
  /** Repairs that are in force, in order. */
  readonly repairs: readonly Repair[];
  mend(run: FailedRun, failed: StepFailed): Promise<Outcome | 'again'>;
  /** A step was done: what was changed to cure it has helped. */
  done(step: Step, index: number, screen: ScreenText | undefined): void;
}

/** The two lists of steps in a recipe. */
export type Part = 'steps' | 'personalise';

/** The step before parameters were bound: what patches are made against. */
export function asWritten(resolved: ResolvedRecipe, part: Part, step: Step): Step {
  return resolved.of.recipe[part]?.find(({ id }) => id === step.id) ?? step;
}

export interface FailedRun {
  readonly step: Step;
  readonly index: number;
  readonly resolved: ResolvedRecipe;
}

export interface MenderOptions {
  readonly sources: readonly RepairSource[];
  /** The part of the recipe that is being run. */
  readonly part: Part;
  /** Steps whose end can be gone back to now, oldest first, `null` (power-on) at their head. */
  readonly checkpoints: () => readonly (string | null)[];
  /** The machine as the failing step left it. */
  readonly live: () => LiveMachine | undefined;
  /** Keeps the picture of a failure; resolves with where, if it may be kept. */
  readonly keepPicture: (failed: StepFailed) => Promise<string | undefined>;
  readonly emit: (event: BuildEventBody) => void;
  readonly signal: AbortSignal;
}

const PHASES: readonly StepFailure['phase'][] = ['when', 'act', 'watch', 'expect'];

export function createMender(options: MenderOptions): Mender {
  const { sources, emit, signal } = options;
  const stepsOf = (resolved: ResolvedRecipe) => stepsOfPart(resolved, options.part).map(({ step }) => step);
  let repairs: readonly Repair[] = [];
  /** Answers that did not help, by the digest of the recipe that they led to. */
  const futile = new Set<Digest>();
  const attempts = new Map<string, number>();
  /** The screen when a step was last done. */
  const after = new Map<string, ScreenText>();
  let asked = 0;
  /** The last repair nobody chose by hand, until its step is done: taken back if it does not help. */
  let onTrial: { readonly repair: Repair; readonly result: Digest; readonly until: number } | null = null;

  /** An automatic patch that left its step failing where it failed before, or earlier, is taken back. */
  function takeBack({ step, index }: FailedRun, failure: StepFailure): ResolvedRecipe | undefined {
    if (onTrial === null || index > onTrial.until) return undefined;
    const { repair, result } = onTrial;
    const further = step.id === repair.stepId && PHASES.indexOf(failure.phase) > PHASES.indexOf(repair.failure.phase);
    onTrial = null;
    if (further) return undefined;
    futile.add(result);
    repairs = repairs.filter((other) => other !== repair);
    emit({
      event: 'repair',
      step: repair.stepId,
      source: repair.source,
      answer: 'rollback',
      summary: `taken back, it did not help: ${repair.summary}`,
      ...(repair.patch && { patch: repair.patch }),
    });
    return repair.base;
  }

  async function mend(run: FailedRun, failed: StepFailed): Promise<Outcome | 'again'> {
    const author = stepsOfPart(run.resolved, options.part).find(({ step }) => step.id === run.step.id)?.author;
    if (author !== undefined && author !== run.resolved) throw baseFailed(author.recipe.name, failed);
    const trial = onTrial?.repair;
    const base = takeBack(run, failed.failure);
    // The question is then again the one that the unhelpful patch was to answer.
    const resolved = base ?? run.resolved;
    const failure = base !== undefined && trial !== undefined ? trial.failure : failed.failure;
    const step = stepsOf(resolved).find((one) => one.id === failure.stepId) ?? run.step;
    const picture = await options.keepPicture(failed);
    const about = { step, resolved, failure, failed, reverted: base, picture };
    for (;;) {
      const outcome = await askAll(about);
      if (outcome === 'unanswered') {
        const end = sources.length === 0 ? 'and nobody is there to mend it' : 'and nobody could mend it';
        throw giveUp(step.id, failed, end);
      }
      if (outcome !== 'refused') return outcome;
    }
  }

  /** `refused`: a person's answer could not be carried out, and they may say something else. */
  async function askAll(about: Case): Promise<Outcome | 'again' | 'unanswered' | 'refused'> {
    const { step, resolved, failure } = about;
    const attempt = (attempts.get(step.id) ?? 0) + 1;
    attempts.set(step.id, attempt);
    asked += 1;
    if (attempt > REPAIRS_PER_STEP || asked > REPAIRS_PER_BUILD) {
      throw giveUp(step.id, about.failed, `after ${attempt - 1} repairs that did not help`);
    }
    const live = options.live();
    const request: RepairRequest = {
      resolved,
      step: asWritten(resolved, options.part, step),
      failure,
      attempt,
      checkpoints: options.checkpoints(),
      ...(live && { live }),
      ...(about.picture !== undefined && { picture: about.picture }),
      passedOver: (record, reason) => emit({ event: 'patch-passed-over', step: step.id, record, reason }),
    };
    for (const source of sources) {
      signal.throwIfAborted();
      emit({ event: 'repair-asked', step: step.id, source: source.name });
      const answer = await source.propose(request, signal);
      if (answer === undefined) continue;
      const outcome = carryOut(answer, source, about);
      if (outcome !== undefined) return outcome;
      if (answer.kind === 'patch' && answer.origin === 'human') return 'refused';
    }
    return 'unanswered';
  }

  interface Case {
    readonly step: Step;
    readonly resolved: ResolvedRecipe;
    readonly failure: StepFailure;
    readonly failed: StepFailed;
    /** The recipe that holds again after a patch was taken back. */
    readonly reverted: ResolvedRecipe | undefined;
    readonly picture: string | undefined;
  }

  /** `undefined`: the answer is no use, the next source is asked. */
  function carryOut(answer: RepairAnswer, source: RepairSource, on: Case): Outcome | 'again' | undefined {
    const { step, resolved, reverted } = on;
    const tell = (summary: string, patch?: Digest) =>
      emit({
        event: 'repair',
        step: step.id,
        source: source.name,
        answer: answer.kind,
        summary,
        ...(patch && { patch }),
      });
    if (answer.kind === 'abort') {
      tell(answer.reason);
      throw giveUp(step.id, on.failed, `and was ended: ${answer.reason}`);
    }
    if (answer.kind === 'retry') {
      tell('try again');
      return reverted === undefined ? 'again' : { kind: 'rewind', to: before(resolved, step), resolved };
    }
    if (answer.kind === 'rollback') {
      tell(answer.to === null ? 'back to power-on' : `back to the end of "${answer.to}"`);
      return { kind: 'rewind', to: answer.to, ...(reverted && { resolved }) };
    }
    const patched = apply(resolved, answer, source, tell);
    if (patched === undefined) return undefined;
    tell(answer.summary, answer.patch);
    const repair: Repair = {
      stepId: step.id,
      source: source.name,
      origin: answer.origin,
      ...(answer.patch && { patch: answer.patch }),
      operations: answer.operations,
      summary: answer.summary,
      failure: on.failure,
      base: resolved,
    };
    repairs = [...repairs, repair];
    const until = stepsOf(patched).findIndex((one) => one.id === step.id);
    const change = firstChange(stepsOf(resolved), stepsOf(patched));
    onTrial =
      answer.origin === 'human' ? null : { repair, result: patched.digest, until: until === -1 ? change : until };
    return { kind: 'rewind', to: checkpointBefore(stepsOf(patched), change, options.checkpoints()), resolved: patched };
  }

  function apply(
    resolved: ResolvedRecipe,
    answer: RepairAnswer & { readonly kind: 'patch' },
    source: RepairSource,
    tell: (summary: string, patch?: Digest) => void,
  ): ResolvedRecipe | undefined {
    let patched: ResolvedRecipe;
    try {
      patched = resolveChanged(resolved, applyOperations(resolved.of, answer.operations));
      assertSameMachine(resolved, patched);
    } catch (error) {
      if (!(error instanceof PortalgunError) || error instanceof InterruptedError) throw error;
      tell(`not applied, ${error.message} (${answer.summary}, from ${source.name})`, answer.patch);
      return undefined;
    }
    if (patched.digest === resolved.digest || futile.has(patched.digest)) {
      tell(`not applied again: it did not help before (${answer.summary})`, answer.patch);
      return undefined;
    }
    return patched;
  }

  /** The last checkpoint before the step with this index; the engine goes on from there. */
  function before(resolved: ResolvedRecipe, step: Step): string | null {
    const steps = stepsOf(resolved);
    const index = steps.findIndex((one) => one.id === step.id);
    return checkpointBefore(steps, index, options.checkpoints());
  }

  return {
    get repairs() {
      return repairs.map((repair) => {
        const screen = after.get(repair.stepId);
        return screen === undefined ? repair : { ...repair, after: screen };
      });
    },
    mend,
    done(step, index, screen) {
      if (screen !== undefined) after.set(step.id, screen);
      attempts.delete(step.id);
      if (onTrial !== null && index >= onTrial.until) onTrial = null;
    },
  };
}

/** Index of the first step that differs; the length of the shorter list where one begins with the other. */
export function firstChange(old: readonly Step[], changed: readonly Step[]): number {
  const index = changed.findIndex((step, at) => {
    const was = old[at];
    return was === undefined || stepDigest(was) !== stepDigest(step);
  });
  return index === -1 ? changed.length : index;
}

/** The last of `checkpoints` that lies before the step at `index`. */
export function checkpointBefore(
  steps: readonly Step[],
  index: number,
  checkpoints: readonly (string | null)[],
): string | null {
  const earlier = new Set(steps.slice(0, index).map((step) => step.id));
  return checkpoints.findLast((id) => id === null || earlier.has(id)) ?? null;
}

/** Steps and watches can change under way; what the machine is made of cannot. */
function assertSameMachine(old: ResolvedRecipe, patched: ResolvedRecipe): void {
  for (const part of ['machine', 'media', 'base', 'reproducible'] as const) {
    if (digestOf(old.recipe[part] ?? null) === digestOf(patched.recipe[part] ?? null)) continue;
    throw new RefusedError('provision/patch-changes-machine', `the patch changes "${part}", not only steps`, {
      hint: 'build the patched recipe from its beginning instead',
      facts: { part },
    });
  }
}
