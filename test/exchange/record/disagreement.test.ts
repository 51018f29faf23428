/** Two signed builds that contradict each other, as a file for anybody. */
import assert from 'node:assert/strict';
import { sha256 } from '../../../src/crypto/digest.ts';
import {
  attestationDraft,
  disagreementOf,
  disagreementToJson,
  firstKeys,
  looksLikeDisagreement,
  openDisagreement,
  recordToJson,
  signRecord,
  type AttestationInput,
  type VerifiedRecord,
} from '../../../src/exchange/record/index.ts';
import { attestationOf } from './attested.ts';
import { draft, linkOf, NETWORK, newAuthor, type Author } from './author.ts';
import { Chain } from './keys.ts';

const [alice, bob] = [newAuthor(), newAuthor()];
const signed = (author: Author, fields: Partial<AttestationInput> = {}): VerifiedRecord =>
  signRecord(author.seed, linkOf(author, 1, null), attestationDraft(attestationOf(fields)));
const other = { manifest: sha256('another manifest') };
const nothing = { code: 'record/no-disagreement', exitCode: 3 };

describe('threat 31: a proof of disagreement by an author who has changed keys', () => {
  it('is checked by the keys of their feed, where those are known, and refused where they are not', () => {
    const chain = new Chain().rotate(2);
    const { epoch, seq } = { epoch: 1, seq: 2 };
    const link = { ...linkOf(alice, seq, chain.last.id), author: chain.author, epoch };
    const theirs = signRecord(chain.seed, link, attestationDraft(attestationOf(other)), chain.keys);
    const proof = Buffer.from(disagreementToJson(signed(alice), theirs));
    const keysOf = (author: string) => (author === chain.author ? chain.keys : firstKeys(alice.id));
    assert.equal(openDisagreement(proof, { network: NETWORK, keysOf }).sides[1].author, chain.author);
    assert.throws(() => openDisagreement(proof, { network: NETWORK }), { code: 'record/refused', message: /epoch 1/ });
  });
});

describe('threat 31: a proof of disagreement', () => {
  const [mine, theirs] = [signed(alice), signed(bob, other)];
  const proof = Buffer.from(disagreementToJson(mine, theirs));

  it('holds two signed builds with one build key and two manifests, of two authors or of one', () => {
    const { recipeName, sides } = openDisagreement(proof, { network: NETWORK });
    assert.equal(recipeName, 'debian-12-tiny');
    assert.deepEqual(
      sides.map(({ author, manifest }) => [author, manifest]),
      [
        [alice.id, attestationOf().manifest],
        [bob.id, other.manifest],
      ],
    );
    assert.equal(disagreementOf(mine, signed(alice, other)).sides[1].author, alice.id);
  });

  it('is told from a record by its first look', () => {
    assert.ok(looksLikeDisagreement(proof));
    assert.ok(!looksLikeDisagreement(Buffer.from(recordToJson(mine))));
  });

  for (const [what, a, b] of [
    ['equal manifests', mine, signed(bob)],
    ['another recipe', mine, signed(bob, { ...other, recipe: sha256('another recipe') })],
    ['another lock', mine, signed(bob, { ...other, lock: null })],
    ['another processor', mine, signed(bob, { ...other, cpuModel: 'max' })],
    ['something that is no build', mine, signRecord(bob.seed, linkOf(bob, 1, null), draft('I take it back'))],
    ['twice the same', mine, mine],
  ] as const) {
    it(`is not made of ${what}`, () => {
      assert.throws(() => disagreementToJson(a, b), nothing);
    });
  }

  it('is refused with one flipped bit, anywhere in what is signed', () => {
    const text = proof.toString();
    for (const { payload } of JSON.parse(text).envelopes as { payload: string }[]) {
      const bytes = Buffer.from(payload, 'base64');
      bytes.writeUInt8(bytes.readUInt8(bytes.length - 3) ^ 1, bytes.length - 3);
      const changed = Buffer.from(text.replace(payload, bytes.toString('base64')));
      assert.throws(() => openDisagreement(changed, { network: NETWORK }), { exitCode: 3 });
    }
  });

  it('is refused in another network, with one record, with three, or as anything else', () => {
    assert.throws(() => openDisagreement(proof, { network: 'elsewhere' }), { code: 'record/refused' });
    const { type, envelopes } = JSON.parse(proof.toString()) as { type: string; envelopes: unknown[] };
    for (const value of [
      { type, envelopes: envelopes.slice(1) },
      { type, envelopes: [...envelopes, envelopes[0]] },
      { type, envelopes: [envelopes[0], envelopes[0]] },
      { type: 'something', envelopes },
      { type },
      [],
    ]) {
      assert.throws(() => openDisagreement(Buffer.from(JSON.stringify(value)), { network: NETWORK }), nothing);
    }
    assert.throws(() => openDisagreement(Buffer.from(`{"type":"a","type":"b"}`), { network: NETWORK }), nothing);
    assert.throws(() => openDisagreement(Buffer.alloc(600_000, 0x20), { network: NETWORK }), nothing);
  });
});
