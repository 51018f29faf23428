/** One build at a time in one home. The lock is a file that says who owns it; a dead owner's lock is taken over. */
import { randomBytes } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf, FailedError } from '../errors.ts';
import type { Home } from './home.ts';

/** Resolves with the function that releases it. Rejects with `build/busy`, naming the process that holds it. */
export async function takeBuildLock(home: Home): Promise<() => Promise<void>> {
  const file = path.join(home.runtime, 'build.lock');
  // Written whole before it gets its name: nobody ever reads a lock that does not say yet whose it is.
  const mine = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(mine, `${process.pid} ${(await startOf(process.pid)) ?? ''}`, { flag: 'wx', mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      try {
        await link(mine, file);
        return () => rm(file, { force: true });
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error;
      }
      const owner = await livingOwner(file);
      if (owner !== undefined) {
        throw new FailedError('build/busy', `another build runs in this home (process ${owner}).`, {
          hint: 'Wait for it, or use another home with PORTALGUN_HOME.',
          facts: { process: owner },
        });
      }
      await rm(file, { force: true }); // its owner was killed
    }
  } finally {
    await rm(mine, { force: true });
  }
  throw new FailedError('build/busy', 'other builds keep starting in this home.', { hint: 'Try again.' });
}

async function livingOwner(file: string): Promise<number | undefined> {
  const text = await readIfThere(file);
  const [, digits, started = ''] = /^(\d+) (\d*)$/.exec(text ?? '') ?? [];
  const pid = Number(digits);
  if (!Number.isSafeInteger(pid) || pid <= 0 || !isAlive(pid)) return undefined;
  // Process ids are used again: a living one that started at another time is somebody else.
  return started === ((await startOf(pid)) ?? '') ? pid : undefined;
}

/** When a process started, in clock ticks since boot (proc_pid_stat(5), field 22); undefined where there is no /proc. */
async function startOf(pid: number): Promise<string | undefined> {
  const text = await readIfThere(`/proc/${pid}/stat`);
  // The second field is the program's name in brackets and may hold anything.
  return text
    ?.slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .at(19);
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}
