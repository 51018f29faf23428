import assert from 'node:assert/strict';
import { generateSeed, publicKeyOf } from '../../../src/crypto/ed25519.ts';
import { authorIdOf, authorKeyBytes, isAuthorId, parseAuthorId } from '../../../src/exchange/record/index.ts';

describe('author ids', () => {
  it('are the first public key, there and back', () => {
    const key = publicKeyOf(generateSeed());
    const id = authorIdOf(key);
    assert.match(id, /^ed25519:[0-9a-f]{64}$/);
    assert.deepEqual(authorKeyBytes(id), key);
    assert.equal(parseAuthorId(`  ${id}\n`), id);
  });

  it('are refused in any other form', () => {
    const id = authorIdOf(publicKeyOf(generateSeed()));
    for (const text of ['', 'alice', id.toUpperCase(), id.slice(1), `${id}0`, id.slice(0, -1), `${id}\u0000`]) {
      assert.throws(() => parseAuthorId(text), { code: 'record/bad-author' }, text);
      assert.equal(isAuthorId(text), false);
    }
    assert.throws(() => authorIdOf(new Uint8Array(31)), { code: 'record/bad-author' });
  });

  it('threat 11: are refused when the key is weak, with the reason', () => {
    assert.throws(() => parseAuthorId(`ed25519:01${'00'.repeat(31)}`), {
      code: 'crypto/bad-public-key',
      message: /small order/,
    });
  });
});
