/**
 * One build at a time in one home. Whoever wants to build first puts up a claim of their own, a file named by process,
 * and then looks whether a living process has one too. Of two who come at the same moment at least one sees the other, so
 * two never hold it; and since nobody ever takes over another's file, no living claim is removed by mistake.
 */
import { randomInt } from 'node:crypto';
import { readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { errnoOf, FailedError } from '../errors.ts';
import { isRunning, startOf } from '../running.ts';
import type { Home } from './home.ts';

/** `build-PID-STARTED.lock`: process id, and when that process started (0 where that cannot be known). */
const CLAIM = /^build-([1-9]\d{0,9})-(\d{1,20})\.lock$/;

/** Two who see each other both step back, and come again at a moment of their own. */
const ATTEMPTS = 8;
const STEP_BACK_MS = 25;

/** Resolves with the function that releases it. Rejects with `build/busy`, naming the process that holds it. */
export async function takeBuildLock(home: Home): Promise<() => Promise<void>> {
  const mine = path.join(home.runtime, `build-${process.pid}-${(await startOf(process.pid)) ?? '0'}.lock`);
  const release = (): Promise<void> => rm(mine, { force: true });
  for (let attempt = 1; ; attempt += 1) {
    try {
      await writeFile(mine, '', { flag: 'wx', mode: 0o600 });
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      throw busy(process.pid); // this very process builds already
    }
    const other = await otherClaim(home.runtime, path.basename(mine)).catch(async (error: unknown) => {
      await release();
      throw error;
    });
    if (other === undefined) return release;
    await release();
    if (attempt === ATTEMPTS) throw busy(other);
    await setTimeout(randomInt(attempt * STEP_BACK_MS));
  }
}

function busy(owner: number): FailedError {
  return new FailedError('build/busy', `another build runs in this home (process ${owner}).`, {
    hint: 'Wait for it, or use another home with PORTALGUN_HOME.',
    facts: { process: owner },
  });
}

/** The process id of a living one that has a claim here. Claims of dead ones are removed on the way. */
async function otherClaim(folder: string, mine: string): Promise<number | undefined> {
  for (const name of await readdir(folder)) {
    const [, digits, started = ''] = CLAIM.exec(name) ?? [];
    if (digits === undefined || name === mine) continue;
    const pid = Number(digits);
    // Process ids are used again: a living one that started at another time is somebody else.
    if (isRunning(pid) && ((await startOf(pid)) ?? '0') === started) return pid;
    await rm(path.join(folder, name), { force: true });
  }
  return undefined;
}
