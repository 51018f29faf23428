/** A step that failed, on its way from the step to those who retry, repair or report it. */
import { FailedError } from '../../errors.ts';
import type { Frame } from '../machine/types.ts';
import type { Masker } from './mask.ts';
import type { StepFailure } from './types.ts';
import { SAME_SCREEN_ROWS } from './limits.ts';

/** Thrown by a step. Never leaves the engine: whoever runs a build gets a `StepFailedError`. */
export class StepFailed extends Error {
  readonly failure: StepFailure;
  /** The picture that `failure.seen` was read from. */
  readonly frame: Frame;

  constructor(failure: StepFailure, frame: Frame) {
    super(failure.reason);
    this.name = 'StepFailed';
    this.failure = failure;
    this.frame = frame;
  }
}

/** A build that ended at a step: every retry and repair was used up, or somebody ended it. Exit code 1. */
export class StepFailedError extends FailedError {
  readonly failure: StepFailure;
  readonly frame: Frame;

  constructor(code: string, message: string, failed: StepFailed, hint: string) {
    const { stepId, phase, reason, seen } = failed.failure;
    super(code, message, {
      hint,
      facts: { step: stepId, phase, reason, screen: textOf(seen.lines) },
      cause: failed,
    });
    this.failure = failed.failure;
    this.frame = failed.frame;
  }
}

/** The end of a step that nobody mends; `end` goes on after "failed". */
export function giveUp(stepId: string, failed: StepFailed, end: string): StepFailedError {
  return new StepFailedError(
    'provision/step-failed',
    `the step "${stepId}" failed ${end}: ${failed.failure.reason}`,
    failed,
    'mend the step in the recipe and build again: what came before it is resumed from its checkpoint',
  );
}

/** A base is mended where it is its own recipe: a patch of the recipe that is based on it could not reach it. */
export function baseFailed(base: string, failed: StepFailed): StepFailedError {
  const { stepId, reason } = failed.failure;
  return new StepFailedError(
    'provision/base-failed',
    `the step "${stepId}" of the base ${base} failed: ${reason}`,
    failed,
    `build ${base} by itself and mend it there; then write its new digest into base.digest of the recipe`,
  );
}

/** For what a run of a base rejects with. */
export function nameBase(base: string): (error: unknown) => never {
  return (error) => {
    throw error instanceof StepFailedError && error.cause instanceof StepFailed ? baseFailed(base, error.cause) : error;
  };
}

/** The same failure for whoever tells it or writes it down: what the guest showed of a secret is dots (threat 39). */
export function maskedFailure(error: StepFailedError, masker: Masker): StepFailedError {
  const { failure, frame, code, message, hint } = error;
  const told: StepFailure = {
    ...failure,
    reason: masker.text(failure.reason),
    seen: { ...failure.seen, lines: masker.lines(failure.seen.lines) },
    ...(failure.before && { before: { ...failure.before, lines: masker.lines(failure.before.lines) } }),
    serialTail: masker.text(failure.serialTail),
    nearest: masker.value(failure.nearest),
  };
  return new StepFailedError(code, masker.text(message), new StepFailed(told, frame), masker.text(hint ?? ''));
}

/** The lines of a screen without blank ends: what a person or a transcript needs of them. */
export function textOf(lines: readonly string[]): string[] {
  const trimmed = lines.map((line) => line.trimEnd());
  while (trimmed.length > 0 && trimmed.at(-1) === '') trimmed.pop();
  return trimmed;
}

/** The same phase, and most of the screen the same: trying once more would show it once more. */
export function isSameFailure(a: StepFailure, b: StepFailure): boolean {
  if (a.phase !== b.phase || a.stepDigest !== b.stepDigest) return false;
  const rows = Math.max(a.seen.lines.length, b.seen.lines.length);
  if (rows === 0) return true;
  const equal = a.seen.lines.filter((line, row) => line === b.seen.lines[row]).length;
  return equal / rows >= SAME_SCREEN_ROWS;
}
