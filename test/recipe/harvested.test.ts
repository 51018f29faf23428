import assert from 'node:assert/strict';
import { harvestPlan, withHarvest } from '../../src/recipe/harvested.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import type { CheckedRecipe, Step } from '../../src/recipe/types.ts';

const isBlind = ({ expect }: Step): boolean => expect !== undefined && 'still' in expect;

function recipe(steps: readonly string[]): CheckedRecipe {
  return parseRecipe(
    `# kept\nrecipe: 1\nname: x\nversion: 0.1.0\nmedia: { iso: { file: a.iso, unverified: allow } }\nmachine: { arch: x86_64, memory: 64M, disks: [{ id: root, size: 1G }] }\nsteps:\n${steps.map((step) => `  - ${step}\n`).join('')}`,
  );
}

const LEAD = '{ id: lead, when: { text: Ready }, do: [{ key: a }], expect: { text: Prompt } }';
const BLIND = '{ id: blind, do: [{ serve: { file: a.cfg, content: hello } }, { key: b }], expect: { still: 2s } }';
const MORE = '{ id: more, do: [{ key: c }], expect: { still: 1s } }';
const REST = '{ id: rest, expect: { text: "login:" } }';

describe('steps that were harvested', () => {
  it('are the first blind ones that stand together; what stands before them is done first', () => {
    const plan = harvestPlan(recipe([LEAD, BLIND, MORE, REST, MORE.replace('more', 'last')]), isBlind);
    assert.deepEqual([plan?.from, plan?.to], [1, 3]);
    assert.deepEqual(
      plan?.leading?.recipe.steps.map(({ id }) => id),
      ['lead'],
    );
    assert.deepEqual(
      plan?.kept.map(({ id }) => id),
      ['lead', 'rest', 'last'],
    );
    assert.equal(harvestPlan(recipe([LEAD, REST]), isBlind), undefined);
    assert.equal(harvestPlan(recipe([BLIND]), isBlind)?.leading, undefined);
  });

  it('take their place, with what they served, and leave the rest of the file alone', () => {
    const checked = recipe([BLIND, MORE, REST]);
    const plan = harvestPlan(checked, isBlind) ?? assert.fail();
    const seen: Step[] = [{ id: 'menu', do: [{ key: 'b' }], expect: { text: 'Choose a language' } }];
    const after = withHarvest(checked, plan, seen, [{ disk: 'root', as: 'image' }]);
    assert.deepEqual(after.recipe.steps[0], {
      id: 'menu',
      do: [{ serve: { file: 'a.cfg', content: 'hello' } }, { key: 'b' }],
      expect: { text: 'Choose a language' },
    });
    assert.deepEqual(
      after.recipe.steps.map(({ id }) => id),
      ['menu', 'rest'],
    );
    assert.deepEqual(after.recipe.outputs, [{ disk: 'root', as: 'image' }]);
    assert.match(after.source, /^# kept\n/);
  });

  it('that nothing new confirms are confirmed by what the next step waits for, if it waits for something', () => {
    const vain: Step[] = [{ id: 'vain', do: [{ key: 'b' }], expect: { changed: true } }];
    const followed = recipe([MORE, REST]);
    const plan = harvestPlan(followed, isBlind) ?? assert.fail();
    assert.equal(withHarvest(followed, plan, vain, []).recipe.steps[0]?.expect, undefined);
    const alone = recipe([MORE]);
    const end = harvestPlan(alone, isBlind) ?? assert.fail();
    assert.deepEqual(withHarvest(alone, end, vain, []).recipe.steps[0]?.expect, { changed: true });
  });
});
