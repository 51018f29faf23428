/** Who is behind a PeerId: asked for every message, so that it may not cost more the more people are followed. */
import assert from 'node:assert/strict';
import { createAcquaintance, peerIdOf } from '../../../src/exchange/p2p/libp2p/peer-identity.ts';
import { firstKeys, type AuthorId, type FeedKeys } from '../../../src/exchange/record/index.ts';
import { authorOfSeed } from './nodes.ts';

const [ALICE, BOB, NEW] = [authorOfSeed(1), authorOfSeed(2), authorOfSeed(3)];
const rotated = (author: AuthorId, key: AuthorId): FeedKeys => ({
  ...firstKeys(author),
  epochs: [...firstKeys(author).epochs, { recovery: 0, epoch: 1, key, opened: null }],
});

describe('the author behind a PeerId', () => {
  /** Counts the authors whose keys were looked at. */
  function acquaintance(keys: readonly FeedKeys[], known: readonly AuthorId[]) {
    const asked = new Set<AuthorId>();
    const byAuthor = new Map(keys.map((one) => [one.author, one]));
    const store = {
      keysOf(author: AuthorId) {
        asked.add(author);
        return byAuthor.get(author) ?? firstKeys(author);
      },
      authorsWith: (key: AuthorId) =>
        keys.filter(({ epochs }) => epochs.length > 1 && epochs.at(-1)?.key === key).map(({ author }) => author),
    };
    return { asked, ...createAcquaintance(store, (author) => known.includes(author)) };
  }

  it('is the one whose feed that key signs now, if they are known here', () => {
    const one = acquaintance([rotated(ALICE, NEW)], [ALICE, BOB]);
    assert.equal(one.authorOf(peerIdOf(NEW)), ALICE);
    assert.equal(one.authorOf(peerIdOf(BOB)), BOB);
    // Given up: whoever may have it now.
    assert.equal(one.authorOf(peerIdOf(ALICE)), null);
    // Of a stranger's feeds nothing follows.
    assert.equal(acquaintance([rotated(ALICE, NEW)], [BOB]).authorOf(peerIdOf(NEW)), NEW);
    assert.equal(acquaintance([{ ...firstKeys(BOB), revoked: true }], [BOB]).authorOf(peerIdOf(BOB)), null);
  });

  it('is found without a look at anybody else, however many are followed', () => {
    const followed = Array.from({ length: 100 }, (_, index) => authorOfSeed(10 + index));
    const one = acquaintance([rotated(ALICE, NEW)], [ALICE, ...followed]);
    assert.equal(one.authorOf(peerIdOf(NEW)), ALICE);
    assert.equal(one.authorOf(peerIdOf(BOB)), BOB);
    assert.deepEqual([...one.asked].toSorted(), [ALICE, BOB].toSorted());
  });
});
