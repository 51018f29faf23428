/** What a challenge makes of a verdict. */
import assert from 'node:assert/strict';
import { sha256 } from '../../src/crypto/digest.ts';
import type { PeerVerdict } from '../../src/crosscheck/index.ts';
import { withPossession } from '../../src/node/challenges.ts';
import { author } from '../heal/patches.ts';

const match: PeerVerdict = {
  peer: 'bob',
  author: author(2).id,
  verdict: 'match',
  because: 'Their manifest equals yours.',
  record: sha256('record'),
  manifest: sha256('manifest'),
  shared: [],
  conditions: [],
  attempts: [],
};

describe('the verdict about a peer who was challenged', () => {
  it('threat 29: is differs where what they hold is not what they have signed, and says how much', () => {
    const { verdict, because } = withPossession(match, { result: 'wrong', paths: 32, wrong: ['p1:/bin/init'] });
    assert.equal(verdict, 'differs');
    assert.match(because, /1 of 32 entries/);
  });

  it('stays where they have shown it, were not asked, or did not answer: silence proves nothing', () => {
    assert.equal(withPossession(match, { result: 'proved', paths: 32 }), match);
    assert.equal(withPossession(match, { result: 'unanswered', because: 'away' }), match);
    assert.equal(withPossession(match, undefined), match);
  });
});
