/** How a failure is told: what happened, to which thing, what to do next; the exit code says which kind it is. */
import { errnoOf, PortalgunError, InterruptedError } from '../errors.ts';
import { fitting, harmless, jsonLine, note, paint } from './output.ts';
import type { Context } from './context.ts';

/** Links of the cause chain that --verbose shows. */
const MAX_CAUSES = 8;

/** What the system said of a file, where that is all there is to say. */
const FILE_HINTS: Readonly<Record<string, string | undefined>> = {
  ENOENT: 'There is nothing of that name: look at its spelling, and at the folder you are in.',
  ENOTDIR: 'A part of that path is a file and no folder.',
  EISDIR: 'It is a folder: name a file in it.',
  EACCES: 'You may not read it: see who owns it.',
};

/** Prints the error to stderr (and, with `--json`, as a document to stdout). Returns the exit code. */
export function reportFailure(context: Context, error: unknown): number {
  const known = asPortalgunError(error, context.signal);
  const answer = errorAnswer(known);
  if (context.json) {
    context.stdout.write(`${jsonLine({ error: answer })}\n`);
  } else {
    const { message, hint } = answer;
    const lines = [
      `error: ${message}`,
      ...(hint === undefined ? [] : [`  ${hint}`]),
      ...(context.verbose ? causes(known).map((line) => `  because: ${line}`) : []),
    ];
    const [first = '', ...more] = lines
      .flatMap((line) => harmless(line).split('\n'))
      .flatMap((line) =>
        // What is to be copied stays whole.
        line.startsWith('  sudo ') ? [line] : fitting(context, [line], 'stderr'),
      );
    const told = [first.replace('error:', paint(context, 'stderr', 'red', 'error:')), ...more];
    context.stderr.write(`${told.join('\n')}\n`);
  }
  if (context.environment['DEBUG']) context.stderr.write(`${harmless(known.stack ?? '')}\n`);
  return known.exitCode;
}

/** An error as `--json` shows it. */
export function errorAnswer({ code, message, hint, facts, cause }: PortalgunError): ErrorAnswer {
  return { code, message, hint: hint ?? FILE_HINTS[errnoOf(cause) ?? ''], facts };
}

/** Of one thing among others that are listed all the same. */
export function noteUnreadable(context: Context, { message, hint }: PortalgunError): void {
  note(context, message);
  if (hint !== undefined) note(context, `  ${hint}`);
}

type ErrorAnswer = Pick<PortalgunError, 'code' | 'message' | 'hint' | 'facts'>;

function asPortalgunError(error: unknown, signal: AbortSignal): PortalgunError {
  if (error instanceof PortalgunError) return error;
  if (signal.aborted)
    return new InterruptedError('interrupted; the same command goes on where it stopped', { cause: error });
  const errno = errnoOf(error);
  if (errno === 'ENOSPC') {
    return new PortalgunError(1, 'disk/full', `the disk is full: ${messageOf(error)}`, {
      hint: 'Free some space (portalgun checkpoints prune), then run the same command again: nothing was lost.',
      cause: error,
    });
  }
  if (errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS') {
    return new PortalgunError(1, 'file/not-allowed', `the system does not allow it: ${messageOf(error)}`, {
      hint: 'See who owns that file or folder, or use another home with PORTALGUN_HOME.',
      cause: error,
    });
  }
  return new PortalgunError(1, 'internal', messageOf(error), {
    hint: 'This is a fault of portalgun. Run it again with DEBUG=1 and report what it prints.',
    cause: error,
  });
}

function causes(error: Error): string[] {
  const lines: string[] = [];
  let cause = error.cause;
  while (cause !== undefined && lines.length < MAX_CAUSES) {
    lines.push(messageOf(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return lines;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
