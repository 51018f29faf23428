/**
 * Errors that a person can act on.
 *
 * Every error that leaves a module is a `PortalgunError` of one kind: a stable `code`, the facts as fields, a message
 * that says what happened to which thing, and (where there is one) a `hint` that says what to do next. The kind gives
 * the exit code of the command line (docs/exit-codes.md).
 */

/** 0 done · 1 failed · 2 wrong usage · 3 refused · 4 differs · 5 not reachable or prerequisite missing · 130 interrupted */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 130;

export interface ErrorDetails {
  /** What to do next, one line. */
  readonly hint?: string;
  /** The facts, machine-readable: shown by `--json`. Never secrets. */
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export class PortalgunError extends Error {
  /** Stable and namespaced, for example `media/bad-signature`. */
  readonly code: string;
  readonly hint: string | undefined;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.exitCode = exitCode;
    this.code = code;
    this.hint = details.hint;
    this.facts = details.facts ?? {};
  }
}

/** The work was tried and did not succeed. Exit code 1. */
export class FailedError extends PortalgunError {
  constructor(code: string, message: string, details?: ErrorDetails) {
    super(1, code, message, details);
  }
}

/** What the person gave us cannot be understood: wrong flags, malformed recipe or policy. Exit code 2. */
export class UsageError extends PortalgunError {
  constructor(code: string, message: string, details?: ErrorDetails) {
    super(2, code, message, details);
  }
}

/** Verification or policy says no. Exit code 3. */
export class RefusedError extends PortalgunError {
  constructor(code: string, message: string, details?: ErrorDetails) {
    super(3, code, message, details);
  }
}

/** A prerequisite, a peer or a medium is not to be had here and now. Exit code 5. */
export class UnavailableError extends PortalgunError {
  constructor(code: string, message: string, details?: ErrorDetails) {
    super(5, code, message, details);
  }
}

/** The person stopped it; the state can be resumed. Exit code 130. */
export class InterruptedError extends PortalgunError {
  constructor(message = 'interrupted', details?: ErrorDetails) {
    super(130, 'interrupted', message, details);
  }
}

/** The system's own code of an error (`ENOENT`, `EEXIST`, …), where it has one. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** What was thrown, which in JavaScript can be anything. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
