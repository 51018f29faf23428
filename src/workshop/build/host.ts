/** What this host is, as far as a build depends on it. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { errnoOf, FailedError, UnavailableError } from '../../errors.ts';
import {
  acceleratorCandidates,
  checkDisk,
  checkMemory,
  hostBootId,
  measureHost,
  probeAccelerator,
  type AcceleratorChoice,
} from '../machine/index.ts';

export interface HostFacts {
  readonly accelerator: AcceleratorChoice['accelerator'];
  /** What was tried to come to it; empty where the choice was kept from before. */
  readonly probes: AcceleratorChoice['probes'];
  /** `7.2.22`. */
  readonly qemuVersion: string;
  /** Maker and family of its processor: two builders whose processors have one fault make one mistake. */
  readonly processor: string;
  /** How many times slower than the reference this host runs a guest. */
  readonly factor: number;
  /** Rejects with `machine/too-little-memory` or `machine/too-little-disk` (exit code 5). */
  checkRoom(memoryMiB: number, folder: string): Promise<void>;
}

/** Free space that a build wants for overlays, checkpoints and the image, in bytes. */
const BUILD_SPACE_BYTES = 1024 ** 3;

export interface HostOptions {
  readonly cacheDir: string;
  readonly signal: AbortSignal;
}

/** Rejects with `machine/qemu-missing` or `machine/no-accelerator` (exit code 5). */
export async function examineHost({ cacheDir, signal }: HostOptions): Promise<HostFacts> {
  const qemuVersion = await versionOfQemu();
  const { accelerator, probes } = await probeAccelerator({
    cacheFile: path.join(cacheDir, 'accelerator.json'),
    bootId: await hostBootId(),
    candidates: await acceleratorCandidates(),
    signal,
  });
  const { hostFactor } = await measureHost({ accelerator, signal });
  return {
    accelerator,
    probes,
    qemuVersion,
    processor: processorIn(await readFile('/proc/cpuinfo', 'utf8').catch(() => ''), os.arch()),
    factor: hostFactor,
    checkRoom: async (memoryMiB, folder) => {
      checkMemory(memoryMiB);
      await checkDisk(folder, BUILD_SPACE_BYTES);
    },
  };
}

/** As much as tells faults apart, and not which machine it is. `told`: what Linux says in /proc/cpuinfo (proc(5)). */
export function processorIn(told: string, arch: string): string {
  const field = (name: string): string | undefined => new RegExp(`^${name}\\s*: ([!-~]{1,32})$`, 'm').exec(told)?.[1];
  const parts = [field('vendor_id') ?? field('CPU implementer'), field('cpu family') ?? field('CPU architecture')];
  return [arch, ...parts.filter((part) => part !== undefined)].join(' ');
}

async function versionOfQemu(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('qemu-system-x86_64', ['--version']);
    const version = /version (\d+\.\d+(?:\.\d+)?)/.exec(stdout)?.[1];
    if (version !== undefined) return version;
    throw new FailedError('machine/odd-qemu', `QEMU does not say its version: ${stdout.split('\n')[0]}`);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw new UnavailableError('machine/qemu-missing', 'QEMU is not installed: there is no qemu-system-x86_64.', {
      hint: 'sudo apt-get install -y --no-install-recommends qemu-system-x86 qemu-utils',
      cause: error,
    });
  }
}
