/** Runs the host's own tools (apt-get, apt-helper, dpkg-deb) in the C locale. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { errnoOf, InterruptedError, UnavailableError } from '../../errors.ts';
import { MAX_TOOL_OUTPUT_BYTES } from './limits.ts';

export interface ToolRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ToolOptions {
  readonly cwd?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Runs to the end and gives back what it said, whatever its exit status. Throws `media/tool-missing`. */
export async function runTool(command: string, args: readonly string[], options: ToolOptions = {}): Promise<ToolRun> {
  const child = start(command, args, options);
  const ended = exitOf(child, command, options.signal);
  const [stdout, stderr, status] = await Promise.all([collect(child.stdout), collect(child.stderr), ended]);
  // Half an answer would be taken for a whole one.
  if (Buffer.byteLength(stdout) >= MAX_TOOL_OUTPUT_BYTES)
    throw new RangeError(`${command} said more than ${MAX_TOOL_OUTPUT_BYTES} bytes`);
  return { status, stdout, stderr };
}

/**
 * The tool's standard output as a stream of chunks. When the tool fails, the iteration ends with what `failed` makes of
 * its exit status and last words. Leaving the iteration early ends the tool.
 */
export async function* streamTool(
  command: string,
  args: readonly string[],
  options: ToolOptions & { failed: (status: number | null, stderr: string) => Error },
): AsyncGenerator<Buffer> {
  const child = start(command, args, options);
  const ended = exitOf(child, command, options.signal);
  // Also awaited below; a rejection before that must not count as unhandled.
  ended.catch(() => undefined);
  const lastWords = collect(child.stderr);
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    const status = await ended;
    if (status !== 0) throw options.failed(status, await lastWords);
  } catch (error) {
    // An abort breaks the pipe first; the reason is the better answer.
    if (options.signal?.aborted) throw new InterruptedError(undefined, { cause: error });
    throw error;
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill();
  }
}

function start(
  command: string,
  args: readonly string[],
  options: ToolOptions,
): ChildProcess & { stdout: Readable; stderr: Readable } {
  if (options.signal?.aborted) throw new InterruptedError();
  return spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', LANGUAGE: 'C' },
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    ...(options.signal && { signal: options.signal }),
  });
}

function exitOf(child: ChildProcess, command: string, signal: AbortSignal | undefined): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      if (signal?.aborted) reject(new InterruptedError(undefined, { cause: error }));
      else if (errnoOf(error) === 'ENOENT') reject(missing(command, error));
      else reject(error);
    });
    child.once('close', (status) => resolve(status));
  });
}

async function collect(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size - chunk.length < MAX_TOOL_OUTPUT_BYTES) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function missing(command: string, cause: unknown): UnavailableError {
  return new UnavailableError('media/tool-missing', `This needs the program ${command}, which is not installed here.`, {
    hint: 'Debian packages are fetched on Debian or a relative of it: install apt and dpkg, or build there',
    facts: { command },
    cause,
  });
}
