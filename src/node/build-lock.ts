/** One build at a time in one home. The lock is a file with the owner's process id; a dead owner's lock is taken over. */
import { open, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf, FailedError } from '../errors.ts';
import type { Home } from './home.ts';

/** Resolves with the function that releases it. Rejects with `build/busy`, naming the process that holds it. */
export async function takeBuildLock(home: Home): Promise<() => Promise<void>> {
  const file = path.join(home.runtime, 'build.lock');
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const handle = await open(file, 'wx', 0o600);
      await handle.writeFile(String(process.pid));
      await handle.close();
      return () => rm(file, { force: true });
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
    const owner = await ownerOf(file);
    if (owner !== undefined && isAlive(owner)) {
      throw new FailedError('build/busy', `another build runs in this home (process ${owner}).`, {
        hint: 'Wait for it, or use another home with PORTALGUN_HOME.',
        facts: { process: owner },
      });
    }
    await rm(file, { force: true }); // its owner was killed
  }
  throw new FailedError('build/busy', 'other builds keep starting in this home.', { hint: 'Try again.' });
}

async function ownerOf(file: string): Promise<number | undefined> {
  try {
    const pid = Number(await readFile(file, 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
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
