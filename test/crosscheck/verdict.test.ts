/** One verdict a peer: the whole table. */
import assert from 'node:assert/strict';
import { sha256 } from '../../src/crypto/digest.ts';
import { verdictFor, type OwnBuild, type PeerReport } from '../../src/crosscheck/index.ts';
import type { Attestation, Failure } from '../../src/crosscheck/verdict.ts';
import { author } from '../heal/patches.ts';

const mine: OwnBuild = {
  recipe: sha256('recipe'),
  recipeName: 'tiny',
  buildKey: sha256('key'),
  manifest: sha256('manifest'),
  builder: { qemu: '7.2', accelerator: 'tcg', machine: 'pc' },
};

function attested(fields: Partial<Attestation> = {}) {
  const meaning: Attestation = {
    kind: 'attestation',
    recipe: mine.recipe,
    recipeName: 'tiny',
    buildKey: mine.buildKey,
    manifest: mine.manifest,
    builder: { qemu: '9.1', accelerator: 'tcg', machine: 'pc' },
    ...fields,
  };
  return { record: sha256(JSON.stringify(meaning)), meaning };
}

function failed(fields: Partial<Failure> = {}) {
  const meaning: Failure = {
    kind: 'failure',
    recipe: mine.recipe,
    recipeName: 'tiny',
    failedSteps: ['language'],
    symptom: null,
    ...fields,
  };
  return { record: sha256(JSON.stringify(meaning)), meaning };
}

function report(fields: Partial<PeerReport> = {}): PeerReport {
  return { name: 'bob', author: author(2).id, stale: false, attestations: [], failures: [], ...fields };
}

const another = { manifest: sha256('another manifest') };
const otherKey = { buildKey: sha256('another key') };

describe('the verdict about a peer', () => {
  const table: readonly (readonly [string, Partial<PeerReport>, string, RegExp])[] = [
    ['the same manifest, fresh', { attestations: [attested()] }, 'match', /equals yours/],
    ['the same manifest, but a stale feed', { attestations: [attested()], stale: true }, 'stale', /not been confirmed/],
    ['another manifest', { attestations: [attested(another)] }, 'differs', /another manifest/],
    [
      'another manifest, stale: a difference stays one',
      { attestations: [attested(another)], stale: true },
      'differs',
      /another/,
    ],
    ['a failure of this recipe', { failures: [failed()] }, 'failed', /failed at: language/],
    ['a failure of another version', { failures: [failed({ recipe: sha256('v2') })] }, 'not-attempted', /no build/],
    ['a build under another key', { attestations: [attested(otherKey)] }, 'not-attempted', /another build key/],
    [
      'another key, and a failure of this very recipe',
      { attestations: [attested(otherKey)], failures: [failed()] },
      'failed',
      /language/,
    ],
    ['a build after a failure', { attestations: [attested()], failures: [failed()] }, 'match', /equals/],
    ['nothing at all', {}, 'not-attempted', /no build of this recipe/],
    ['nothing, and stale', { stale: true }, 'stale', /Nothing fresh/],
    ['a build under another key, stale', { attestations: [attested(otherKey)], stale: true }, 'stale', /Nothing fresh/],
  ];
  for (const [what, fields, verdict, because] of table) {
    it(`is ${verdict} for ${what}`, () => {
      const found = verdictFor(mine, report(fields));
      assert.equal(found.verdict, verdict);
      assert.match(found.because, because);
    });
  }

  it('threat 31: is differs where any attestation under my key still differs, and names its record', () => {
    const [newest, older] = [attested(another), attested()];
    const reversed = verdictFor(mine, report({ attestations: [older, newest] }));
    assert.deepEqual([reversed.verdict, reversed.record], ['differs', newest.record]);
    const found = verdictFor(mine, report({ attestations: [attested(otherKey), newest, older] }));
    assert.deepEqual(
      [found.verdict, found.record, found.manifest],
      ['differs', newest.record, newest.meaning.manifest],
    );
  });

  it('says what their build shares with mine: a match under equal conditions proves less', () => {
    assert.deepEqual(verdictFor(mine, report({ attestations: [attested()] })).shared, ['accelerator', 'machine']);
  });
});
