import assert from 'node:assert/strict';
import { UsageError } from '../../src/errors.ts';
import { describeOperations, diffRecipes } from '../../src/recipe/diff.ts';
import type { Condition } from '../../src/recipe/types.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { applyOperations } from '../../src/recipe/patch.ts';
import { digestOfStep, recipeOf, replace, sample, sampleWith } from './fixtures.ts';

describe('diffRecipes', () => {
  it('is empty for recipes that differ only in comments and layout', () => {
    assert.deepEqual(diffRecipes(sample(), parseRecipe(sampleWith('# the end', '# The End'))), []);
  });

  it('moves as few steps as it can', () => {
    const steps = (ids: string): string =>
      recipeOf(
        ids
          .split('')
          .map((id) => `  - { id: ${id}, expect: { text: "text ${id}" } }\n`)
          .join(''),
      );
    const operations = diffRecipes(parseRecipe(steps('abcdef')), parseRecipe(steps('fabcde')));
    assert.deepEqual(
      operations.map(({ op }) => op),
      ['move-step'],
    );
  });

  it('turns one recipe into one that has nothing in common with it', () => {
    const other = parseRecipe(recipeOf('  - { id: z, expect: { text: other } }\n'));
    const operations = diffRecipes(sample(), other);
    assert.equal(applyOperations(sample(), operations).digest, other.digest);
  });

  it('says so where one patch cannot hold the difference', () => {
    const steps = (prefix: string): string =>
      recipeOf(Array.from({ length: 40 }, (_, n) => `  - { id: ${prefix}${n}, expect: { text: abc } }\n`).join(''));
    assert.throws(
      () => diffRecipes(parseRecipe(steps('a')), parseRecipe(steps('b'))),
      (error: unknown) =>
        error instanceof UsageError && error.code === 'recipe/too-different' && error.message.includes('80 places'),
    );
  });
});

describe('describeOperations', () => {
  it('reads like a review: what was, what is, and how far it reaches', () => {
    const lines = describeOperations(sample(), [
      replace(sample(), 'language', { expect: { text: 'Choose your location' } }),
      { op: 'remove-step', id: 'partition', was: digestOfStep(sample(), 'partition') },
    ]);
    assert.deepEqual(lines, [
      '1 of 2: step language: expect: the condition is reworded [wording]',
      '  - the text "Select your location"',
      '  + the text "Choose your location"',
      '2 of 2: step partition: the step is removed, and its conditions with it',
      '    [authority]',
      '  - if the text "Force UEFI installation": choose "No"; if the text',
      '    "Partitioning method": choose "Guided"; expect the text "Select disk to',
      '    partition"',
      'Class: authority (what the build may be trusted with), because of 2; the other',
      '    reaches no further than wording (what is looked for)',
    ]);
  });

  it('says once how far all of it reaches where no change reaches less', () => {
    const one = replace(sample(), 'language', { expect: { text: 'Choose your location' } });
    assert.equal(describeOperations(sample(), [one]).at(-1), 'Class: wording (what is looked for)');
  });

  it('shows the time limits where they are what differs', () => {
    const limited = (expect: Condition): string[] => {
      const from = parseRecipe(recipeOf('  - { id: a, expect: { text: Done } }\n'));
      return describeOperations(from, [replace(from, 'a', { expect })]).slice(0, -1);
    };
    assert.deepEqual(limited({ text: 'Done', timeout: '3m' }), [
      'step a: expect: another time limit [wording]',
      '  - the text "Done", with the default time limit',
      '  + the text "Done", for at most 3m',
    ]);
    assert.deepEqual(limited({ any: [{ text: 'Done' }, { text: 'Ready', timeout: '1m' }] }).slice(2), [
      '  + the text "Done", or the text "Ready", the text "Ready" for at most 1m',
    ]);
    assert.deepEqual(limited({ text: 'Done', progress: { text: '%', stall: '30s' } }).slice(2), [
      '  + the text "Done", while "%" changes at least every 30s',
    ]);
  });

  it('keeps to 80 columns, whatever is in the patch', () => {
    const long = 'x'.repeat(900);
    const lines = describeOperations(sample(), [replace(sample(), 'language', { expect: { text: long } })]);
    assert.ok(lines.every((line) => line.length <= 80));
    assert.equal(lines.join('').split('x').length - 1 >= 900, true);
  });
});
