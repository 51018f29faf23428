/**
 * What stands around a try of a step, each as a function from one runner to another. The engine puts them together:
 * interruptible, naming the machine's death, repairing, retrying, checkpointing, recording, and inside of all the try.
 */
import type { Digest } from '../../crypto/digest.ts';
import { FailedError, InterruptedError, PortalgunError } from '../../errors.ts';
import type { ResolvedRecipe, Step } from '../../recipe/types.ts';
import { giveUp, isSameFailure, StepFailed, textOf } from './step-failed.ts';
import type { BuildEventBody, StepFailure } from './types.ts';

/** How a step ended, where it did not fail. */
export type Outcome =
  | { readonly kind: 'done' }
  /** Go back to the checkpoint after this step (`null`: power-on) and run from there, with this recipe if given. */
  | { readonly kind: 'rewind'; readonly to: string | null; readonly resolved?: ResolvedRecipe };

export interface StepRun {
  readonly step: Step;
  readonly index: number;
  readonly of: number;
  /** Its end is kept as a checkpoint. */
  readonly kept: boolean;
}

export type StepRunner = (run: StepRun) => Promise<Outcome>;
export type Decorator = (next: StepRunner) => StepRunner;

export const DONE: Outcome = { kind: 'done' };

/** What is known of a step's tries, across rollbacks. Forgotten when the step changes. */
export interface Tries {
  readonly digest: Digest;
  count: number;
  lastFailure: StepFailure | null;
}

/** Tells when a step begins, ends and fails. */
export function recording(
  emit: (event: BuildEventBody) => void,
  now: () => number,
  tryOf: (step: Step) => number,
): Decorator {
  return (next) => async (run) => {
    const { step, index, of } = run;
    const startedAtMs = now();
    emit({ event: 'step-start', step: step.id, index, of, try: tryOf(step) });
    try {
      const outcome = await next(run);
      if (outcome.kind === 'done') emit({ event: 'step-done', step: step.id, tookMs: now() - startedAtMs });
      return outcome;
    } catch (error) {
      if (error instanceof StepFailed) {
        const { phase, reason, seen, expected, nearest } = error.failure;
        emit({ event: 'step-failed', step: step.id, phase, reason, screen: textOf(seen.lines), expected, nearest });
      }
      throw error;
    }
  };
}

export interface RetryPolicy {
  retriesOf(step: Step): number;
  /** Milliseconds before the `retry`-th retry, counted from 1. */
  pauseMs(retry: number): number;
  /** Did the try leave the machine as the step expects to find it? Then it is retried in place. */
  canRetryInPlace(step: Step): Promise<boolean>;
  /** The checkpoint to go back to otherwise. */
  nearestCheckpoint(): string | null;
  wait(ms: number): Promise<void>;
  tries(step: Step): Tries;
}

/** Tries again, in place or from the last checkpoint, until the retries are used up or a failure repeats itself. */
export function retrying(policy: RetryPolicy): Decorator {
  return (next) => async (run) => {
    const { step } = run;
    const tries = policy.tries(step);
    for (;;) {
      tries.count += 1;
      try {
        const outcome = await next(run);
        tries.lastFailure = null;
        tries.count = 0;
        return outcome;
      } catch (error) {
        if (!(error instanceof StepFailed)) throw error;
        const { lastFailure } = tries;
        tries.lastFailure = error.failure;
        const repeated = lastFailure !== null && isSameFailure(lastFailure, error.failure);
        if (repeated || tries.count > policy.retriesOf(step)) throw error;
        await policy.wait(policy.pauseMs(tries.count));
        const inPlace = step.on_fail !== 'rollback' && (await policy.canRetryInPlace(step));
        if (!inPlace) return { kind: 'rewind', to: policy.nearestCheckpoint() };
      }
    }
  };
}

/** Asks for a repair where a step has failed for good. A step with `on_fail: fail` is not mended. */
export function repairing(repair: (run: StepRun, failed: StepFailed) => Promise<Outcome | 'again'>): Decorator {
  return (next) => async (run) => {
    for (;;) {
      try {
        return await next(run);
      } catch (error) {
        if (!(error instanceof StepFailed)) throw error;
        if (run.step.on_fail === 'fail') throw giveUp(run.step.id, error, 'and is not to be mended');
        const answer = await repair(run, error);
        if (answer !== 'again') return answer;
      }
    }
  };
}

/** Saves the machine's state after a step whose end is to be kept. */
export function checkpointing(save: (run: StepRun) => Promise<void>): Decorator {
  return (next) => async (run) => {
    const outcome = await next(run);
    if (outcome.kind === 'done' && run.kept) await save(run);
    return outcome;
  };
}

/** An abort, from whatever depth it comes, is an interruption that leaves a state to resume from. */
export function interruptible(signal: AbortSignal, hint: string): Decorator {
  return (next) => async (run) => {
    try {
      signal.throwIfAborted();
      return await next(run);
    } catch (error) {
      if (!signal.aborted) throw error;
      throw new InterruptedError(`interrupted at the step "${run.step.id}"`, {
        hint,
        facts: { step: run.step.id },
        cause: error,
      });
    }
  };
}

/** Says at which step the machine died: the next run resumes before it. */
export function namingDeath(hint: string): Decorator {
  return (next) => async (run) => {
    try {
      return await next(run);
    } catch (error) {
      if (!(error instanceof PortalgunError) || error.code !== 'machine/died') throw error;
      const message = `the machine died during the step "${run.step.id}": ${error.message}`;
      throw new FailedError('provision/machine-died', message, {
        hint,
        facts: { ...error.facts, step: run.step.id },
        cause: error,
      });
    }
  };
}

export function decorate(core: StepRunner, ...outermostFirst: readonly Decorator[]): StepRunner {
  return outermostFirst.reduceRight((next, decorator) => decorator(next), core);
}
