/** A recipe by what a person types: a file, `author/name[@version]`, or a digest. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isDigest } from '../crypto/digest.ts';
import { errnoOf, UsageError } from '../errors.ts';
import { parseLock } from '../recipe/lock.ts';
import { parseRecipe } from '../recipe/parse.ts';
import type { CheckedRecipe, Lock } from '../recipe/types.ts';
import type { HomeConnection } from './connect.ts';

export interface RecipeSource {
  readonly checked: CheckedRecipe;
  /** Where its local files are, and where its lock goes; absent for a recipe out of the store. */
  readonly file: string | undefined;
  readonly folder: string;
  readonly lock: Lock | undefined;
}

/** Rejects with `recipe/not-found`, `recipe/unknown` or `recipe/invalid`. */
export async function loadRecipe(reference: string, home: HomeConnection, signal: AbortSignal): Promise<RecipeSource> {
  if (isDigest(reference) || (/^[^./][^/]*\/[^/]+$/.test(reference) && !/\.ya?ml$/.test(reference))) {
    const { yaml, lockYaml } = await home.call<{ yaml: string; lockYaml?: string }>(
      'recipe.get',
      { recipe: reference },
      signal,
    );
    const lock = lockYaml === undefined ? undefined : parseLock(lockYaml);
    return { checked: parseRecipe(yaml, reference), file: undefined, folder: process.cwd(), lock };
  }
  const file = path.resolve(reference);
  const yaml = await readIfThere(file);
  if (yaml === undefined) {
    throw new UsageError('recipe/not-found', `there is no recipe file ${reference}`, {
      hint: 'Name a file, or a published recipe as author/name (portalgun recipe list shows them).',
    });
  }
  const lockText = await readIfThere(lockFileOf(file));
  return {
    checked: parseRecipe(yaml, reference),
    file,
    folder: path.dirname(file),
    lock: lockText === undefined ? undefined : parseLock(lockText),
  };
}

export function lockFileOf(recipeFile: string): string {
  return recipeFile.replace(/\.ya?ml$/, '.lock.yaml');
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    if (errnoOf(error) === 'EISDIR') {
      throw new UsageError('recipe/is-a-folder', `${file} is a folder, not a recipe file`, {
        hint: 'Name a file in it.',
        cause: error,
      });
    }
    throw error;
  }
}
