/** The QEMU process: its inherited sockets, its last words, its end. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { Duplex } from 'node:stream';
import { FailedError } from '../../errors.ts';
import { confine } from './confinement.ts';
import { surround } from './surroundings.ts';
import type { Surroundings } from './types.ts';
import { LAST_WORDS_BYTES, QUIT_MS } from './limits.ts';

export interface QemuEnd {
  /** `exit 1` or `signal SIGKILL`. */
  readonly status: string;
  readonly lastWords: string;
}

export interface QemuProcess {
  readonly pid: number;
  /** Sockets to descriptors 3, 4, 5, … of QEMU, in this order. */
  readonly sockets: readonly Duplex[];
  /** Resolves when the process is gone; never rejects. */
  readonly ended: Promise<QemuEnd>;
  kill(): void;
  /** Waits `graceMs` for the end, then kills. What a socket still holds is lost, unless somebody takes it as it comes. */
  reap(graceMs?: number): Promise<QemuEnd>;
}

/**
 * Starts QEMU with `sockets` inherited socket pairs: no path to bind, nobody else can connect, and no wait for a file to
 * appear. Rejects with `machine/qemu-missing` where there is no such program.
 */
export async function spawnQemu(
  program: string,
  args: readonly string[],
  sockets: number,
  surroundings: Surroundings = {},
): Promise<QemuProcess> {
  const command = await surround(await confine({ program, args }), surroundings);
  const child = spawn(command.program, command.args, {
    stdio: ['ignore', 'ignore', 'pipe', ...Array.from({ length: sockets }, () => 'pipe' as const)],
    env: { PATH: process.env['PATH'] ?? '' },
  });
  await started(child, program);
  let lastWords = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    lastWords = (lastWords + text).slice(-LAST_WORDS_BYTES);
  });
  const ended = new Promise<QemuEnd>((resolve) => {
    child.once('close', (code, signal) => {
      resolve({ status: signal === null ? `exit ${code}` : `signal ${signal}`, lastWords: lastWords.trim() });
    });
  });
  const kill = () => {
    child.kill('SIGKILL');
  };
  const inherited = child.stdio.slice(3).map(asDuplex);
  // The end is told when all of them have ended, which one with bytes that nobody reads never does.
  const letGo = (): void => {
    for (const socket of inherited) if (socket.readableFlowing !== true) socket.destroy();
  };
  return {
    pid: child.pid ?? 0,
    sockets: inherited,
    ended,
    kill,
    async reap(graceMs = QUIT_MS) {
      const timer = setTimeout(kill, graceMs);
      if (child.exitCode === null && child.signalCode === null) child.once('exit', letGo);
      else letGo();
      try {
        return await ended;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** What to tell about a QEMU that ended by itself. */
export function diedError(end: QemuEnd): FailedError {
  const words = end.lastWords === '' ? 'it said nothing' : end.lastWords;
  return new FailedError('machine/died', `the virtual machine died (${end.status}): ${words}`, { facts: { ...end } });
}

function started(child: ChildProcess, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => {
      reject(
        new FailedError('machine/cannot-start', `${program} cannot be started: ${error.message}`, { cause: error }),
      );
    });
  });
}

/** Node makes a socket pair for each 'pipe' beyond the first three: both sides read and write. */
function asDuplex(stream: unknown): Duplex {
  if (stream instanceof Duplex) return stream;
  throw new TypeError('an inherited descriptor is no socket');
}
