import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { importPublicKey, verify, type PublicKey } from '../../src/crypto/ed25519.ts';
import vectors from '../vectors/ed25519-speccheck.json' with { type: 'json' };

/**
 * What we accept, frozen. `key`: does importPublicKey take the key. `raw`: what the verifier says when the check of
 * the key is left out. A change of either column means that nodes of two versions disagree about records.
 */
const FROZEN: readonly { readonly key: string; readonly raw: boolean }[] = [
  { key: 'small order', raw: false },
  { key: 'small order', raw: false },
  { key: 'small-order part', raw: false },
  { key: 'small-order part', raw: true },
  { key: 'small-order part', raw: false },
  { key: 'small-order part', raw: false },
  { key: 'accepted', raw: false },
  { key: 'accepted', raw: false },
  { key: 'small-order part', raw: false },
  { key: 'small-order part', raw: false },
  { key: 'canonical encoding', raw: false },
  { key: 'canonical encoding', raw: false },
];

describe('threat 11: the ed25519-speccheck table', () => {
  it('has all twelve published cases', () => assert.equal(vectors.cases.length, 12));

  for (const { case: number, what, ...vector } of vectors.cases) {
    const expected = FROZEN[number] ?? assert.fail(`no frozen answer for case ${number}`);
    const publicKey = Buffer.from(vector.publicKey, 'hex');
    const message = Buffer.from(vector.message, 'hex');
    const signature = Buffer.from(vector.signature, 'hex');

    it(`case ${number} (${what}): the key is ${expected.key === 'accepted' ? 'accepted' : 'refused'}, and never a forged record`, () => {
      if (expected.key !== 'accepted') {
        assert.throws(() => importPublicKey(publicKey), {
          code: 'crypto/bad-public-key',
          message: new RegExp(expected.key),
        });
        return;
      }
      assert.equal(verify(importPublicKey(publicKey), message, signature), false);
    });

    it(`case ${number}: the bare verifier says ${expected.raw}`, () => {
      assert.equal(verify(unchecked(publicKey), message, signature), expected.raw);
    });
  }
});

/** A key as the verifier would see it without the check on import. */
function unchecked(bytes: Uint8Array): PublicKey {
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytes]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made past its maker on purpose
  return { bytes, key: createPublicKey({ key: spki, format: 'der', type: 'spki' }) } as unknown as PublicKey;
}
