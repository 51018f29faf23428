/** A build on what is another host, as far as one host can be two: another time of day, one cpu instead of all, another name. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { canSurround } from '../../src/workshop/machine/index.ts';
import { argvOf, outcomeOf, ROOT, type Answer } from './cli.ts';
import { lastCpu } from './cpus.ts';
import type { TestHome } from './temp-home.ts';

/**
 * Day is night: whatever this host writes down. QEMU is told the guest's clock, or has the real one. Below the age of which
 * package lists are fetched anew: those of the cache that all tests share would be, and dated ahead.
 */
const LATER = '+11h';

/** The name only as far as this user may give one. Needs faketime. Resolves with the build's record. */
export async function buildElsewhere(
  { environment }: Pick<TestHome, 'environment'>,
  recipe: string,
  ...flags: readonly string[]
): Promise<Answer> {
  const can = await canSurround();
  const renamed = can.hostName ? ['unshare', '--uts', 'sh', '-c', 'hostname elsewhere && exec "$@"', 'sh'] : [];
  const pinned = can.cpu ? ['sh', '-c', `taskset -cp ${lastCpu()} $$ >/dev/null 2>&1; exec "$@"`, 'sh'] : [];
  const later = ['faketime', '--exclude-monotonic', '-f', LATER];
  const build = argvOf(['build', recipe, '--repair', 'never', ...flags, '--json']);
  const [program = '', ...args] = [...renamed, ...pinned, ...later, ...build];
  const { code, stdout, stderr } = await outcomeOf(
    spawn(program, args, { cwd: ROOT, env: environment, stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  assert.equal(code, 0, stdout.slice(-4000) + stderr);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '').build;
}

/** A copy of a recipe in the home's folder; with the lock of somebody else's copy, where that is given. Resolves with its path. */
export async function copyRecipe({ folder }: TestHome, shipped: string, theirs?: string): Promise<string> {
  const recipe = path.join(folder, path.basename(shipped));
  await copyFile(shipped, recipe);
  if (theirs !== undefined) await copyFile(lockOf(theirs), lockOf(recipe));
  return recipe;
}

const lockOf = (recipe: string): string => recipe.replace(/\.yaml$/, '.lock.yaml');
