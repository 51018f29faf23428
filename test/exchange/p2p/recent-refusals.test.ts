import assert from 'node:assert/strict';
import { sha256 } from '../../../src/crypto/digest.ts';
import { RECENT_REFUSALS_MAX, RECENT_REFUSALS_OF_A_PEER } from '../../../src/exchange/p2p/limits.ts';
import { createRecentRefusals } from '../../../src/exchange/p2p/recent-refusals.ts';

describe('the last refusals', () => {
  const refusal = (detail: string) => ({ result: 'refused' as const, reason: 'bad-signature' as const, detail });

  it('are told newest first, with the peer, the reason, and how often', () => {
    let time = 0;
    const recent = createRecentRefusals(
      () => (time += 1),
      () => false,
    );
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

  it('name the record and whose it claims to be', () => {
    const recent = createRecentRefusals(
      () => 0,
      () => false,
    );
    const author = `ed25519:${'a'.repeat(64)}` as const;
    const claims = { network: 'n', author, scope: 'public', recovery: 0, epoch: 0, seq: 4, prev: null } as const;
    recent.add({ ...refusal('a'), claims, record: sha256('x') }, 'bob');
    recent.add({ ...refusal('a'), claims, record: sha256('y') }, 'bob');
    assert.deepEqual(
      recent.list().map((one) => [one.author, one.record]),
      [
        [author, sha256('y')],
        [author, sha256('x')],
      ],
    );
  });

  it('threat 19: are a bounded number, of which one peer has a few, and strangers only what is left', () => {
    const recent = createRecentRefusals(
      () => 0,
      (peer) => peer.startsWith('stranger'),
    );
    const names = (): string[] => recent.list().map(({ peer, detail }) => `${peer} ${detail}`);
    recent.add(refusal('first'), 'carol');
    for (let n = 0; n < 100; n += 1) recent.add(refusal(`refusal ${n}`), 'bob');
    assert.equal(recent.list().filter(({ peer }) => peer === 'bob').length, RECENT_REFUSALS_OF_A_PEER);
    assert.equal(names()[0], 'bob refusal 99');
    for (let n = 0; n < 1000; n += 1) recent.add(refusal('noise'), `stranger ${n}`);
    assert.equal(recent.list().length, RECENT_REFUSALS_MAX);
    assert.ok(names().includes('carol first') && names().includes('bob refusal 99'));
    for (let n = 0; n < RECENT_REFUSALS_MAX; n += 1) recent.add(refusal('new'), `friend ${n}`);
    assert.equal(recent.list().length, RECENT_REFUSALS_MAX);
    assert.ok(!names().includes('carol first'), 'among acquaintances the oldest goes');
  });
});
