/** Files that are either the old ones or the new ones, whole, whatever happens in between. */
import { randomBytes } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from '../errors.ts';

/** Temporary file beside the target, fsync, rename, fsync of the folder. */
export async function writeFileAtomic(file: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  const temporary = await writtenBeside(file, data, mode);
  try {
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolderOf(file);
}

/** The same for a file that is never replaced: false, and nothing is written, where there is one. Of many at once one makes it. */
export async function createFileAtomic(file: string, data: string | Uint8Array, mode = 0o600): Promise<boolean> {
  const temporary = await writtenBeside(file, data, mode);
  try {
    await link(temporary, file);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolderOf(file);
  return true;
}

async function writtenBeside(file: string, data: string | Uint8Array, mode: number): Promise<string> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return temporary;
}

async function syncFolderOf(file: string): Promise<void> {
  const folder = await open(path.dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
