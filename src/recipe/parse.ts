/** From YAML text to a `CheckedRecipe`: the only door by which a recipe comes in, whoever wrote it. */
import { MAX_SOURCE_BYTES } from './limits.ts';
import { recipeDigest } from './digest.ts';
import { deepFreeze } from './freeze.ts';
import { meaningProblems } from './meaning.ts';
import { invalidFile, type Path } from './problems.ts';
import { shapeProblems } from './shape.ts';
import { readYaml } from './yaml-reader.ts';
import type { CheckedRecipe, Recipe } from './types.ts';

/**
 * Checks text, shape and meaning, in this order, and reports all problems of the first of them that has any.
 * Throws UsageError `recipe/invalid`; `facts.problems` holds each with line, column, path and message.
 */
export function parseRecipe(source: string, fileName = 'recipe'): CheckedRecipe {
  const hint = 'docs/recipe.md describes every field; `portalgun recipe new NAME` writes a recipe to start from.';
  const reading = readYaml(source, MAX_SOURCE_BYTES, mayHaveLines);
  if (!reading.ok) throw invalidFile('recipe/invalid', fileName, reading.problems, hint);
  const { yaml } = reading;
  const shape = shapeProblems(yaml.value);
  if (shape.length > 0) throw invalidFile('recipe/invalid', fileName, shape.map(yaml.place), hint);
  const recipe = yaml.value as Recipe;
  const meaning = meaningProblems(recipe);
  if (meaning.length > 0) throw invalidFile('recipe/invalid', fileName, meaning.map(yaml.place), hint);
  return { recipe: deepFreeze(recipe), digest: recipeDigest(recipe), source } as CheckedRecipe;
}

/** Inline and served files, what is written to the serial console, and the content of normaliser rules. */
function mayHaveLines(path: Path): boolean {
  return (
    path.at(-2) === 'files' ||
    (path.at(-2) === 'serve' && path.at(-1) === 'content') ||
    path.at(-1) === 'serial' ||
    (path[0] === 'normalise' && path.at(-1) === 'content')
  );
}
