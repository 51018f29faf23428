/** Files that appear whole or not at all, also when two builds make the same one at once. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf, UnavailableError } from '../../errors.ts';
import { STALE_TEMPORARY_MS } from './limits.ts';

const TEMPORARY = '.tmp-';

/**
 * `fill` writes the temporary file whose path it gets; it is synced and renamed to `path` when `fill` is done. Whoever
 * renames last wins, which is right for files that are named by their content.
 *
 * Throws `media/disk-full` when there is no room.
 */
export async function writeAtomically(path: string, fill: (temporaryPath: string) => Promise<void>): Promise<void> {
  await writeNamedByContent(dirname(path), async (temporary) => {
    await fill(temporary);
    return path;
  });
}

/** The same for a file whose path is known only once it is written: `fill` gives it back. */
export async function writeNamedByContent(
  directory: string,
  fill: (temporaryPath: string) => Promise<string>,
): Promise<void> {
  const temporary = temporaryPath(directory, 'file');
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const path = await fill(temporary);
    const handle = await open(temporary, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw withoutRoom(error, directory);
  }
}

/** A path in `directory` that no other process uses. */
export function temporaryPath(directory: string, name: string): string {
  return join(directory, `${TEMPORARY}${name}-${process.pid}-${randomBytes(6).toString('hex')}`);
}

/** Removes what processes that died have left behind in `directory`. */
export async function sweepTemporary(directory: string, now: Date): Promise<void> {
  for (const name of await listDirectory(directory)) {
    if (!name.startsWith(TEMPORARY)) continue;
    const path = join(directory, name);
    const found = await stat(path).catch(unlessMissing);
    if (found && now.getTime() - found.mtimeMs > STALE_TEMPORARY_MS) await rm(path, { force: true, recursive: true });
  }
}

/** Names in a directory, sorted; none if it does not exist. */
export async function listDirectory(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(unlessMissing);
  return (names ?? []).sort();
}

/** For `.catch`: a missing file is `undefined`, anything else is thrown on. */
export function unlessMissing(error: unknown): undefined {
  if (errnoOf(error) === 'ENOENT') return undefined;
  throw error;
}

/** Turns "no space left on device" into an error that says what to do; gives back any other error as it is. */
export function withoutRoom(error: unknown, path: string): unknown {
  const code = errnoOf(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new UnavailableError('media/disk-full', `There is no room left for ${path}.`, {
    hint: 'free some space, or set another folder for the media cache, and run the command again',
    facts: { path },
    cause: error,
  });
}
