/**
 * Where machines come from while steps run: powered on with pristine disks, or restored from a checkpoint. Each is a
 * new process in a runtime folder of its own; what it writes goes into files that nobody else writes to.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Drive } from '../../recipe/types.ts';
import type { Digest } from '../../crypto/digest.ts';
import { createOverlay, flattenDisk } from '../machine/disks.ts';
import { isWritable } from '../machine/qemu-args.ts';
import type { Machine, MachineConfig, MachineDisk, StartOptions } from '../machine/types.ts';
import type { Checkpoint } from './checkpoints.ts';

export interface WorkbenchOptions {
  /** `startMachine` of machine/. */
  readonly start: (options: StartOptions) => Promise<Machine>;
  /** Writable disks name their pristine content: it is never written. */
  readonly config: MachineConfig;
  /** Digest over the contents of the media and of the pristine disks. */
  readonly media: Digest;
  readonly accelerator: StartOptions['accelerator'];
  /** As QEMU reports it (`7.2.22`): a saved memory belongs to one version. */
  readonly qemuVersion: string;
  /** For runtime folders; keep it short. Removed with `close`, not the disks. */
  readonly runtimeDir: string;
  /** For disks where there is no checkpoint session that has a place for them: overlays, for as long as the pristine ones are there. */
  readonly disksDir: string;
  readonly qemu?: string;
}

export interface Workbench {
  readonly config: MachineConfig;
  readonly media: Digest;
  readonly accelerator: StartOptions['accelerator'];
  readonly qemuVersion: string;
  /** `rests`: frozen files that writable disks lie over, by disk id, instead of their pristine content. */
  powerOn(disksDir: string | null, signal: AbortSignal, rests?: Readonly<Record<string, string>>): Promise<Machine>;
  restore(checkpoint: Pick<Checkpoint, 'disks'>, how: Restoring): Promise<Machine>;
}

/** By drive: the medium that is in it, `null` for none. */
export type Inserted = Partial<Readonly<Record<Drive, string | null>>>;

export interface Restoring {
  readonly memoryPath: string;
  readonly disksDir: string;
  /** What was in the drives when the state was saved: a restored machine must be built as the saved one was. */
  readonly inserted: Inserted;
  readonly signal: AbortSignal;
}

export function createWorkbench(options: WorkbenchOptions): Workbench {
  const { config, media, accelerator, qemuVersion } = options;

  function start(
    config: MachineConfig,
    overlayDir: string,
    signal: AbortSignal,
    memoryPath?: string,
  ): Promise<Machine> {
    return options.start({
      config,
      runtimeDir: join(options.runtimeDir, randomBytes(4).toString('hex')),
      overlayDir,
      accelerator,
      ...(memoryPath !== undefined && { restore: { memoryPath } }),
      ...(options.qemu !== undefined && { qemu: options.qemu }),
      signal,
    });
  }

  return {
    config,
    media,
    accelerator,
    qemuVersion,
    async powerOn(disksDir, signal, rests = {}) {
      const folder = resolve(disksDir ?? options.disksDir);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const standAlone = disksDir !== null;
      const disks = await Promise.all(
        config.disks.map((disk) => ownDisk(disk, folder, { rests: rests[disk.id], standAlone })),
      );
      try {
        return await start({ ...config, disks }, folder, signal);
      } catch (error) {
        await Promise.all(disks.filter(isWritable).map((disk) => rm(disk.path, { force: true })));
        throw error;
      }
    },
    restore(checkpoint, { memoryPath, disksDir, inserted, signal }) {
      const disks = config.disks.map((disk): MachineDisk => {
        const frozen = checkpoint.disks[disk.id];
        return frozen === undefined ? disk : { ...disk, path: frozen, format: 'qcow2' };
      });
      const drives = config.drives?.map(({ drive, medium }) => {
        const now = inserted[drive];
        return { drive, medium: now === undefined ? medium : now };
      });
      return start({ ...config, disks, ...(drives && { drives }) }, resolve(disksDir), signal, memoryPath);
    },
  };
}

/**
 * One over a frozen file; otherwise one that stands alone where a checkpoint will rest on it long after the pristine file is
 * gone, and one over that file where none will.
 */
async function ownDisk(
  disk: MachineDisk,
  folder: string,
  { rests, standAlone }: { readonly rests: string | undefined; readonly standAlone: boolean },
): Promise<MachineDisk> {
  if (!isWritable(disk)) return disk;
  const path = join(folder, `${disk.id}-${randomBytes(6).toString('hex')}.qcow2`);
  const pristine = { path: resolve(disk.path), format: disk.format };
  if (rests !== undefined) await createOverlay(path, { path: rests, format: 'qcow2' });
  else if (standAlone) await flattenDisk(pristine, { path, format: 'qcow2' });
  else await createOverlay(path, pristine);
  return { ...disk, path, format: 'qcow2' };
}
