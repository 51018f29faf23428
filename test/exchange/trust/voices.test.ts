import assert from 'node:assert/strict';
import { sha256 } from '../../../src/crypto/digest.ts';
import type { Meaning } from '../../../src/exchange/record/types.ts';
import { voicesFor } from '../../../src/exchange/trust/index.ts';
import type { Understood, Voice } from '../../../src/exchange/trust/index.ts';
import { ALICE, BOB, CAROL, understood } from './people.ts';

type Patch = Extract<Meaning, { kind: 'patch' }>;

function patch(changes: Partial<Patch> = {}): Patch {
  return {
    kind: 'patch',
    recipeName: 'debian-12-tiny',
    base: sha256('base'),
    result: sha256('result'),
    operations: [{ op: 'remove-step', id: 'language', was: sha256('step') }],
    symptom: sha256('symptom'),
    origin: 'human',
    summary: 'the menu entry was renamed',
    verifiedBy: null,
    supersedes: null,
    ...changes,
  };
}

const SUBJECT = understood(ALICE, 1, patch());
const fresh = (): boolean => false;

function others(...records: Understood[]): Omit<Voice, 'record' | 'stale'>[] {
  return voicesFor(SUBJECT, records, fresh)
    .filter((one) => one.record !== SUBJECT.record.id)
    .map(({ author, stance, basis }) => ({ author, stance, basis }));
}

describe('voicesFor', () => {
  it('hears the author of the patch, with its staleness', () => {
    const expected = { author: ALICE, stance: 'for', basis: 'author', record: SUBJECT.record.id };
    assert.deepEqual(voicesFor(SUBJECT, [], fresh), [{ ...expected, stale: false }]);
    assert.deepEqual(
      voicesFor(SUBJECT, [SUBJECT], (author) => author === ALICE),
      [{ ...expected, stale: true }],
    );
  });

  it('tells endorsements that a person reviewed from those a build made', () => {
    const of = SUBJECT.record.id;
    const human = understood(BOB, 1, { kind: 'endorsement', of, reviewed: 'human', attestation: null });
    const build = understood(CAROL, 1, { kind: 'endorsement', of, reviewed: 'build', attestation: null });
    const elsewhere = understood(CAROL, 2, {
      kind: 'endorsement',
      of: sha256('x'),
      reviewed: 'human',
      attestation: null,
    });
    assert.deepEqual(others(human, build, elsewhere), [
      { author: BOB, stance: 'for', basis: 'reviewed-human' },
      { author: CAROL, stance: 'for', basis: 'reviewed-build' },
    ]);
  });

  it('hears a failure of the recipe that results, not of another', () => {
    const failure = (recipe: string): Meaning => ({
      kind: 'failure',
      recipe: sha256(recipe),
      recipeName: 'debian-12-tiny',
      failedSteps: ['language'],
      symptom: null,
    });
    assert.deepEqual(others(understood(BOB, 1, failure('base'))), []);
    assert.deepEqual(others(understood(BOB, 1, failure('result'))), [
      { author: BOB, stance: 'against', basis: 'failure' },
    ]);
  });

  it('turns the author against it when they withdraw it, and lets nobody else withdraw it', () => {
    const withdrawal: Meaning = { kind: 'withdrawal', of: SUBJECT.record.id, reason: 'wrong' };
    assert.deepEqual(others(understood(ALICE, 2, withdrawal)), [
      { author: ALICE, stance: 'against', basis: 'withdrawal' },
    ]);
    assert.equal(voicesFor(SUBJECT, [understood(ALICE, 2, withdrawal)], fresh).length, 1);
    assert.deepEqual(others(understood(BOB, 1, withdrawal)), []);
    assert.equal(voicesFor(SUBJECT, [understood(BOB, 1, withdrawal)], fresh)[0]?.stance, 'for');
  });

  it('counts an endorsement that was taken back against it', () => {
    const of = SUBJECT.record.id;
    const endorsement = understood(BOB, 1, { kind: 'endorsement', of, reviewed: 'human', attestation: null });
    const back = understood(BOB, 2, { kind: 'withdrawal', of: endorsement.record.id, reason: 'looked again' });
    assert.deepEqual(others(endorsement, back), [{ author: BOB, stance: 'against', basis: 'withdrawal' }]);
  });

  it('hears a patch that leads elsewhere from the same base, for the same symptom or step', () => {
    const elsewhere = { result: sha256('elsewhere') };
    const against = [{ author: BOB, stance: 'against', basis: 'contradicting-patch' }];
    assert.deepEqual(others(understood(BOB, 1, patch({ ...elsewhere, operations: [] }))), against);
    const replace = { op: 'replace-step', id: 'language', was: sha256('step'), step: { id: 'language' } } as const;
    assert.deepEqual(
      others(understood(BOB, 1, patch({ ...elsewhere, symptom: null, operations: [replace] }))),
      against,
    );
    const path = ['steps', 'language', 'expect'];
    const set = { op: 'set', path, was: null, value: { text: 'x' } } as const;
    assert.deepEqual(others(understood(BOB, 1, patch({ ...elsewhere, symptom: null, operations: [set] }))), against);
    assert.deepEqual(others(understood(BOB, 1, patch())), [], 'the same result is no contradiction');
    assert.deepEqual(others(understood(BOB, 1, patch({ ...elsewhere, base: sha256('other base') }))), []);
    const other = { ...set, path: ['steps', 'other', 'expect'] };
    const apart = patch({ ...elsewhere, symptom: null, operations: [other] });
    assert.deepEqual(others(understood(BOB, 1, apart)), []);
    // The same change with something beside it: the two merge.
    const more = patch({ ...elsewhere, symptom: null, operations: [...patch().operations, other] });
    assert.deepEqual(others(understood(BOB, 1, more)), []);
  });

  it('lets a withdrawn or superseded patch contradict nothing, and a superseding one contradict the old', () => {
    const bobs = understood(BOB, 1, patch({ result: sha256('elsewhere') }));
    const withdrawn = understood(BOB, 2, { kind: 'withdrawal', of: bobs.record.id, reason: 'wrong' });
    assert.deepEqual(others(bobs, withdrawn), []);

    const newer = understood(ALICE, 2, patch({ result: sha256('newer'), supersedes: SUBJECT.record.id }));
    const newest = understood(ALICE, 3, patch({ result: sha256('newest'), supersedes: newer.record.id }));
    assert.deepEqual(others(newer), [{ author: ALICE, stance: 'against', basis: 'contradicting-patch' }]);
    assert.deepEqual(
      voicesFor(newest, [SUBJECT, newer], fresh).map((one) => one.basis),
      ['author'],
    );
  });

  it('does not let one author supersede another', () => {
    const bobs = understood(BOB, 1, patch({ result: sha256('elsewhere') }));
    const takeover = understood(ALICE, 2, patch({ result: sha256('newer'), supersedes: bobs.record.id }));
    const bases = voicesFor(takeover, [bobs], fresh).map(
      (one) => `${one.author === BOB ? 'bob' : 'alice'} ${one.basis}`,
    );
    assert.deepEqual(bases.sort(), ['alice author', 'bob contradicting-patch']);
  });

  it('says the same in any order', () => {
    const of = SUBJECT.record.id;
    const records = [
      understood(BOB, 1, { kind: 'endorsement', of, reviewed: 'human', attestation: null }),
      understood(BOB, 2, { kind: 'withdrawal', of: understood(BOB, 1, patch()).record.id, reason: 'no' }),
      understood(CAROL, 1, patch({ result: sha256('elsewhere') })),
    ];
    const key = (voices: readonly Voice[]): string[] => voices.map((one) => JSON.stringify(one)).sort();
    assert.deepEqual(key(voicesFor(SUBJECT, records.toReversed(), fresh)), key(voicesFor(SUBJECT, records, fresh)));
  });
});
