/** From a recipe and its verified media to the machine that the steps run on. */
import path from 'node:path';
import { digestOf } from '../../crypto/canonical.ts';
import type { Digest } from '../../crypto/digest.ts';
import { UsageError } from '../../errors.ts';
import { allowedPlaces, usesNetwork, usesPointer } from '../../recipe/conditions.ts';
import { BOOT_DISC, changingDrives, insertedAfter } from '../../recipe/removable.ts';
import { fixedEnvironment, fixedUuid } from '../../recipe/fixed.ts';
import type { PackageDisk, ResolvedRecipe, WholeRecipe } from '../../recipe/types.ts';
import { createDisk } from '../machine/disks.ts';
import { UEFI_VARIABLES, type MachineConfig, type MachineDisk } from '../machine/types.ts';
import type { VerifiedMedia } from '../media/types.ts';

const MIB = 2 ** 20;
const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: MIB, G: 2 ** 30, T: 2 ** 40 };

/** `512M` in bytes. Throws `recipe/bad-size`. */
export function sizeBytes(text: string): number {
  const match = /^(\d+)([KMGT])$/.exec(text);
  const unit = UNITS[match?.[2] ?? ''];
  if (!match || unit === undefined) throw new UsageError('recipe/bad-size', `${text} is not a size such as 512M or 2G`);
  return Number(match[1]) * unit;
}

export interface MachinePlan {
  readonly config: MachineConfig;
  /** Digest over the contents of all media and the sizes of the empty disks: part of every checkpoint's key. */
  readonly media: Digest;
}

/** Plans the machine and makes its empty disks in `folder`. `origin`: key of the base's end that its disks come from. */
export async function planMachine(
  resolved: ResolvedRecipe,
  media: VerifiedMedia,
  folder: string,
  signal: AbortSignal,
  origin?: Digest,
): Promise<MachinePlan> {
  const { machine, reproducible } = resolved.recipe;
  const blank = await Promise.all(
    (machine.disks ?? []).map(async ({ id, size }): Promise<MachineDisk> => {
      const file = path.join(folder, `${id}-blank.qcow2`);
      await createDisk({ path: file, format: 'qcow2' }, sizeBytes(size), signal);
      return { id, path: file, format: 'qcow2', bus: 'virtio' };
    }),
  );
  const packages = Object.entries(media.disks).map(([id, disk]): MachineDisk => ({
    id,
    path: disk.path,
    format: 'raw',
    bus: layoutOf(resolved, id) === 'virtio-fat' ? 'virtio' : 'usb',
    readOnly: true,
  }));
  const drives = drivesOf(resolved, media);
  // A disc that steps take out is no fixed part of the machine.
  const cdrom: MachineDisk[] =
    media.iso && drives.drives?.some(({ drive }) => drive === 'cd') !== true
      ? [{ id: 'iso', path: media.iso.path, format: 'raw', bus: 'cdrom', readOnly: true }]
      : [];
  const variables: MachineDisk[] = media.firmware
    ? [{ id: UEFI_VARIABLES, path: media.firmware.variables.path, format: 'raw', bus: 'pflash' }]
    : [];
  const fixedClock = reproducible?.clock === 'fixed' ? reproducible.source_date_epoch : undefined;
  const config: MachineConfig = {
    arch: machine.arch,
    cpus: machine.cpus ?? 1,
    memoryMiB: Math.floor(sizeBytes(machine.memory) / MIB),
    disks: [...blank, ...packages, ...cdrom, ...variables],
    ...drives,
    ...(media.kernel && {
      kernel: {
        path: media.kernel.path,
        ...(media.initrd && { initrd: media.initrd.path }),
        ...kernelArguments(resolved.recipe),
      },
    }),
    ...(media.firmware && { firmware: { path: media.firmware.code.path } }),
    ...(machine.display && { display: resolution(machine.display.resolution) }),
    ...(usesPointer(resolved.recipe, 'steps') && { pointer: 'tablet' }),
    ...(usesNetwork(resolved.recipe, 'steps') && { network: { allow: allowedPlaces(resolved.recipe) } }),
    ...(fixedClock !== undefined && { clockEpochSeconds: fixedClock }),
    ...(reproducible?.uuid === 'fixed' && { uuid: fixedUuid(resolved.recipe.name, MACHINE) }),
  };
  return { config, media: contents(resolved, media, origin) };
}

/** The machine among what has an id of a recipe's. */
const MACHINE = 'machine';

/** Before the recipe's own: what stands behind `---` an installer hands on to the system that it installs. */
function kernelArguments(recipe: WholeRecipe): { readonly args?: string } {
  const { kernel_args: own } = recipe.machine;
  const all = [...fixedEnvironment(recipe), ...(own === undefined ? [] : [own])];
  return all.length === 0 ? {} : { args: all.join(' ') };
}

/** Drives whose medium steps change, and all that they may put into them. */
function drivesOf({ recipe }: ResolvedRecipe, media: VerifiedMedia): Pick<MachineConfig, 'drives' | 'shelf'> {
  const begin = insertedAfter(recipe, []);
  const drives = changingDrives(recipe).map((drive) => ({ drive, medium: begin[drive] ?? null }));
  if (drives.length === 0) return {};
  const files = {
    ...media.inserts,
    ...(drives.some(({ drive }) => drive === 'cd') && media.iso && { [BOOT_DISC]: media.iso }),
  };
  return { drives, shelf: Object.fromEntries(Object.entries(files).map(([name, { path }]) => [name, path])) };
}

function layoutOf({ recipe }: ResolvedRecipe, name: string): PackageDisk['layout'] | undefined {
  const medium = recipe.media?.[name];
  return medium && 'layout' in medium ? medium.layout : undefined;
}

function resolution(text: string): { readonly width: number; readonly height: number } {
  const [width = 0, height = 0] = text.split('x').map(Number);
  return { width, height };
}

function contents(resolved: ResolvedRecipe, media: VerifiedMedia, origin: Digest | undefined): Digest {
  return digestOf({
    kernel: media.kernel?.sha256 ?? null,
    initrd: media.initrd?.sha256 ?? null,
    iso: media.iso?.sha256 ?? null,
    ...(origin !== undefined && { base: origin }),
    ...(media.inserts && {
      inserts: Object.fromEntries(Object.entries(media.inserts).map(([name, { sha256 }]) => [name, sha256])),
    }),
    packages: Object.fromEntries(Object.entries(media.disks).map(([id, disk]) => [id, disk.sha256])),
    ...(media.firmware && { firmware: [media.firmware.code.sha256, media.firmware.variables.sha256] }),
    blank: Object.fromEntries((resolved.recipe.machine.disks ?? []).map(({ id, size }) => [id, sizeBytes(size)])),
  });
}
