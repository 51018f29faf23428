/** Runs an image as an ephemeral VM: its files are checked first, and nothing of the run is left at the end. */
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { FailedError, InterruptedError } from '../errors.ts';
import { imageFolder, verifyImage } from '../workshop/image/image-store.ts';
import type { ImageDisk, StoredImage } from '../workshop/image/image-types.ts';
import { createOverlay } from '../workshop/machine/disks.ts';
import {
  UEFI_VARIABLES,
  type Forward,
  type Machine,
  type MachineDisk,
  type StartOptions,
} from '../workshop/machine/types.ts';
import { checkFree } from './forward.ts';
import { attachConsole, type Console, type ConsoleEnd } from './console.ts';

export interface RunOptions {
  readonly imagesDir: string;
  readonly id: string;
  readonly console: Console;
  /** Go on from, and write to, disks that outlive the run (`kept-…` in the image's folder). Default: forget everything. */
  readonly keep?: boolean;
  readonly accelerator: StartOptions['accelerator'];
  readonly startMachine: (options: StartOptions) => Promise<Machine>;
  /** Paths of verified firmware, asked for where the image boots by UEFI. */
  readonly firmware: () => Promise<UefiFiles>;
  /** For sockets and, unless `keep`, the run's disks. Best on a tmpfs. */
  readonly runtimeDir: string;
  /** Ports of this machine's loopback that lead into the guest. Default: none, and no network card. */
  readonly forwards?: readonly Forward[];
  readonly cpus?: number;
  readonly memoryMiB?: number;
  readonly signal?: AbortSignal;
  /** Told before each file is read, and once the machine is on. */
  readonly onProgress?: (what: 'verifying' | 'running', detail: string) => void;
}

export interface UefiFiles {
  readonly code: string;
  /** What the variable store holds at first. */
  readonly variables: string;
}

export interface RunOutcome {
  readonly image: StoredImage;
  readonly ended: Extract<ConsoleEnd['reason'], 'left' | 'guest-off'>;
}

/**
 * Rejects with `run/port-taken`, `image/altered` where a file of the image is not what was stored, `run/died` where QEMU died, as
 * interrupted by `signal`, and with what `showImage` and `startMachine` reject with.
 */
export async function runImage(options: RunOptions): Promise<RunOutcome> {
  const { imagesDir, id, signal, onProgress, forwards = [] } = options;
  await checkFree(forwards);
  const image = await verifyImage(imagesDir, id, {
    ...(signal === undefined ? {} : { signal }),
    onProgress: (file) => onProgress?.('verifying', file),
  });
  await mkdir(options.runtimeDir, { recursive: true, mode: 0o700 });
  const runDir = await mkdtemp(join(resolve(options.runtimeDir), 'run-'));
  try {
    const folder = imageFolder(imagesDir, id);
    const overlays = options.keep === true ? folder : runDir;
    const disks: MachineDisk[] = [];
    for (const disk of image.disks) {
      const path = join(overlays, `kept-${disk.id}.qcow2`);
      await overlay(path, folder, disk, signal);
      disks.push({ id: disk.id, path, format: 'qcow2', bus: 'virtio' });
    }
    const uefi = image.machine.firmware === 'uefi' ? await options.firmware() : undefined;
    if (uefi) disks.push(await variableStore(uefi, runDir, signal));
    const machine = await options.startMachine({
      config: {
        arch: image.machine.arch,
        cpus: options.cpus ?? image.machine.cpus,
        memoryMiB: options.memoryMiB ?? image.machine.memoryMiB,
        disks,
        ...(forwards.length > 0 && { forwards }),
        ...(uefi && { firmware: { path: uefi.code } }),
      },
      runtimeDir: join(runDir, 'vm'),
      accelerator: options.accelerator,
      ...(signal === undefined ? {} : { signal }),
    });
    try {
      onProgress?.('running', image.id);
      const end = await attachConsole(machine, options.console, signal);
      if (end.reason === 'aborted') throw new InterruptedError();
      if (end.reason === 'died') {
        throw new FailedError('run/died', `QEMU died (${end.status}) while it ran ${id}: ${end.lastWords.trim()}`, {
          hint: 'portalgun doctor tells whether this host can run it',
          facts: { id, status: end.status, lastWords: end.lastWords },
        });
      }
      return { image, ended: end.reason };
    } finally {
      await machine.close();
    }
  } finally {
    await rm(runDir, { recursive: true, force: true });
  }
}

/** A variable store of its own: what a guest writes there is forgotten, so that nothing lasts that the image does not say. */
async function variableStore(
  { variables }: UefiFiles,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<MachineDisk> {
  const path = join(folder, 'uefi-variables.qcow2');
  await createOverlay(path, { path: variables, format: 'raw' }, signal);
  return { id: UEFI_VARIABLES, path, format: 'qcow2', bus: 'pflash' };
}

/** A kept overlay that is there already is gone on with. */
async function overlay(path: string, folder: string, disk: ImageDisk, signal: AbortSignal | undefined): Promise<void> {
  const there = await stat(path).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
      throw error;
    },
  );
  if (there) return;
  const { personal } = disk;
  const base =
    personal === undefined
      ? ({ path: join(folder, disk.file), format: 'raw' } as const)
      : ({ path: join(folder, personal.file), format: 'qcow2' } as const);
  await createOverlay(path, base, signal);
}
