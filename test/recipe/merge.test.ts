import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { digestOf } from '../../src/crypto/canonical.ts';
import { PortalgunError } from '../../src/errors.ts';
import { higherClass, highestClass } from '../../src/recipe/change.ts';
import { classOf, recipeChanges } from '../../src/recipe/classify.ts';
import { stepDigest } from '../../src/recipe/digest.ts';
import { MAX_MERGED_PATCHES } from '../../src/recipe/limits.ts';
import { lintRecipe } from '../../src/recipe/lint.ts';
import { conflictsOf, mergePatches, type MergeablePatch } from '../../src/recipe/merge.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import type { CheckedRecipe, Operation } from '../../src/recipe/types.ts';
import { recipeOf, sample, sampleWith, stepOf } from './fixtures.ts';
import { base, inserted, moved, patch, patches, patchTo, removed, reworded } from './made-apart.ts';

const SEED = 20_261_127;

const ids = ({ recipe }: CheckedRecipe): string => recipe.steps.map(({ id }) => id).join(' ');

describe('merging patches of one base', () => {
  it('gives the same in any order, and twice the same patch counts once', () => {
    fc.assert(
      fc.property(patches, fc.infiniteStream(fc.nat()), (list, numbers) => {
        const shuffled = [...list, ...list]
          .map((one) => ({ one, at: numbers.next().value }))
          .sort((a, b) => a.at - b.at)
          .map(({ one }) => one);
        const outcome = (those: readonly MergeablePatch[]): unknown => {
          try {
            const { result, ...merge } = mergePatches(base, those);
            return { ...merge, digest: result.digest, source: result.source };
          } catch (error) {
            return String(error);
          }
        };
        assert.deepEqual(outcome(shuffled), outcome(list));
      }),
      { seed: SEED, numRuns: 60 },
    );
  });

  it('gives the same recipe however the patches are split into groups that are merged first', () => {
    let split = 0;
    fc.assert(
      fc.property(patches, fc.array(fc.nat(2), { minLength: 6, maxLength: 6 }), (list, groups) => {
        const merge = wholeOr(() => mergePatches(base, list));
        if (merge === undefined) return;
        const agreed = list.filter(({ id }) => merge.merged.includes(id));
        const parts = [0, 1, 2].flatMap((group) => {
          const part = agreed.filter((_, index) => groups[index] === group);
          const inner = wholeOr(() => mergePatches(base, part));
          if (inner === undefined) return []; // sound only together with the others
          assert.deepEqual([inner.conflicts, inner.unfit, inner.merged.length], [[], [], part.length]);
          return inner.result.digest === base.digest ? [] : [{ part, patch: patchTo(`group ${group}`, inner.result) }];
        });
        const direct = mergePatches(
          base,
          parts.flatMap(({ part }) => part),
        );
        const grouped = mergePatches(
          base,
          parts.map((one) => one.patch),
        );
        assert.deepEqual([grouped.conflicts, grouped.unfit], [[], []]);
        assert.equal(grouped.result.digest, direct.result.digest);
        if (parts.length > 1) split += 1;
      }),
      { seed: SEED, numRuns: 120 },
    );
    assert.ok(split > 10, `only ${split} were split: the test would not notice`);
  });

  it('takes no patch that another one contradicts, and loses nothing of those that it takes', () => {
    let conflicting = 0;
    fc.assert(
      fc.property(patches, (list) => {
        const merge = wholeOr(() => mergePatches(base, list));
        if (merge === undefined) return;
        const fitting = list.filter(({ id }) => !merge.unfit.some((one) => one.id === id));
        for (const one of fitting) {
          const against = fitting.filter((other) => conflictsOf(base, [one, other]).length > 0);
          assert.equal(merge.merged.includes(one.id), against.length === 0);
          conflicting += against.length;
          if (against.length > 0) continue;
          // Merging what is in it already changes nothing.
          const again = mergePatches(base, [patchTo('all', merge.result), one]);
          assert.equal(again.result.digest, merge.result.digest);
        }
      }),
      { seed: SEED, numRuns: 50 },
    );
    assert.ok(conflicting > 20);
  });

  it('is never of a lower class than a part of it or than the whole, nor worse in the eyes of lint', () => {
    fc.assert(
      fc.property(patches, (list) => {
        const merge = wholeOr(() => mergePatches(base, list));
        if (merge === undefined || merge.merged.length === 0) return;
        const least = list
          .filter(({ id }) => merge.merged.includes(id))
          .map(({ operations }) => classOf(base, operations))
          .reduce(higherClass, highestClass(recipeChanges(base.recipe, merge.result.recipe)));
        assert.equal(merge.class, least);
        assert.deepEqual(
          lintRecipe(merge.result).filter(({ severity }) => severity === 'error'),
          [],
        );
      }),
      { seed: SEED, numRuns: 50 },
    );
  });

  it('keeps the comments of the base where nothing changed', () => {
    const from = sample();
    const merge = mergePatches(from, [
      patchTo('p', parseRecipe(sampleWith('Choose the language', 'Choose a language')), from),
      patchTo('q', parseRecipe(sampleWith('Select disk to partition', 'Select the disk')), from),
    ]);
    assert.equal(
      merge.result.source,
      sampleWith('Choose the language', 'Choose a language').replace('"Select disk to partition"', '"Select the disk"'),
    );
  });
});

describe('patches that meet', () => {
  const places = (...list: MergeablePatch[]): readonly string[] => conflictsOf(base, list).map(({ place }) => place);

  it('agree where they make the same change', () => {
    const merge = mergePatches(base, [
      patch('p', reworded('a', 'new')),
      patch('q', reworded('a', 'new'), reworded('b', 'too')),
    ]);
    assert.deepEqual([merge.merged, merge.conflicts], [['p', 'q'], []]);
    assert.deepEqual(stepOf(merge.result, 'b').when, { text: 'too' });
  });

  it('contradict where one edits what the other edits, takes away, moves or renames', () => {
    const edit = patch('p', reworded('b', 'new'));
    assert.deepEqual(places(edit, patch('q', reworded('b', 'other'))), ['step b']);
    assert.deepEqual(places(edit, patch('q', removed('b'))), ['step b']);
    assert.deepEqual(places(edit, patch('q', moved('b', 'd'))), ['step b']);
    assert.deepEqual(places(edit, patch('q', removed('b'), inserted('a', 'b2'))), ['step b']);
  });

  it('contradict where they put different things in one place, or one thing in two', () => {
    assert.deepEqual(places(patch('p', inserted('a', 'x')), patch('q', inserted('a', 'y'))), ['after step a']);
    assert.deepEqual(places(patch('p', inserted('a', 'x')), patch('q', inserted('b', 'x'))), ['step x']);
    assert.deepEqual(places(patch('p', inserted('a', 'x')), patch('q', inserted('a', 'x'))), []);
    const merge = mergePatches(base, [patch('p', inserted('a', 'x')), patch('q', inserted('b', 'y'))]);
    assert.equal(ids(merge.result), 'a x b y c d e end');
  });

  it('contradict where one takes away the neighbour of what the other puts in', () => {
    assert.deepEqual(places(patch('p', inserted('a', 'x')), patch('q', removed('b'))), ['step b']);
    assert.deepEqual(places(patch('p', inserted('a', 'x')), patch('q', reworded('b', 'new'))), []);
  });

  it('contradict where both move, or one moves and the other puts in or takes away', () => {
    for (const other of [moved('c', null), inserted('d', 'x'), removed('e')])
      assert.deepEqual(places(patch('p', moved('a', 'b')), patch('q', other)).includes('the order of the steps'), true);
    // The same move, said in two ways.
    assert.deepEqual(places(patch('p', moved('a', 'b')), patch('q', moved('b', null))), []);
  });

  it('contradict where one replaces a part and the other an entry of it', () => {
    const whole: Operation = { op: 'set', path: ['params'], was: digestOf(base.recipe.params), value: null };
    const entry: Operation = { op: 'set', path: ['params', 'size', 'default'], was: digestOf(5), value: 6 };
    const [conflict] = conflictsOf(base, [patch('p', whole), patch('q', entry)]);
    assert.deepEqual(conflict, {
      place: 'params',
      was: '{ host: { type: string, default: x }, size: { type: integer, default: 5 } }',
      sides: [
        { patches: ['p'], stance: 'removes', words: 'gone' },
        { patches: ['q'], stance: 'changes', words: 'another entry of it' },
      ],
    });
  });

  it('name every side once, however many say the same', () => {
    const [conflict] = conflictsOf(base, [
      patch('r', reworded('a', 'one')),
      patch('p', reworded('a', 'one')),
      patch('q', removed('a')),
      patch('s', reworded('c', 'not disputed')),
    ]);
    assert.deepEqual(conflict, {
      place: 'step a',
      was: 'when the text "at a"; press enter',
      sides: [
        { patches: ['p', 'r'], stance: 'changes', words: 'when the text "one"; press enter' },
        { patches: ['q'], stance: 'removes', words: 'gone' },
      ],
    });
  });
});

describe('hostile patches (threat 27)', () => {
  const typing = parseRecipe(
    recipeOf(
      '  - { id: ask, when: { text: "ready>" }, do: [{ type: "{{word}}" }, { key: enter }], expect: { text: finished } }\n',
      'params: { word: { type: string, default: go } }\n',
    ),
  );

  it('that are harmless each and dangerous together are classed by what they do together', () => {
    const said = patch('p', {
      op: 'set',
      path: ['params', 'word', 'default'],
      was: digestOf('go'),
      value: 'all set now',
    });
    const awaited = patch('q', {
      op: 'set',
      path: ['steps', 'ask', 'expect', 'text'],
      was: digestOf('finished'),
      value: 'all set',
    });
    assert.deepEqual([classOf(typing, said.operations), classOf(typing, awaited.operations)], ['sends', 'wording']);
    // Apart: a word that is typed, and a text that is waited for. Together: a step that confirms itself.
    const merge = mergePatches(typing, [said, awaited]);
    assert.deepEqual([merge.merged, merge.class], [['p', 'q'], 'authority']);
  });

  it('that are sound each and unsound together are refused together', () => {
    const from = parseRecipe(
      recipeOf(
        '  - { id: ask, when: { text: "ready>" }, do: [{ key: enter }], expect: { text: finished } }\n' +
          '  - { id: end, when: { text: "the end" }, expect: { text: over } }\n',
      ),
    );
    const [, end] = from.recipe.steps;
    assert.ok(end);
    const unconfirmed = patch('p', {
      op: 'set',
      path: ['steps', 'ask', 'expect'],
      was: digestOf({ text: 'finished' }),
      value: null,
    });
    // Either of them leaves something that confirms the key; both leave nothing.
    const endless = patch('q', {
      op: 'replace-step',
      id: 'end',
      was: stepDigest(end),
      step: { id: 'end', do: [{ key: 'enter' }], expect: { text: 'over' } },
    });
    for (const one of [unconfirmed, endless]) assert.deepEqual(mergePatches(from, [one]).merged, [one.id]);
    assert.throws(() => mergePatches(from, [unconfirmed, endless]), refusal('recipe/merge-invalid', /step ask/));
  });

  it('made against another version of the base are named as unfit, and stop nobody else', () => {
    const stale: Operation = { op: 'remove-step', id: 'a', was: digestOf('another step') };
    const strange = { op: 'rewrite-all' } as unknown as Operation;
    const merge = mergePatches(base, [patch('p', stale), patch('q', reworded('b', 'new')), patch('r', strange)]);
    assert.deepEqual(merge.merged, ['q']);
    assert.deepEqual(
      merge.unfit.map(({ id }) => id),
      ['p', 'r'],
    );
    assert.match(merge.unfit[0]?.reason ?? '', /not the one that the patch was made against/);
  });

  it('that are no recipe by themselves are unfit, and not an excuse to refuse the others', () => {
    const invalid: Operation = { op: 'set', path: ['machine', 'memory'], was: digestOf('128M'), value: '999999T' };
    const other = mergePatches(base, [patch('p', invalid), patch('q', reworded('b', 'new'))]);
    assert.deepEqual([other.merged, other.unfit.map(({ id }) => id)], [['q'], ['p']]);
  });

  it('are merged up to a limit, and more are refused whole', () => {
    const many = (count: number): MergeablePatch[] =>
      Array.from({ length: count }, (_, index) => patch(`p${index}`, reworded('a', `text ${index}`)));
    const { conflicts, merged } = mergePatches(base, many(MAX_MERGED_PATCHES));
    assert.deepEqual([merged.length, conflicts.length, conflicts[0]?.sides.length], [0, 1, MAX_MERGED_PATCHES]);
    assert.throws(() => mergePatches(base, many(MAX_MERGED_PATCHES + 1)), refusal('recipe/too-many-patches'));
  });

  it('cannot smuggle a prototype in by the name of an entry', () => {
    const merge = mergePatches(base, [
      patch('p', { op: 'set', path: ['params', '__proto__'], was: null, value: { type: 'string' } }),
      patch('q', reworded('b', 'new')),
    ]);
    assert.deepEqual(Object.getPrototypeOf(merge.result.recipe.params), Object.prototype);
    assert.deepEqual(merge.merged.includes('q'), true);
  });
});

/** Undefined where sound patches are none together: that is tested by itself. */
function wholeOr<T>(merge: () => T): T | undefined {
  try {
    return merge();
  } catch (error) {
    refusal('recipe/merge-invalid')(error);
    return undefined;
  }
}

function refusal(code: string, words = /./): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof PortalgunError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, words);
    return true;
  };
}
