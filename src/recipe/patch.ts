/** Applying a patch: all of it or nothing, to a recipe and to the YAML text that its author wrote. */
import { FailedError, PortalgunError, RefusedError } from '../errors.ts';
import { recipeDigest } from './digest.ts';
import { rewriteYaml } from './layout.ts';
import { applyOperation, notUnderstood, parseOperations } from './operations.ts';
import { parseRecipe } from './parse.ts';
import { formatPath } from './problems.ts';
import { shapeProblems } from './shape.ts';
import type { CheckedRecipe, Operation, Recipe } from './types.ts';

/**
 * The recipe after the operations, checked like any other. Throws RefusedError: `recipe/patch-not-understood` (an
 * operation that this version does not know, wholly), `recipe/patch-stale` (made against something else),
 * `recipe/patch-result-invalid` (it fits, but what comes out is no recipe).
 */
export function applyOperations(recipe: CheckedRecipe, operations: readonly Operation[]): CheckedRecipe {
  const value = recipeStates(recipe.recipe, operations).at(-1);
  if (value === undefined) throw notUnderstood('the operations', 'found none');
  try {
    const result = parseRecipe(rewriteYaml(recipe.source, value), `${recipe.recipe.name} with the patch`);
    if (result.digest !== recipeDigest(value))
      throw new FailedError('recipe/layout', 'the text does not say what the patch says');
    return result;
  } catch (error) {
    if (!(error instanceof PortalgunError)) throw error;
    throw new RefusedError(
      'recipe/patch-result-invalid',
      `The patch is refused: what comes out is no valid recipe. ${error.message}`,
      {
        hint: 'Nothing of it was applied.',
        cause: error,
        facts: error.facts,
      },
    );
  }
}

/** The YAML text after the operations; comments and layout that they do not touch stay. Throws as above, and as `parseRecipe`. */
export function applyToYaml(source: string, operations: readonly Operation[]): string {
  return applyOperations(parseRecipe(source), operations).source;
}

/**
 * The document before the first operation and after each one. Every state has a recipe's shape, so that classify.ts may
 * read it; only the last one has to be a valid recipe.
 */
export function recipeStates(recipe: Recipe, operations: readonly Operation[]): readonly Recipe[] {
  const states = [recipe];
  parseOperations(operations).forEach((operation, index) => {
    const where = `operation ${index + 1} (${operation.op})`;
    const next = applyOperation(states.at(-1) ?? recipe, operation, where);
    const [problem] = shapeProblems(next);
    if (problem !== undefined)
      throw notUnderstood(where, `it leaves no recipe: ${formatPath(problem.path)}: ${problem.message}`);
    states.push(next);
  });
  return states;
}
