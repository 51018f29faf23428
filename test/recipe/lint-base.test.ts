import assert from 'node:assert/strict';
import { UsageError } from '../../src/errors.ts';
import { lintBase } from '../../src/recipe/lint-base.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import type { CheckedRecipe } from '../../src/recipe/types.ts';
import { recipeOf } from './fixtures.ts';

const END = '  - { id: end, expect: { text: Installed } }\n';
const OWN = '  - { id: own, expect: { text: Done } }\n';
const parent = parseRecipe(recipeOf(END, 'params: { word: { type: string } }\nprovides: [prompt]\n'));

function child(rest: string, steps = OWN, params = ''): CheckedRecipe {
  const base = `base: { recipe: small, digest: "${parent.digest}"${params} }`;
  return parseRecipe(`recipe: 1\nname: child\nversion: 1.0.0\nsummary: s\n${base}\n${rest}steps:\n${steps}`);
}

describe('lint of a recipe with a base', () => {
  it('finds nothing where it fits, whatever parameters are still to be given', () => {
    assert.deepEqual(lintBase(child('requires: [prompt]\n'), [parent]), []);
  });

  it('calls each thing that does not fit an error, at the line of the base', () => {
    const found = lintBase(child('requires: [network]\n', END, ', params: { word: x }'), [parent]);
    assert.deepEqual(
      found.map(({ severity, line, message }) => [severity, line, message]),
      [
        ['error', 5, 'requires: small does not provide "network"; it provides prompt'],
        ['error', 5, 'steps: small has a step "end" already'],
      ],
    );
  });

  it('says so where the base is not at hand, or another one', () => {
    const missing = new UsageError('recipe/base-not-found', 'the base small is not known here');
    assert.deepEqual(lintBase(child(''), missing), [
      { severity: 'warning', line: 5, message: 'not checked: the base small is not known here' },
    ]);
    const [other] = lintBase(child(''), [parseRecipe(parent.source.replace('1.0.0', '1.0.1'))]);
    assert.match(other?.message ?? '', /is based on small with the digest/);
  });
});
