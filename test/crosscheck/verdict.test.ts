/** One verdict a peer: the whole table. */
import assert from 'node:assert/strict';
import { sha256 } from '../../src/crypto/digest.ts';
import { underOtherRules, verdictFor, type OwnBuild, type PeerReport } from '../../src/crosscheck/index.ts';
import { MAX_ATTEMPTS, type Attestation, type Failure } from '../../src/crosscheck/verdict.ts';
import { author } from '../heal/patches.ts';

const inputs = {
  recipe: sha256('resolved recipe'),
  lock: sha256('lock'),
  normaliser: sha256('rules'),
  manifestFormat: 'portalgun-manifest/1',
  cpuModel: 'qemu64',
};
const mine: OwnBuild = {
  recipe: sha256('recipe'),
  recipeName: 'tiny',
  inputs,
  buildKey: sha256('key'),
  manifest: sha256('manifest'),
  builder: { qemu: '7.2', accelerator: 'tcg', machine: 'pc' },
};

function attested(fields: Partial<Attestation> = {}) {
  const meaning: Attestation = {
    kind: 'attestation',
    recipe: mine.recipe,
    recipeName: 'tiny',
    inputs,
    buildKey: mine.buildKey,
    work: null,
    manifest: mine.manifest,
    builder: { qemu: '9.1', accelerator: 'tcg', machine: 'pc' },
    signers: ['AA', 'BB'],
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

const at = (seq: number, epoch = 0) => ({ recovery: 0, epoch, seq });

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

  it('says what of both builds is another, and that the same keys vouched for their media', () => {
    const own = { ...mine, signers: ['AA', 'BB'] };
    const { shared, conditions } = verdictFor(own, report({ attestations: [attested()] }));
    assert.deepEqual(shared, ['accelerator', 'machine', 'signers']);
    assert.deepEqual(conditions[0], { what: 'qemu', mine: '7.2', theirs: '9.1' });
    const others = verdictFor(own, report({ attestations: [attested({ signers: ['CC'] })] }));
    assert.deepEqual(others.shared, ['accelerator', 'machine']);
  });

  it('takes no account of what the peer has taken back, but tells it among all attempts, newest first', () => {
    // An epoch that was opened later is newer, whatever its numbers.
    const attestations = [
      { ...attested(another), place: at(1, 1), withdrawn: true },
      { ...attested(), place: at(4) },
      { ...attested(otherKey), place: at(2) },
      { ...attested({ ...otherKey, recipeName: 'another recipe' }), place: at(1) },
    ];
    const { verdict, attempts } = verdictFor(mine, report({ attestations, failures: [{ ...failed(), place: at(3) }] }));
    assert.equal(verdict, 'match');
    assert.deepEqual(
      attempts.map(({ what, result, withdrawn }) => [what, result, withdrawn]),
      [
        ['build', 'differs', true],
        ['build', 'match', false],
        ['failure', 'failed', false],
        ['build', 'not-comparable', false],
      ],
    );
    const takenBack = [{ ...failed(), withdrawn: true }];
    assert.equal(verdictFor(mine, report({ failures: takenBack })).verdict, 'not-attempted');
  });

  it('tells a bounded number of attempts', () => {
    const attestations = Array.from({ length: MAX_ATTEMPTS + 7 }, (_, seq) => ({ ...attested(), place: at(seq) }));
    assert.equal(verdictFor(mine, report({ attestations })).attempts.length, MAX_ATTEMPTS);
  });

  describe('where nothing but the normaliser rules is another', () => {
    const other = { ...otherKey, ...another, inputs: { ...inputs, normaliser: sha256('other rules') } };
    const found = verdictFor(mine, report({ attestations: [attested(other)] }));
    const entry = { kind: 'file', mode: 0o644, uid: 0, gid: 0, sizeBytes: 1, sha256: sha256('x') } as const;
    const seed = { ...entry, path: 'p1:/var/lib/random-seed' };
    const hidden = {
      where: 'both',
      path: seed.path,
      changes: ['content', 'rule'],
      a: { ...seed, rule: 'random-seed' },
      b: seed,
    } as const;
    const init = { ...entry, path: 'p1:/sbin/init' };
    const changed = {
      where: 'both',
      path: init.path,
      changes: ['content'],
      a: init,
      b: { ...init, sha256: sha256('y') },
    } as const;

    it('waits for the manifests to be compared, and says which record to compare with', () => {
      assert.deepEqual([found.verdict, found.otherRules], ['not-attempted', true]);
      assert.equal(found.record, attested(other).record);
    });

    it('is explained where a rule of either side touches each entry that differs, and names the rules', () => {
      const { verdict, because } = underOtherRules(found, [hidden]);
      assert.equal(verdict, 'explained');
      assert.match(because, /explained by random-seed/);
      assert.equal(underOtherRules(found, []).verdict, 'explained');
    });

    it('differs where one entry differs that no rule touches, however many are explained', () => {
      const { verdict, because } = underOtherRules(found, [hidden, changed]);
      assert.equal(verdict, 'differs');
      assert.match(because, /touches 1 of the entries/);
    });

    it('goes by the work where the rules are in the recipe, which is another recipe then', () => {
      const work = sha256('work');
      const elsewhere = attested({ ...other, inputs: { ...other.inputs, recipe: sha256('with other rules') }, work });
      const judged = (own: OwnBuild) => verdictFor(own, report({ attestations: [elsewhere] })).otherRules;
      assert.equal(judged({ ...mine, work }), true);
      assert.equal(judged({ ...mine, work: sha256('other work') }), undefined);
      assert.equal(judged(mine), undefined);
    });

    it('is nothing of the kind where anything else is another too', () => {
      for (const field of ['recipe', 'lock', 'manifestFormat', 'cpuModel'] as const) {
        const more = { ...other, inputs: { ...other.inputs, [field]: sha256('something else') } };
        assert.equal(verdictFor(mine, report({ attestations: [attested(more)] })).otherRules, undefined, field);
      }
      const { inputs: _none, ...touched } = mine;
      assert.equal(verdictFor(touched, report({ attestations: [attested(other)] })).otherRules, undefined);
    });
  });
});
