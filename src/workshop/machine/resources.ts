/** Is there room for this machine? Asked before it starts, because QEMU only finds out in the middle of a build. */
import { statfs } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { UnavailableError } from '../../errors.ts';
import { QEMU_OVERHEAD_MIB, SPARE_MEMORY_MIB } from './limits.ts';

const MIB = 1024 * 1024;

/** Throws `machine/too-little-memory`. `availableBytes`: what the system (or the container) can still give. */
export function checkMemory(memoryMiB: number, availableBytes: number = process.availableMemory()): void {
  const neededMiB = memoryMiB + QEMU_OVERHEAD_MIB;
  const availableMiB = Math.floor(availableBytes / MIB);
  if (availableMiB >= neededMiB) return;
  throw new UnavailableError(
    'machine/too-little-memory',
    `this machine needs ${neededMiB} MiB of memory (${memoryMiB} for the guest), ${availableMiB} MiB are free`,
    { hint: 'end other programs or machines, or give the recipe less memory', facts: { neededMiB, availableMiB } },
  );
}

export interface HostRoom {
  /** What the system (or the container) can still give. */
  readonly availableBytes: number;
  readonly processors: number;
}

/**
 * Whether machines that could run one behind the other may as well run at once. Each wants a processor, or nothing is won by
 * it and their waits only get longer; and memory, or the second would fail where it need not.
 */
export function fitAtOnce(memoriesMiB: readonly number[], room: HostRoom = roomOfHost()): boolean {
  const neededMiB = memoriesMiB.reduce((sum, each) => sum + each + QEMU_OVERHEAD_MIB, SPARE_MEMORY_MIB);
  return room.processors >= memoriesMiB.length && room.availableBytes >= neededMiB * MIB;
}

function roomOfHost(): HostRoom {
  return { availableBytes: process.availableMemory(), processors: availableParallelism() };
}

/** Throws `machine/too-little-disk` where the file system of `folder` has less than `neededBytes` free. */
export async function checkDisk(folder: string, neededBytes: number, free = freeBytes): Promise<void> {
  const availableBytes = await free(folder);
  if (availableBytes >= neededBytes) return;
  const [neededMiB, availableMiB] = [Math.ceil(neededBytes / MIB), Math.floor(availableBytes / MIB)];
  throw new UnavailableError(
    'machine/too-little-disk',
    `${folder} needs ${neededMiB} MiB free, it has ${availableMiB} MiB`,
    {
      hint: 'remove old images or checkpoints (`portalgun images`), or use another home',
      facts: { folder, neededMiB, availableMiB },
    },
  );
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
