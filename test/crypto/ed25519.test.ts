import assert from 'node:assert/strict';
import { createPrivateKey, sign as nodeSign } from 'node:crypto';
import * as fc from 'fast-check';
import * as noble from '@noble/ed25519';
import { generateSeed, importPublicKey, publicKeyOf, sign, verify, verifyAside } from '../../src/crypto/ed25519.ts';
import { createKeyCache } from '../../src/crypto/key-cache.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

/** RFC 8032, section 7.1: TEST 1, 2, 3. */
const RFC8032 = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
];

describe('ed25519', () => {
  for (const [index, vector] of RFC8032.entries()) {
    it(`agrees with RFC 8032, test ${index + 1}`, () => {
      assert.deepEqual(publicKeyOf(hex(vector.seed)), hex(vector.publicKey));
      assert.deepEqual(sign(hex(vector.seed), hex(vector.message)), hex(vector.signature));
      assert.ok(verify(importPublicKey(hex(vector.publicKey)), hex(vector.message), hex(vector.signature)));
    });
  }

  it('signs byte for byte as node:crypto does, whatever the seed and message', () => {
    const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(
      fc.property(bytes(32), fc.uint8Array({ maxLength: 200 }), (seed, message) => {
        const key = createPrivateKey({ key: Buffer.concat([prefix, seed]), format: 'der', type: 'pkcs8' });
        assert.deepEqual(Buffer.from(sign(seed, message)), nodeSign(null, message, key));
      }),
      { numRuns: 20 },
    );
  });

  it('refuses a signature with any bit flipped, cut short, or on another message, on this thread and on another', async () => {
    const seed = generateSeed();
    const key = importPublicKey(publicKeyOf(seed));
    const message = Buffer.from('a message');
    const signature = sign(seed, message);
    const assertSaid = async (holds: boolean, ...asked: Parameters<typeof verify>): Promise<void> => {
      assert.equal(verify(...asked), holds);
      assert.equal(await verifyAside(...asked), holds);
    };
    await assertSaid(true, key, message, signature);
    for (let bit = 0; bit < 512; bit += 37) {
      const flipped = Uint8Array.from(signature);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await assertSaid(false, key, message, flipped);
    }
    await assertSaid(false, key, message, signature.subarray(0, 63));
    await assertSaid(false, key, message, Buffer.concat([signature, Buffer.of(0)]));
    await assertSaid(false, key, Buffer.from('a massage'), signature);
    await assertSaid(false, importPublicKey(publicKeyOf(generateSeed())), message, signature);
  });

  it('makes another seed each time', () => {
    assert.notDeepEqual(generateSeed(), generateSeed());
    assert.equal(generateSeed().length, 32);
  });

  it('refuses a seed of another length', () => {
    assert.throws(() => sign(new Uint8Array(64), new Uint8Array(0)), { code: 'crypto/bad-seed' });
    assert.throws(() => publicKeyOf(new Uint8Array(31)), { code: 'crypto/bad-seed' });
  });
});

describe('threat 11: weak keys are refused on import', () => {
  const refusals: [string, string, RegExp][] = [
    ['too short', '00'.repeat(31), /31 bytes, not 32/],
    ['too long', '00'.repeat(33), /33 bytes, not 32/],
    ['not on the curve', `02${'00'.repeat(31)}`, /not the canonical encoding of a point/],
    ['the neutral element (order 1)', `01${'00'.repeat(31)}`, /small order/],
    ['order 2', `ec${'ff'.repeat(30)}7f`, /small order/],
    ['order 4', '00'.repeat(32), /small order/],
    ['order 8', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa', /small order/],
    ['y = p, another writing of 0', `ed${'ff'.repeat(30)}7f`, /not the canonical encoding/],
    ['y = p + 1, another writing of 1', `ee${'ff'.repeat(30)}7f`, /not the canonical encoding/],
    ['a sign bit on x = 0', `01${'00'.repeat(30)}80`, /not the canonical encoding/],
    ['with torsion', 'cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d', /small-order part/],
  ];
  for (const [what, key, reason] of refusals) {
    it(`refuses a key that is ${what}`, () => {
      assert.throws(() => importPublicKey(hex(key)), { code: 'crypto/bad-public-key', message: reason });
    });
  }

  it('takes honest keys, and keeps a copy that the caller cannot change', () => {
    const bytes = publicKeyOf(generateSeed());
    const key = importPublicKey(bytes);
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    assert.notDeepEqual(key.bytes, bytes);
  });
});

describe('the key cache', () => {
  it('gives the same object again, is bounded, and drops what was unused longest', () => {
    const cache = createKeyCache(2);
    const [a, b, c] = [publicKeyOf(generateSeed()), publicKeyOf(generateSeed()), publicKeyOf(generateSeed())];
    const first = cache(a);
    const second = cache(b);
    assert.equal(cache(a), first);
    cache(c);
    assert.equal(cache(a), first, 'a was used after b');
    assert.notEqual(cache(b), second, 'b had to go');
  });

  it('refuses a weak key every time', () => {
    const cache = createKeyCache(2);
    const weak = new Uint8Array(32);
    assert.throws(() => cache(weak), { code: 'crypto/bad-public-key' });
    assert.throws(() => cache(weak), { code: 'crypto/bad-public-key' });
  });
});

describe('threat 11: torsion in R under a torsion-free key', () => {
  it('is refused, though a cofactored verifier would accept it', () => {
    const seed = generateSeed();
    const { scalar, pointBytes } = noble.utils.getExtendedPublicKey(seed);
    const message = Buffer.from('torsion in R');
    // R' = rB + T with T of order 8, and S made for that R' as an honest signer would.
    const torsion = noble.Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa');
    const r = 12345678901234567890n;
    const R = noble.Point.BASE.multiply(r).add(torsion);
    const order = noble.Point.CURVE().n;
    const k = leNumber(noble.hash(Buffer.concat([R.toBytes(), pointBytes, message]))) % order;
    const S = (r + k * scalar) % order;
    const signature = Buffer.concat([R.toBytes(), leBytes(S)]);

    const cofactored = noble.Point.BASE.multiply(S)
      .clearCofactor()
      .equals(R.add(noble.Point.fromBytes(pointBytes).multiply(k)).clearCofactor());
    assert.ok(cofactored, 'the vector is what it says');
    assert.equal(verify(importPublicKey(pointBytes), message, signature), false);
  });
});

function leNumber(bytes: Uint8Array): bigint {
  return BigInt(
    `0x${Buffer.from(bytes)
      .toReversed()
      .reduce((text, byte) => text + byte.toString(16).padStart(2, '0'), '')}`,
  );
}

function leBytes(value: bigint): Uint8Array {
  return Uint8Array.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex')).toReversed();
}
