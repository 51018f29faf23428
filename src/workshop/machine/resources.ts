/** Is there room for this machine? Asked before it starts, because QEMU only finds out in the middle of a build. */
import { statfs } from 'node:fs/promises';
import { UnavailableError } from '../../errors.ts';
import { QEMU_OVERHEAD_MIB } from './limits.ts';

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
