import assert from 'node:assert/strict';
import { doubts } from '../../../src/cli/take-over/review.ts';
import type { Step } from '../../../src/recipe/types.ts';

const BOOT: Step = { id: 'boot', do: [{ key: 'esc' }, { key: 'enter' }], expect: { changed: true } };
const recorded = { unconfirmed: ['boot'], unanswered: [{ step: 'boot', key: 'esc' }] };

describe('what nothing on the screen speaks for', () => {
  it('is named: keys that nothing showed after, and steps that nothing new confirms', () => {
    assert.deepEqual(doubts(recorded, [BOOT]), [
      'In "boot" nothing showed after esc.',
      'Nothing new was on the screen after "boot": say what is to come of it.',
    ]);
  });

  it('is not what a person has put right, or taken out', () => {
    const unanswered: typeof recorded.unanswered = [];
    assert.deepEqual(doubts({ ...recorded, unanswered }, [{ ...BOOT, expect: { text: 'Welcome' } }]), []);
    assert.deepEqual(doubts(recorded, []), []);
  });
});
