/** A recipe file that a person names: read, with its lock beside it, or to be written where nothing is yet. */
import { access, readFile } from 'node:fs/promises';
import { errnoOf, UsageError } from '../errors.ts';
import { lockFileOf } from '../node/recipe-source.ts';
import { parseLock } from '../recipe/lock.ts';
import type { Lock } from '../recipe/types.ts';

export async function readRecipeFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError('recipe/not-found', `cannot read ${file}`, { cause });
  }
}

export async function lockBeside(recipe: string): Promise<Lock | undefined> {
  try {
    return parseLock(await readFile(lockFileOf(recipe), 'utf8'));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Nothing is written over. `hint` says how another name is given. */
export async function refuseExisting(file: string, hint: string): Promise<void> {
  try {
    await access(file);
  } catch {
    return; // absent, as wished
  }
  throw new UsageError('recipe/exists', `${file} exists already`, { hint });
}

export function refuseOtherThanYaml(file: string): void {
  if (!/\.ya?ml$/.test(file)) throw new UsageError('record/not-yaml', `${file}: a recipe file ends in .yaml`);
}
