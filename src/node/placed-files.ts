/**
 * Files for a person, in a folder of theirs. They are written under names of their own, and get the names that they are to
 * have once all of them are whole and on the disk: the last one last. What a killed process has left is removed by the next.
 */
import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { link, lstat, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf, UsageError } from '../errors.ts';
import { isRunning } from '../running.ts';

export interface PlacedFiles {
  /** Where to write what will be `name`, one of the names. */
  partial(name: string): string;
  /** Gives the files that were written their names, in the order of the names. Rejects with `export/exists`: then none is new. */
  place(): Promise<void>;
  /** Removes what has no name yet. Safe after `place`, and twice. */
  discard(): Promise<void>;
}

const PARTIAL = /^\.portalgun-partial-(\d{1,10})-[0-9a-f]{12}-\d$/;

/**
 * `names`: all of them are to be written. `force`: files that are there already are replaced, and nothing else is. Rejects
 * with `export/exists`, `export/no-file` or `export/no-folder`.
 */
export async function placeFiles(folder: string, names: readonly string[], force: boolean): Promise<PlacedFiles> {
  await sweep(folder);
  for (const name of names) await (force ? refuseOtherThanFile : refuseExisting)(path.join(folder, name));
  const mark = `.portalgun-partial-${process.pid}-${randomBytes(6).toString('hex')}-`;
  const partial = (name: string): string => path.join(folder, `${mark}${names.indexOf(name)}`);
  return {
    partial,
    async place() {
      for (const name of names) await sync(partial(name));
      const placed: string[] = [];
      try {
        for (const name of names) {
          const target = path.join(folder, name);
          if (force) await rename(partial(name), target);
          else await renameNew(partial(name), target);
          placed.push(target);
        }
      } catch (error) {
        // Somebody else has made one of them meanwhile: ours are of no use without it.
        if (!force) for (const target of placed) await rm(target, { force: true });
        throw error;
      }
      await sync(folder);
    },
    async discard() {
      for (const name of names) await rm(partial(name), { force: true });
    },
  };
}

async function refuseExisting(file: string): Promise<void> {
  if ((await lstatIfThere(file)) !== undefined) throw exists(file);
}

async function lstatIfThere(file: string): Promise<Stats | undefined> {
  try {
    return await lstat(file);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** A device, which rename(2) would take the place of, or a folder, at which it would fail when others have been replaced. */
async function refuseOtherThanFile(file: string): Promise<void> {
  const found = await lstatIfThere(file);
  if (found === undefined || found.isFile() || found.isSymbolicLink()) return;
  throw new UsageError('export/no-file', `${file} is there already, and is no file that could be replaced`, {
    hint: 'Give another name with --output.',
    facts: { file },
  });
}

/** rename(2) replaces; link(2) does not. Where a file system has no links, whoever comes in between is replaced. */
async function renameNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw exists(to);
    await refuseExisting(to);
    await rename(from, to);
    return;
  }
  await rm(from);
}

/** Removes what processes that are gone have left, where it may: in a folder of many people some of it is others'. */
async function sweep(folder: string): Promise<void> {
  let found: string[];
  try {
    found = await readdir(folder);
  } catch (cause) {
    throw new UsageError('export/no-folder', `cannot look into the folder ${folder}: ${String(errnoOf(cause))}`, {
      hint: 'Make it, or name another one with --output.',
      cause,
    });
  }
  for (const name of found) {
    const [, pid] = PARTIAL.exec(name) ?? [];
    if (pid === undefined || isRunning(Number(pid))) continue;
    await rm(path.join(folder, name), { force: true }).catch(() => undefined);
  }
}

async function sync(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function exists(file: string): UsageError {
  return new UsageError('export/exists', `${file} is there already`, {
    hint: 'Give another name with --output, or --force to replace it.',
    facts: { file },
  });
}
