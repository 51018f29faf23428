/** Runs the probe ROM on one accelerator: does it really execute code, and how fast? */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { confine } from './confinement.ts';
import type { Command } from './confinement.ts';
import { LAST_WORDS_BYTES } from './limits.ts';
import { PROBE_EXIT, PROBE_LETTERS, probeRom } from './probe-rom.ts';
import { CPU_MODEL, MACHINE_TYPE } from './qemu-args.ts';
import type { Machine } from './types.ts';

export interface ProbeResult {
  readonly accelerator: Machine['accelerator'];
  /** Every stage passed and QEMU ended by itself, in time. Nothing else counts. */
  readonly passed: boolean;
  /** Stages that were reached: a beginning of `RLWCPS`. */
  readonly letters: string;
  /** `exit 33`, `signal SIGABRT`, or `no end within 2000 ms`. */
  readonly end: string;
  readonly tookMs: number;
  /** What QEMU said on stderr. */
  readonly words: string;
}

export interface ProbeOptions {
  readonly accelerator: Machine['accelerator'];
  readonly qemu: string;
  readonly limitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Never hangs and leaves nothing behind. Rejects with `machine/qemu-missing`, or when aborted. */
export async function runProbe({ accelerator, qemu, limitMs, signal }: ProbeOptions): Promise<ProbeResult> {
  signal?.throwIfAborted();
  const folder = await mkdtemp(join(tmpdir(), 'portalgun-probe-'));
  try {
    const rom = join(folder, 'rom');
    await writeFile(rom, probeRom());
    const command = await confine({ program: qemu, args: probeArguments(accelerator, rom) });
    const started = performance.now();
    const ended = await runToEnd(command, limitMs, signal);
    const passed = ended.end === `exit ${PROBE_EXIT}` && ended.letters === PROBE_LETTERS;
    return { accelerator, passed, ...ended, tookMs: performance.now() - started };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function probeArguments(accelerator: string, rom: string): string[] {
  return [
    ['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-nic', 'none', '-vga', 'none'],
    ['-M', MACHINE_TYPE, '-accel', accelerator, '-cpu', CPU_MODEL, '-m', '64M'],
    ['-bios', rom, '-debugcon', 'stdio', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
  ].flat();
}

async function runToEnd(
  { program, args }: Command,
  limitMs: number,
  signal: AbortSignal | undefined,
): Promise<{ letters: string; end: string; words: string }> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let letters = '';
    let words = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      letters = (letters + text).slice(0, 2 * PROBE_LETTERS.length);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(-LAST_WORDS_BYTES);
    });
    const finish = (end: string) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      resolve({ letters, end, words: words.trim() });
    };
    // A process that hangs inside of the kernel may outlive SIGKILL for a while: it is not waited for.
    const giveUp = (end: string) => {
      child.kill('SIGKILL');
      child.unref();
      child.stdout.destroy();
      child.stderr.destroy();
      finish(end);
    };
    const timer = setTimeout(() => giveUp(`no end within ${limitMs} ms`), limitMs);
    const onAbort = () => {
      giveUp('aborted');
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code, died) => finish(died === null ? `exit ${code}` : `signal ${died}`));
  });
}
