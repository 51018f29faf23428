/** What this host is, as far as a build depends on it. */
import { execFile } from 'node:child_process';
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
    factor: hostFactor,
    checkRoom: async (memoryMiB, folder) => {
      checkMemory(memoryMiB);
      await checkDisk(folder, BUILD_SPACE_BYTES);
    },
  };
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
