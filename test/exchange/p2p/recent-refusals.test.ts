import assert from 'node:assert/strict';
import { RECENT_REFUSALS_MAX } from '../../../src/exchange/p2p/limits.ts';
import { createRecentRefusals } from '../../../src/exchange/p2p/recent-refusals.ts';

describe('the last refusals', () => {
  const refusal = (detail: string) => ({ result: 'refused' as const, reason: 'bad-signature' as const, detail });

  it('are told newest first, with the peer, the reason, and how often', () => {
    let time = 0;
    const recent = createRecentRefusals(() => (time += 1));
    recent.add(refusal('a'), 'bob');
    recent.add(refusal('b'), 'bob');
    recent.add(refusal('a'), 'bob');
    recent.add(refusal('a'), 'carol');
    assert.deepEqual(recent.list(), [
      { at: 4, peer: 'carol', reason: 'bad-signature', detail: 'a', count: 1 },
      { at: 3, peer: 'bob', reason: 'bad-signature', detail: 'a', count: 2 },
      { at: 2, peer: 'bob', reason: 'bad-signature', detail: 'b', count: 1 },
    ]);
  });

  it('are a bounded number', () => {
    const recent = createRecentRefusals(() => 0);
    for (let n = 0; n < RECENT_REFUSALS_MAX + 5; n += 1) recent.add(refusal(`refusal ${n}`), 'bob');
    assert.equal(recent.list().length, RECENT_REFUSALS_MAX);
    assert.equal(recent.list()[0]?.detail, `refusal ${RECENT_REFUSALS_MAX + 4}`);
  });
});
