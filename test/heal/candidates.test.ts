/** Which published patches may be tried on a failing step, and in which order. */
import assert from 'node:assert/strict';
import { digestOf } from '../../src/crypto/canonical.ts';
import { sha256 } from '../../src/crypto/digest.ts';
import type { Apply, Decision } from '../../src/exchange/trust/types.ts';
import { candidatesFor, symptomOf, type PublishedPatch } from '../../src/heal/index.ts';
import type { PatchMeaning } from '../../src/heal/candidates.ts';
import { applyOperations } from '../../src/recipe/patch.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import type { Operation } from '../../src/recipe/types.ts';
import { digestOfStep, replace, sample, sampleWith, stepOf } from '../recipe/fixtures.ts';
import { author, patchBy } from './patches.ts';

const recipe = sample();
const other = parseRecipe(sampleWith('version: 1.0.0', 'version: 1.0.1'), 'other.yaml');
const failing = {
  recipe,
  stepId: 'language',
  symptom: symptomOf('test', digestOfStep(recipe, 'language'), stepOf(recipe, 'language').expect!),
};
const reworded = replace(recipe, 'language', { expect: { text: 'Where do you live?' } });
const elsewhere = replace(recipe, 'hostname', { expect: { text: 'Thank you' } });

function says(apply: Apply): Decision {
  return { apply, because: [`the test says ${apply}`], missing: [], rule: null };
}

function patch(number: number, operations: readonly Operation[], fields: Partial<PatchMeaning> = {}): PublishedPatch {
  const base = fields.base ?? recipe.digest;
  const result = applyOperations(base === other.digest ? other : recipe, operations).digest;
  return patchBy(author(number), { base, result, operations, symptom: failing.symptom, ...fields });
}

describe('candidates for a failing step', () => {
  it('are the patches that cure its symptom or touch the step, of this recipe', () => {
    const bySymptom = patch(1, [elsewhere]);
    const byStep = patch(2, [reworded], { symptom: null });
    const neither = patch(3, [elsewhere], { symptom: null });
    const otherRecipe = patch(4, [reworded], { recipeName: 'another' });
    const { candidates, unfit } = candidatesFor(failing, [bySymptom, byStep, neither, otherRecipe], () => says('ask'));
    assert.deepEqual(new Set(candidates.map(({ record }) => record)), new Set([bySymptom.record.id, byStep.record.id]));
    assert.deepEqual(unfit, []);
  });

  it('never hold a patch whose operations do not give the digest that it claims, whatever policy says', () => {
    const lying = patch(1, [reworded], { result: sha256('something else') });
    const { candidates, unfit } = candidatesFor(failing, [lying], () => says('auto'));
    assert.deepEqual(candidates, []);
    assert.equal(unfit.length, 1);
    assert.equal(unfit[0]?.record, lying.record.id);
    assert.match(unfit[0].reason, /its operations give sha256:[0-9a-f]{64}, but it claims sha256:/);
  });

  it('never hold a patch that does not fit the step as it is now, and say why', () => {
    const stale: Operation = {
      op: 'replace-step',
      id: 'language',
      was: sha256('older'),
      step: stepOf(recipe, 'language'),
    };
    const { candidates, unfit } = candidatesFor(
      failing,
      [patchBy(author(1), { base: recipe.digest, operations: [stale], symptom: failing.symptom })],
      () => says('auto'),
    );
    assert.deepEqual(candidates, []);
    assert.match(unfit[0]?.reason ?? '', /language/);
  });

  it('are asked about at most where the patch was made against another version', () => {
    const patches = [patch(1, [reworded], { base: other.digest })];
    for (const [policy, expected] of [
      ['auto', 'ask'],
      ['ask', 'ask'],
      ['never', 'never'],
    ] as const) {
      const [candidate] = candidatesFor(failing, patches, () => says(policy)).candidates;
      assert.equal(candidate?.sameBase, false);
      assert.equal(candidate.decision.apply, expected);
      if (policy === 'auto') assert.match(candidate.decision.because.at(-1) ?? '', /another version/);
    }
  });

  it('come automatic first, then by record id, however the store gave them', () => {
    const patches = [1, 2, 3, 4, 5, 6].map((number) => patch(number, [reworded]));
    const rule = new Map(
      patches.map(({ record }, index) => [record.id, (['never', 'ask', 'auto'] as const)[index % 3]!]),
    );
    const decide = ({ record }: PublishedPatch) => says(rule.get(record.id)!);
    const orders = [patches, patches.toReversed(), [...patches.slice(3), ...patches.slice(0, 3)]].map((list) =>
      candidatesFor(failing, list, decide).candidates.map(({ record }) => record),
    );
    assert.deepEqual(orders[1], orders[0]);
    assert.deepEqual(orders[2], orders[0]);
    assert.deepEqual(
      orders[0]?.map((id) => rule.get(id)),
      ['auto', 'auto', 'ask', 'ask', 'never', 'never'],
    );
    for (const at of [0, 2, 4]) assert.ok((orders[0]?.[at] ?? '') < (orders[0]?.[at + 1] ?? ''));
  });

  it('are judged by the class that the receiver computes', () => {
    const typed = replace(recipe, 'language', { do: [{ type: 'sudo', clear: true }] });
    const classes: string[] = [];
    candidatesFor(failing, [patch(1, [reworded]), patch(2, [typed])], (_, changeClass) => {
      classes.push(changeClass);
      return says('ask');
    });
    assert.deepEqual(classes, ['wording', 'sends']);
  });
});

describe('patches of several authors for one build', () => {
  const mended = applyOperations(recipe, [reworded]);
  const later = { recipe: mended, started: recipe, stepId: 'hostname', symptom: failing.symptom };
  const noting = (seen: string[]) => (_: PublishedPatch, changeClass: string, of: string) => {
    seen.push(changeClass, of);
    return says('auto');
  };

  it('merge: what the first has mended does not make the second one for another version', () => {
    const seen: string[] = [];
    const [candidate] = candidatesFor(later, [patch(2, [elsewhere])], noting(seen)).candidates;
    assert.deepEqual([candidate?.sameBase, candidate?.decision.apply], [true, 'auto']);
    // Decided about under the rules of the recipe that it was made for.
    assert.deepEqual(seen, [candidate?.changeClass, recipe.digest]);
    const both = applyOperations(recipe, [reworded, elsewhere]);
    assert.equal(candidate?.result, both.digest);
    assert.equal(applyOperations(mended, candidate?.operations ?? []).digest, both.digest);
  });

  it('are asked about at most, or do not fit, where they touch what was mended', () => {
    const other = replace(recipe, 'language', { expect: { text: 'Your location' } });
    const { candidates, unfit } = candidatesFor(later, [patch(2, [other, elsewhere])], () => says('auto'));
    assert.deepEqual([candidates.length, unfit.length], [0, 1]);
    const before: Operation = { op: 'insert-step', after: 'language', step: { id: 'x', expect: { text: 'seen' } } };
    const placed = { ...later, recipe: applyOperations(recipe, [before]) };
    const same: Operation = { op: 'insert-step', after: 'language', step: { id: 'y', expect: { text: 'told' } } };
    const [asked] = candidatesFor(placed, [patch(2, [same])], () => says('auto')).candidates;
    assert.deepEqual([asked?.sameBase, asked?.decision.apply], [false, 'ask']);
  });

  it('never hold one whose operations do not give what it claims, merged or not', () => {
    const lying = patch(2, [elsewhere], { result: sha256('something else') });
    const { candidates, unfit } = candidatesFor(later, [lying], () => says('auto'));
    assert.deepEqual(candidates, []);
    assert.match(unfit[0]?.reason ?? '', /but it claims/);
  });

  it('threat 27: two that are harmless apart are judged by what they do together', () => {
    const gone = 'expect: { gone: { text: "Please enter the hostname" } }';
    const from = parseRecipe(sampleWith(gone, 'expect: { text: "Thank you" }'));
    const word: Operation = {
      op: 'set',
      path: ['params', 'hostname', 'default'],
      was: digestOf('portal'),
      value: 'thanks',
    };
    const awaited: Operation = {
      op: 'set',
      path: ['steps', 'hostname', 'expect', 'text'],
      was: digestOf('Thank you'),
      value: 'thanks',
    };
    const typed = applyOperations(from, [word]);
    const byBob = patchBy(author(2), {
      base: from.digest,
      result: applyOperations(from, [awaited]).digest,
      operations: [awaited],
      symptom: failing.symptom,
    });
    const alone: string[] = [];
    candidatesFor({ ...later, recipe: from, started: undefined }, [byBob], noting(alone));
    const together: string[] = [];
    const merged = candidatesFor({ ...later, recipe: typed, started: from }, [byBob], noting(together)).candidates[0];
    assert.deepEqual([alone[0], together[0]], ['wording', 'authority']);
    // Even where the person has accepted it in the inbox: as wording, which it was there.
    assert.equal(merged?.decision.apply, 'ask');
    assert.match(merged.decision.because.at(-1) ?? '', /reaches further than by itself/);
  });
});

describe('patches that follow one another', () => {
  it('threat 27: are judged by what they do together, where each by itself reaches less far', () => {
    const menu = replace(recipe, 'language', { when: { text: 'Pick one of these' } });
    const between = applyOperations(recipe, [menu]);
    const entry = replace(between, 'language', { do: [{ menu: 'Restart' }] });
    const result = applyOperations(between, [entry]).digest;
    const second = patch(1, [reworded], { base: between.digest, result, operations: [entry] });
    const now = { ...failing, recipe: between };
    const judged = (started?: typeof recipe) =>
      candidatesFor({ ...now, started }, [second], () => says('auto')).candidates.map((one) => [
        one.changeClass,
        one.sameBase,
        one.decision.apply,
      ]);
    assert.deepEqual(judged(), [['choices', true, 'auto']]);
    assert.deepEqual(judged(recipe), [['sends', true, 'ask']]);
  });
});

describe('a symptom', () => {
  it('is the same for the same step and condition, and another in another network', () => {
    const step = digestOfStep(recipe, 'language');
    const condition = stepOf(recipe, 'language').expect!;
    assert.equal(symptomOf('test', step, condition), failing.symptom);
    assert.notEqual(symptomOf('other', step, condition), failing.symptom);
    assert.notEqual(symptomOf('test', digestOfStep(recipe, 'hostname'), condition), failing.symptom);
    assert.notEqual(symptomOf('test', step, { text: 'x' }), failing.symptom);
  });
});
