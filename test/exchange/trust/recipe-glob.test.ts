import assert from 'node:assert/strict';
import { globMatches, parseRecipeGlob } from '../../../src/exchange/trust/recipe-glob.ts';

describe('recipe globs', () => {
  it('match what a person expects', () => {
    const cases: [string, string, boolean][] = [
      ['debian-12-*', 'debian-12-tiny', true],
      ['debian-12-*', 'debian-12-', true],
      ['debian-12-*', 'debian-13-tiny', false],
      ['*', '', true],
      ['*-tiny', 'debian-tiny', true],
      ['*-tiny', 'debian-tiny-2', false],
      ['a*b*c', 'a-b-c', true],
      ['a*b*c', 'abc', true],
      ['a*b*c', 'acb', false],
      ['ab*ba', 'aba', false],
      ['debian', 'debian-12', false],
      ['a.b', 'axb', false],
    ];
    for (const [glob, text, matches] of cases) assert.equal(globMatches(glob, text), matches, `${glob} on ${text}`);
  });

  it('stay quick on patterns made to backtrack', () => {
    // Backtracking would need more steps than there is time; the test's own timeout is the measure.
    assert.equal(globMatches(`${'a*'.repeat(100)}b`, 'a'.repeat(100_000)), false);
  });

  it('are never a bare name', () => {
    assert.deepEqual(parseRecipeGlob('alice/debian-*'), { author: 'alice', name: 'debian-*' });
    for (const bad of ['debian-12', 'alice/', '/x', 'a/b/c', 'al*/x', 'alice/x y', '']) {
      assert.equal(parseRecipeGlob(bad), undefined, bad);
    }
  });
});
