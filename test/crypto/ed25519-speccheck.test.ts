import assert from 'node:assert/strict';
import { createHash, createPublicKey } from 'node:crypto';
import * as noble from '@noble/ed25519';
import { importPublicKey, verify, verifyAside, type PublicKey } from '../../src/crypto/ed25519.ts';
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

    it(`case ${number}: the bare verifier says ${expected.raw}, on this thread and on another`, async () => {
      assert.equal(verify(unchecked(publicKey), message, signature), expected.raw);
      assert.equal(await verifyAside(unchecked(publicKey), message, signature), expected.raw);
    });
  }
});

/**
 * Not among the published ones: an honest, torsion-free key, and R with a part of order 8. Whoever signs so makes
 * signatures on which verifiers disagree: ZIP-215 and noble's strict mode take this one. S and the challenge are right.
 */
describe('threat 11: torsion in R under a torsion-free key', () => {
  const publicKey = Buffer.from('197f6b23e16c8532c6abc838facd5ea789be0c76b2920334039bfa8b3d368d61', 'hex');
  const message = Buffer.from('torsion in R under a torsion-free key');
  const signature = Buffer.from(
    '5b2fa225999b5b26d1b477c966f5a8ffb75bd27ba72d3872255516e2d5c65143' +
      '92912c51acb5ac8f6d6def9b2cf4d4bff12124a79107ced9d06b32ac4ea2800b',
    'hex',
  );

  it('is refused by the one verifier, though the key is accepted and others take the signature', async () => {
    assert.equal(verify(importPublicKey(publicKey), message, signature), false);
    assert.equal(await verifyAside(importPublicKey(publicKey), message, signature), false);
    noble.hashes.sha512 ??= (bytes) => Uint8Array.from(createHash('sha512').update(bytes).digest());
    assert.equal(noble.verify(signature, message, publicKey), true, 'it is what it says it is');
  });
});

/** A key as the verifier would see it without the check on import. */
function unchecked(bytes: Uint8Array): PublicKey {
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytes]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made past its maker on purpose
  return { bytes, key: createPublicKey({ key: spki, format: 'der', type: 'spki' }) } as unknown as PublicKey;
}
