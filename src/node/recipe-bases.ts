/** The bases of a recipe, found by what it says of them: name and digest. A digest is one text, wherever it lies. */
import path from 'node:path';
import { PortalgunError, UsageError } from '../errors.ts';
import { MAX_BASES } from '../recipe/limits.ts';
import type { Base } from '../recipe/types.ts';
import type { HomeConnection } from './connect.ts';
import { loadRecipe, type RecipeSource } from './recipe-source.ts';

/**
 * The recipe's base, the base of that, and so on: as a file of that name beside a recipe that is a file itself, else as
 * somebody published it. A recipe out of the store never leads to a file of this machine. Rejects with
 * `recipe/base-not-found`, `recipe/base-changed`, `recipe/too-many-bases`.
 */
export async function findBases(
  source: RecipeSource,
  home: HomeConnection,
  signal: AbortSignal,
): Promise<readonly RecipeSource[]> {
  const found: RecipeSource[] = [];
  for (let at = source; at.checked.recipe.base !== undefined;) {
    if (found.length === MAX_BASES) {
      throw new UsageError('recipe/too-many-bases', `${source.checked.recipe.name} has more than ${MAX_BASES} bases`, {
        hint: 'Write the steps of some of them into one recipe.',
      });
    }
    at = await findBase(at.checked.recipe.base, at, home, signal);
    found.push(at);
  }
  return found;
}

async function findBase(
  base: Base,
  of: RecipeSource,
  home: HomeConnection,
  signal: AbortSignal,
): Promise<RecipeSource> {
  const beside = await besideFile(base, of, home, signal);
  if (beside?.checked.digest === base.digest) return beside;
  try {
    return await loadRecipe(base.digest, home, signal);
  } catch (cause) {
    if (!(cause instanceof PortalgunError) || cause.code !== 'recipe/unknown') throw cause;
    const facts = { recipe: base.recipe, digest: base.digest, ...(beside && { found: beside.checked.digest }) };
    if (beside !== undefined) {
      throw new UsageError(
        'recipe/base-changed',
        `${beside.file} has the digest ${beside.checked.digest}, but the recipe is based on ${base.digest}.`,
        { hint: 'If its change is meant, write its digest into base.digest.', facts, cause },
      );
    }
    throw new UsageError('recipe/base-not-found', `the base ${base.recipe} (${base.digest}) is not known here`, {
      hint: 'Put its file beside the recipe, or fetch what peers have published: portalgun node sync',
      facts,
      cause,
    });
  }
}

async function besideFile(
  base: Base,
  { file, folder }: RecipeSource,
  home: HomeConnection,
  signal: AbortSignal,
): Promise<RecipeSource | undefined> {
  if (file === undefined) return undefined;
  const name = base.recipe.split('/').at(-1) ?? '';
  try {
    return await loadRecipe(path.join(folder, `${name}.yaml`), home, signal);
  } catch (error) {
    if (error instanceof PortalgunError && error.code === 'recipe/not-found') return undefined;
    throw error;
  }
}
