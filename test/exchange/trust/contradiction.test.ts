import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { mayConflict } from '../../../src/exchange/trust/contradiction.ts';
import { conflictsOf } from '../../../src/recipe/merge.ts';
import type { Operation } from '../../../src/recipe/types.ts';
import { stepOf } from '../../recipe/fixtures.ts';
import { base, inserted, moved, patch, patches, removed, reworded } from '../../recipe/made-apart.ts';

describe('two patches of one recipe', () => {
  it('threat 14: never look as if they agreed where merging them would find a conflict', () => {
    let conflicting = 0;
    fc.assert(
      fc.property(patches, (list) => {
        for (const [index, one] of list.entries()) {
          for (const other of list.slice(index + 1)) {
            assert.equal(mayConflict(one.operations, other.operations), mayConflict(other.operations, one.operations));
            if (conflictsOf(base, [one, other]).length === 0) continue;
            conflicting += 1;
            assert.ok(mayConflict(one.operations, other.operations), JSON.stringify([one, other]));
          }
        }
      }),
      { seed: 20_261_128, numRuns: 150 },
    );
    assert.ok(conflicting > 100);
  });

  it('agree where they touch different things, or say the same of one', () => {
    assert.equal(mayConflict([reworded('a', 'x')], [reworded('b', 'x')]), false);
    assert.equal(mayConflict([reworded('a', 'x')], [reworded('a', 'x'), reworded('b', 'y')]), false);
    assert.equal(mayConflict([inserted('a', 'x')], [inserted('b', 'y')]), false);
    assert.equal(mayConflict([removed('a')], [reworded('b', 'x')]), false);
  });

  it('contradict where they want other things of one place', () => {
    assert.ok(mayConflict([inserted('a', 'x')], [inserted('a', 'y')]));
    assert.ok(mayConflict([removed('b')], [inserted('a', 'y')]));
    assert.ok(mayConflict([moved('a', 'c')], [reworded('b', 'x')]));
  });

  it('threat 14: contradict where one puts more into the same place, or moves by taking away and putting in', () => {
    const meet = (one: readonly Operation[], other: readonly Operation[]): void => {
      assert.ok(conflictsOf(base, [patch('one', ...one), patch('other', ...other)]).length > 0);
      assert.ok(mayConflict(one, other) && mayConflict(other, one));
    };
    meet([inserted('a', 'x')], [inserted('a', 'x'), inserted('x', 'y')]);
    meet([removed('a'), { op: 'insert-step', after: 'c', step: stepOf(base, 'a') }], [reworded('b', 'x')]);
  });
});
