/** A recipe by what a person types: a file, `author/name[@version]`, or a digest. */
import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { isDigest } from '../crypto/digest.ts';
import { errnoOf, RefusedError, UsageError } from '../errors.ts';
import { parseLock } from '../recipe/lock.ts';
import { parseRecipe } from '../recipe/parse.ts';
import type { CheckedRecipe, Lock } from '../recipe/types.ts';
import type { HomeConnection } from './connect.ts';

export interface RecipeSource {
  readonly checked: CheckedRecipe;
  /** What stays the same from version to version: the file, or author and name of one that was published. */
  readonly origin: string;
  /** Where its local files are, and where its lock goes; absent for a recipe out of the store. */
  readonly file: string | undefined;
  readonly folder: string;
  readonly lock: Lock | undefined;
}

/** Rejects with `recipe/not-found`, `recipe/unknown` or `recipe/invalid`. */
export async function loadRecipe(reference: string, home: HomeConnection, signal: AbortSignal): Promise<RecipeSource> {
  if (isDigest(reference) || (/^[^./][^/]*\/[^/]+$/.test(reference) && !/\.ya?ml$/.test(reference))) {
    const { author, yaml, lockYaml } = await home.call<{ author: string; yaml: string; lockYaml?: string }>(
      'recipe.get',
      { recipe: reference },
      signal,
    );
    const lock = lockYaml === undefined ? undefined : parseLock(lockYaml);
    const checked = parseRecipe(yaml, reference);
    refuseUnnamedFiles(checked, reference);
    const origin = `author:${author}/${checked.recipe.name}`;
    return { checked, origin, file: undefined, folder: process.cwd(), lock };
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
    origin: `file:${await realpath(file)}`,
    file,
    folder: path.dirname(file),
    lock: lockText === undefined ? undefined : parseLock(lockText),
  };
}

/**
 * A recipe of a peer's may use a file beside it only by its digest, which its author knows. A file that just happens to be
 * in the folder where somebody builds is not the author's to put into a guest, nor its digest into an attestation.
 */
function refuseUnnamedFiles({ recipe }: CheckedRecipe, reference: string): void {
  for (const [name, medium] of Object.entries(recipe.media ?? {})) {
    if (!('file' in medium) || medium.sha256 !== undefined) continue;
    throw new RefusedError(
      'recipe/unverified-file',
      `${reference} asks for whatever file is called ${medium.file} here (medium ${name}), without saying its sha256.`,
      { hint: 'If you trust it, save the recipe as a file beside that medium, and build the file.' },
    );
  }
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
