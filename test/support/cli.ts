/** The command line as a person runs it: a process of its own, its output read whole. */
import { spawn, type ChildProcess } from 'node:child_process';
import assert from 'node:assert/strict';
import path from 'node:path';
import readline from 'node:readline';
import type { Environment } from '../../src/node/home.ts';

export const ROOT = path.resolve(import.meta.dirname, '../..');
const MAIN = path.join(ROOT, 'src/cli/main.ts');

/** What a command answered, as it came: fields are looked up by tests, which fail where they are not there. */
// oxlint-disable-next-line typescript/no-explicit-any -- a test that reads a wrong field fails, which is its purpose
export type Answer = any;

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly input?: string;
  /** A program and its arguments that run it somewhere else, as on another host. */
  readonly through?: readonly string[];
}

interface Person {
  readonly environment: Environment;
}

export function argvOf(args: readonly string[]): string[] {
  return [process.execPath, '--disable-warning=ExperimentalWarning', MAIN, ...args];
}

/** Runs to the end, whatever the exit code. */
export async function cli(person: Person, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = startCli(person, args, options);
  child.stdin!.end(options.input ?? '');
  return outcomeOf(child);
}

/** Starts it in a process group of its own, like a shell does: `process.kill(-child.pid!, …)` reaches its children too. */
export function startCli({ environment }: Person, args: readonly string[], options: RunOptions = {}): ChildProcess {
  const [file = '', ...rest] = [...(options.through ?? []), ...argvOf(args)];
  const child = spawn(file, rest, {
    cwd: options.cwd ?? ROOT,
    env: environment,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  child.stdin?.on('error', () => undefined); // a command may end without having read its input
  return child;
}

export function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout!.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr!.on('data', (chunk: Buffer) => err.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      resolve({ code, stdout: String(Buffer.concat(out)), stderr: String(Buffer.concat(err)) }),
    );
  });
}

/** Runs with `--json` and gives the one document. Fails the test on any other exit code than `expected`. */
export async function json(
  person: Person,
  args: readonly string[],
  expected = 0,
  options: RunOptions = {},
): Promise<Answer> {
  const { code, stdout, stderr } = await cli(person, [...args, '--json'], options);
  assert.equal(code, expected, `portalgun ${args.join(' ')}: exit code ${code}\n${stdout}${stderr}`);
  return JSON.parse(stdout);
}

/** Runs with `--json` for a command that prints one document a line. */
export async function jsonLines(person: Person, args: readonly string[], expected = 0): Promise<Answer[]> {
  const { code, stdout, stderr } = await cli(person, [...args, '--json']);
  assert.equal(code, expected, `portalgun ${args.join(' ')}: exit code ${code}\n${stdout}${stderr}`);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Answer => JSON.parse(line));
}

/** Runs with `--json` what is to fail, and gives the error: the last line, after whatever events came before it. */
export async function errorOf(person: Person, args: readonly string[], expected: number): Promise<Answer> {
  return (await jsonLines(person, args, expected)).at(-1).error;
}

/** Resolves with the first printed JSON line for which `wanted` holds; rejects where the process ends before. */
export async function eventOf(child: ChildProcess, wanted: (event: Answer) => boolean): Promise<Answer> {
  const lines = readline.createInterface({ input: child.stdout! });
  for await (const line of lines) {
    const event: Answer = JSON.parse(line);
    if (wanted(event)) return event;
  }
  throw new Error(`it ended (exit code ${child.exitCode}) before the awaited event`);
}
