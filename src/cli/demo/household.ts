/** One of the demo's two people: a home of their own, a node of their own, and the ordinary command line. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import readline from 'node:readline';
import { PortalgunError, FailedError, type ExitCode } from '../../errors.ts';
import type { BuildEvent } from '../../workshop/provision/types.ts';
import type { Environment } from '../../node/home.ts';
import { ownJson, ownValue } from '../../node/own-json.ts';

export interface Household {
  readonly name: string;
  readonly homeDir: string;
  readonly environment: Environment;
  /** argv of the command line, for running it at a terminal. */
  argv(...args: string[]): string[];
  /** Runs a command with `--json`; resolves with its document. Exit codes in `accept` are not failures. */
  run<T>(args: readonly string[], accept?: readonly number[]): Promise<T>;
  /** Runs a command that prints one JSON event a line. */
  stream(args: readonly string[], onEvent: (event: BuildEvent) => void): Promise<void>;
  startNode(): Promise<void>;
  stop(): Promise<void>;
}

export interface HouseholdOptions {
  readonly name: string;
  readonly folder: string;
  /** Shared: verified media, learned fonts, the accelerator probe. Nothing else. */
  readonly cacheDir: string;
  readonly environment: Environment;
  readonly signal: AbortSignal;
}

const MAIN = path.resolve(import.meta.dirname, '../main.ts');
const BIG_ANSWER_BYTES = 64 * 1024 * 1024;

export async function moveIn(options: HouseholdOptions): Promise<Household> {
  const homeDir = path.join(options.folder, options.name);
  await mkdir(homeDir, { recursive: true, mode: 0o700 });
  const environment = { ...options.environment, PORTALGUN_HOME: homeDir, PORTALGUN_CACHE: options.cacheDir };
  const argv = (...args: string[]): string[] => [
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    MAIN,
    ...args,
  ];
  let node: ChildProcess | undefined;

  const stream: Household['stream'] = async (args, onEvent) => {
    const child = start(argv(...args, '--json'), environment, options.signal);
    let failure: PortalgunError | undefined;
    for await (const line of readline.createInterface({ input: child.stdout! })) {
      const event = ownJson<BuildEvent & { readonly error?: unknown }>(line);
      if (event.error !== undefined) failure = errorIn(event.error);
      else onEvent(event);
    }
    const code = child.exitCode ?? (await exitOf(child));
    if (code !== 0) throw failure ?? new FailedError('demo/command', `${args.join(' ')} ended with exit code ${code}`);
  };

  return {
    name: options.name,
    homeDir,
    environment,
    argv,
    stream,
    run: <T>(args: readonly string[], accept: readonly number[] = [0]) =>
      runJson<T>(argv(...args, '--json'), environment, options.signal, accept),
    startNode: async () => {
      node = start(argv('node', 'start', '--listen', '/ip4/127.0.0.1/tcp/0', '--json'), environment);
      await firstLine(node, options.name);
    },
    stop: async () => {
      if (!node || node.exitCode !== null) return;
      const gone = once(node, 'exit');
      node.kill('SIGTERM');
      await gone;
    },
  };
}

function start(argv: readonly string[], environment: Environment, signal?: AbortSignal): ChildProcess {
  const [file = '', ...args] = argv;
  const child = spawn(file, args, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  signal?.addEventListener('abort', () => child.kill('SIGINT'), { once: true });
  return child;
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', resolve));
}

/** Waits for the node's first line, `ready`. The rest of its output is read and dropped. */
async function firstLine(node: ChildProcess, name: string): Promise<void> {
  const lines = readline.createInterface({ input: node.stdout! });
  const ended = once(node, 'exit').then(([code]) => {
    throw new FailedError('demo/node', `${name}’s node ended with exit code ${String(code)} before it was ready`);
  });
  const ready = once(lines, 'line');
  await Promise.race([ready, ended]);
  ended.catch(() => undefined); // it ends some day, after it was ready
}

function runJson<T>(
  argv: readonly string[],
  environment: Environment,
  signal: AbortSignal,
  accept: readonly number[],
): Promise<T> {
  const [file = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const settings = { env: environment, maxBuffer: BIG_ANSWER_BYTES, signal };
    execFile(file, args, settings, (error, stdout, stderr) => {
      const code = error ? Number((error as { code?: unknown }).code ?? 1) : 0;
      if (!accept.includes(code)) {
        reject(
          errorFrom(stdout) ??
            new FailedError(
              'demo/command',
              `${args.slice(2).join(' ')}: ${stderr || (error?.message ?? `exit code ${code}`)}`,
            ),
        );
        return;
      }
      resolve(ownJson<T>(stdout));
    });
  });
}

function errorFrom(stdout: string): PortalgunError | undefined {
  try {
    return errorIn(ownJson<{ error?: unknown }>(stdout).error);
  } catch {
    return undefined; // no document: the caller tells what stderr said
  }
}

function errorIn(value: unknown): PortalgunError | undefined {
  const error = ownValue<{ code?: string; message?: string; hint?: string } | undefined>(value);
  if (!error?.message) return undefined;
  const exitCode: ExitCode = 1;
  return new PortalgunError(
    exitCode,
    error.code ?? 'internal',
    error.message,
    error.hint === undefined ? {} : { hint: error.hint },
  );
}
