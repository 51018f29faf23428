import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { confirmChecksums, parsePolicy } from '../../../src/exchange/trust/index.ts';
import type { ChecksumVote } from '../../../src/exchange/trust/index.ts';
import { ALICE, BOB, CAROL, DAVE, PEERS, STRANGER } from './people.ts';

const POLICY = parsePolicy(
  `${PEERS}rules:
  - recipes: ["alice/debian-*"]
    checksums: { confirm: { k: 2, of: [alice, bob, dave] } }
`,
  'p.yaml',
);
const RECIPE = { recipeAuthor: ALICE, recipeName: 'debian-12-tiny' };

function votes(...pairs: [ChecksumVote['author'], ChecksumVote['verdict']][]): ChecksumVote[] {
  return pairs.map(([author, verdict]) => ({ author, verdict }));
}

describe('confirmChecksums', () => {
  it('confirms when k of the configured builders match', () => {
    const decision = confirmChecksums(POLICY, RECIPE, votes([ALICE, 'match'], [DAVE, 'match'], [BOB, 'not-attempted']));
    assert.equal(decision.result, 'confirmed');
    assert.deepEqual(decision.missing, []);
    assert.deepEqual(decision.because, [
      'alice: match',
      'bob: not-attempted',
      'dave: match',
      'rule 1 (line 7) wants 2 of alice, bob, dave: 2 of 3 builders match, enough',
    ]);
  });

  it('threat 13: waits for those who are silent, and names them', () => {
    const decision = confirmChecksums(POLICY, RECIPE, votes([ALICE, 'match'], [BOB, 'stale']));
    assert.equal(decision.result, 'pending');
    assert.deepEqual(decision.missing, ['bob', 'dave']);
  });

  it('counts nobody twice, no stranger, and no peer outside the configured set', () => {
    for (const other of [ALICE, STRANGER, CAROL]) {
      assert.equal(confirmChecksums(POLICY, RECIPE, votes([ALICE, 'match'], [other, 'match'])).result, 'pending');
    }
  });

  it('calls one configured builder with another result a conflict, whatever the count', () => {
    const all = votes([ALICE, 'match'], [BOB, 'match'], [DAVE, 'differs']);
    const decision = confirmChecksums(POLICY, RECIPE, all);
    assert.equal(decision.result, 'conflict');
    assert.ok(decision.because.at(-1)?.startsWith('dave built something else'));
    const twoFaced = votes([ALICE, 'match'], [BOB, 'match'], [BOB, 'differs'], [DAVE, 'match']);
    assert.equal(confirmChecksums(POLICY, RECIPE, twoFaced).result, 'conflict');
  });

  it('does not take failed, stale or explained for a match', () => {
    for (const verdict of ['failed', 'stale', 'explained', 'not-attempted'] as const) {
      assert.equal(confirmChecksums(POLICY, RECIPE, votes([ALICE, 'match'], [BOB, verdict])).result, 'pending');
    }
  });

  it('says so when no rule asks for it', () => {
    const decision = confirmChecksums(
      POLICY,
      { ...RECIPE, recipeAuthor: BOB },
      votes([ALICE, 'match'], [BOB, 'match']),
    );
    assert.equal(decision.result, 'no-rule');
  });

  it('wants every rule that covers the recipe satisfied', () => {
    const two = parsePolicy(
      `${PEERS}rules:
  - { recipes: ["*/debian-*"], checksums: { confirm: alice } }
  - { recipes: ["alice/*"], checksums: { confirm: { k: 1, of: [bob] } } }
`,
      'p.yaml',
    );
    assert.equal(confirmChecksums(two, RECIPE, votes([ALICE, 'match'])).result, 'pending');
    assert.equal(confirmChecksums(two, RECIPE, votes([ALICE, 'match'], [BOB, 'match'])).result, 'confirmed');
  });

  it('is the same in any order', () => {
    const vote = fc.record({
      author: fc.constantFrom(ALICE, BOB, CAROL, DAVE, STRANGER),
      verdict: fc.constantFrom('match', 'match', 'differs', 'failed', 'stale', 'explained'),
    });
    fc.assert(
      fc.property(fc.array(vote, { maxLength: 6 }), (all) => {
        const forward = confirmChecksums(POLICY, RECIPE, all);
        assert.deepEqual(confirmChecksums(POLICY, RECIPE, all.toReversed()), forward);
      }),
      { seed: 20261123, numRuns: 500 },
    );
  });
});
