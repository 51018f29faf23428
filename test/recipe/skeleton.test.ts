import assert from 'node:assert/strict';
import { skeletonFrom, skeletonOf, withSteps } from '../../src/recipe/skeleton.ts';
import type { Step } from '../../src/recipe/types.ts';

const STEP: Step = { id: 'one', when: { text: 'GNU GRUB' }, do: [{ key: 'c' }], expect: { text: 'grub>' } };
const iso = { package: 'grub-rescue-pc', path: 'boot.iso' };
const HEAD = `recipe: 1
name: mine
version: 1.0.0
summary: A machine # that I like
media: { iso: { package: grub-rescue-pc, path: boot.iso } }
machine: { arch: x86_64, memory: 64M, disks: [{ id: root, size: 1G }] }
`;

describe('a recipe without steps', () => {
  it('is made of parts, and becomes a recipe with the steps that come', () => {
    const skeleton = skeletonOf({ name: 'mine', media: { iso }, memory: '64M', disks: [] });
    assert.equal(skeleton.hasSteps, false);
    const { recipe, source } = withSteps(skeleton, [STEP], []);
    assert.deepEqual(recipe.steps, [STEP]);
    assert.deepEqual(recipe.media, { iso });
    assert.match(source, /^steps:\n {2}- id: one\n/m);
  });

  it('is read from a file without steps, however that says so', () => {
    for (const rest of ['', 'steps:\n', 'steps: []\n', 'steps: # none yet\n']) {
      const { recipe, source } = withSteps(
        skeletonFrom(HEAD + rest, 'mine.yaml'),
        [STEP],
        [{ disk: 'root', as: 'image' }],
      );
      assert.deepEqual(recipe.steps, [STEP], rest);
      assert.deepEqual(recipe.outputs, [{ disk: 'root', as: 'image' }]);
      assert.match(source, /# that I like/);
    }
  });

  it('keeps the steps that a file has, before those that come', () => {
    const skeleton = skeletonFrom(`${HEAD}steps:\n  - { id: zero, expect: { text: GNU } }\n`, 'mine.yaml');
    assert.equal(skeleton.hasSteps, true);
    const { steps } = withSteps(skeleton, [STEP], []).recipe;
    assert.deepEqual(
      steps.map(({ id }) => id),
      ['zero', 'one'],
    );
  });

  it('is refused where nothing was recorded, or the file is no recipe otherwise', () => {
    const skeleton = skeletonOf({ name: 'mine', media: { iso }, memory: '64M', disks: [] });
    assert.throws(() => withSteps(skeleton, [], []), { code: 'record/nothing' });
    assert.throws(() => skeletonFrom('recipe: 1\n', 'mine.yaml'), { code: 'recipe/invalid' });
    assert.throws(() => skeletonOf({ name: 'No Name', media: { iso }, memory: '64M', disks: [] }), {
      code: 'recipe/invalid',
    });
  });
});
