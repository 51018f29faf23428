/**
 * A version of a recipe: subject is the recipe by digest, and its exact YAML text is in the predicate. That the text has
 * this digest is for the reader of recipes to say (recipe/parse.ts): until then it is the author's claim.
 */
import type { Digest } from '../../../crypto/digest.ts';
import { RECIPE_MAX_BYTES } from '../limits.ts';
import type { Draft } from '../statement.ts';
import { PREDICATE, type Meaning } from '../types.ts';
import { Fields } from './fields.ts';
import { digestOfSubject, onlySubject, subjectOf, type Content } from './subjects.ts';

export interface RecipeInput {
  readonly name: string;
  readonly version: string;
  readonly digest: Digest;
  readonly yaml: string;
  readonly lockYaml?: string;
}

export function understandRecipe(content: Content): Meaning {
  const fields = new Fields(content.predicate, 'predicate');
  const name = fields.name('name');
  const version = fields.name('version');
  const yaml = fields.text('yaml', RECIPE_MAX_BYTES);
  const digest = digestOfSubject(onlySubject(content));
  const lock = fields.has('lockYaml') ? { lockYaml: fields.text('lockYaml', RECIPE_MAX_BYTES) } : {};
  return { kind: 'recipe', name, version, digest, yaml, ...lock };
}

export function recipeContent(input: RecipeInput): Draft {
  const { name, version, yaml, lockYaml } = input;
  return {
    subject: [subjectOf(name, input.digest)],
    predicateType: PREDICATE.recipe,
    predicate: { name, version, yaml, ...(lockYaml === undefined ? {} : { lockYaml }) },
  };
}
