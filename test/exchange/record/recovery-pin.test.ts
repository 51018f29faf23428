import assert from 'node:assert/strict';
import { publicKeyOf } from '../../../src/crypto/ed25519.ts';
import { authorIdOf, formatPin, isStoredBesidePin, parsePin, pinsOf } from '../../../src/exchange/record/index.ts';
import { Chain, seedOf } from './keys.ts';

const keyOf = (seed: number) => authorIdOf(publicKeyOf(seedOf(seed)));
const HEX = keyOf(99).slice('ed25519:'.length);

describe('a recovery key that is named in advance', () => {
  it('is of the beginning and of the newest recovery', () => {
    const chain = new Chain();
    assert.deepEqual(pinsOf(chain.keys), [{ recovery: 0, key: keyOf(99) }]);
    chain.recover(2, -1, { next: 98 });
    assert.deepEqual(pinsOf(chain.keys), [
      { recovery: 0, key: keyOf(99) },
      { recovery: 1, key: keyOf(98) },
    ]);
    chain.recover(3, -1, { by: 98, next: 97 });
    assert.deepEqual(
      pinsOf(chain.keys).map(({ recovery }) => recovery),
      [0, 2],
    );
    // Of a feed that committed to none there is nothing to say, and of one that is not here neither.
    assert.deepEqual(
      [pinsOf({ ...chain.keys, recoveryKeys: [null] }), pinsOf({ ...chain.keys, recoveryKeys: [] })],
      [[], []],
    );
  });

  it('reads as it was written, and else not at all', () => {
    for (const pin of [...pinsOf(new Chain().recover(2, -1, { next: 98 }).keys), { recovery: 64, key: keyOf(1) }]) {
      assert.deepEqual(parsePin(formatPin(pin)), pin);
    }
    const weak = '00'.repeat(32);
    for (const text of [
      '',
      HEX,
      `0.${HEX}0`,
      `0.${HEX.toUpperCase()}`,
      `00.${HEX}`,
      `-1.${HEX}`,
      `65.${HEX}`,
      `0.${weak}`,
    ]) {
      assert.equal(parsePin(text), undefined, text);
    }
  });

  it('tells another branch, as far as that goes', () => {
    const pins = pinsOf(new Chain().recover(2, -1, { next: 98 }).keys);
    const stored = (chain: Chain) => isStoredBesidePin(pins, chain.keys);
    assert.equal(stored(new Chain()), false, 'it may come to it');
    assert.equal(stored(new Chain().recover(7, -1, { next: 98 })), false);
    assert.equal(stored(new Chain().recover(7, -1, { next: 97 })), true);
    assert.equal(stored(new Chain(undefined, 0, 66)), true);
    assert.equal(isStoredBesidePin(pins, { ...new Chain().keys, recoveryKeys: [null] }), true);
  });
});
