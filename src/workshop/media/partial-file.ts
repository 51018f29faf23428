/**
 * What has come of a download that was cut short. It lies in a folder of its own, under a name that says whose it is and that
 * is no digest: nothing ever looks for a verified file there.
 *
 * `KEY.PID-RANDOM.part` belongs to the process PID, which writes to it; PID 0 is nobody. Whoever goes on with one renames it
 * first, which only one can do.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../../errors.ts';
import { isRunning } from '../../running.ts';
import { listDirectory, unlessMissing } from './atomic-file.ts';
import { PARTIAL_KEPT_MS } from './limits.ts';

const NOBODY = 0;
const NAME = /^([0-9a-f]{32})\.(\d{1,10})-[0-9a-f]{12}\.part$/;

export const PARTIAL = 'partial';

export interface PartialFile {
  readonly path: string;
  /** What is there already; 0 where nothing is, and no file. */
  readonly sizeBytes: number;
  /** For the next try, of whatever process. */
  release(): Promise<void>;
  remove(): Promise<void>;
}

/** `key`: 32 hex digits that stand for one exact file. */
export async function claimPartial(cacheDir: string, key: string): Promise<PartialFile> {
  const folder = join(cacheDir, PARTIAL);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const named = (pid: number) => join(folder, `${key}.${pid}-${randomBytes(6).toString('hex')}.part`);
  const path = named(process.pid);
  let sizeBytes = 0;
  for (const name of await listDirectory(folder)) {
    const match = NAME.exec(name);
    if (match?.[1] !== key || isAlive(Number(match[2]))) continue;
    const taken = await rename(join(folder, name), path).then(() => true, unlessTaken);
    if (!taken) continue;
    sizeBytes = (await stat(path)).size;
    break;
  }
  return {
    path,
    sizeBytes,
    release: () => rename(path, named(NOBODY)).catch(unlessMissing),
    remove: () => rm(path, { force: true }),
  };
}

/** What is there of downloads that are not complete. */
export async function partialFiles(cacheDir: string): Promise<{ readonly sizeBytes: number }[]> {
  const folder = join(cacheDir, PARTIAL);
  const found: { sizeBytes: number }[] = [];
  for (const name of await listDirectory(folder)) {
    const there = NAME.test(name) ? await stat(join(folder, name)).catch(unlessMissing) : undefined;
    if (there) found.push({ sizeBytes: there.size });
  }
  return found;
}

/** Removes what nobody has gone on with for a week. */
export async function sweepPartial(cacheDir: string, now: Date): Promise<void> {
  const folder = join(cacheDir, PARTIAL);
  for (const name of await listDirectory(folder)) {
    const pid = NAME.exec(name)?.[2];
    const found = await stat(join(folder, name)).catch(unlessMissing);
    if (!found || pid === undefined || isAlive(Number(pid))) continue;
    if (now.getTime() - found.mtimeMs > PARTIAL_KEPT_MS) await rm(join(folder, name), { force: true });
  }
}

/** A process that took the number of one that died is taken for it: then what it had is not gone on with, and no more. */
function isAlive(pid: number): boolean {
  return pid !== NOBODY && isRunning(pid);
}

function unlessTaken(error: unknown): false {
  if (errnoOf(error) === 'ENOENT') return false;
  throw error;
}
