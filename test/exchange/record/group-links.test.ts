import assert from 'node:assert/strict';
import { publicKeyOf } from '../../../src/crypto/ed25519.ts';
import {
  authorIdOf,
  followingPredicate,
  judgeGroupLink,
  keyActionOf,
  keyDraft,
  openingDraft,
  type FeedLink,
  type GroupFeedState,
} from '../../../src/exchange/record/index.ts';
import { sha256 } from '../../../src/crypto/digest.ts';
import { NETWORK } from './author.ts';
import { SCOPE } from './group-chain.ts';
import { Chain, seedOf } from './keys.ts';

const { author } = new Chain();
const KEY = authorIdOf(publicKeyOf(seedOf(2)));
const [ONE, TWO, OTHER] = [sha256('one'), sha256('two'), sha256('other')];

function linkAt(epoch: number, seq: number, prev: FeedLink['prev'], recovery = 0): FeedLink {
  return { network: NETWORK, author, scope: SCOPE, recovery, epoch, seq, prev };
}

describe('the record that takes a group’s feed along', () => {
  const link = linkAt(2, 1, ONE, 1);
  const keep = { recovery: 0, epoch: 1, seq: 7, id: ONE };
  const good = followingPredicate(KEY, keep);
  const read = (predicate: typeof good, at = link) => keyActionOf(keyDraft(author, predicate), at);

  it('names a key, and the last record that stays or none', () => {
    assert.deepEqual(read(good), { action: 'follow', key: KEY, keep });
    const none = followingPredicate(KEY, null);
    assert.deepEqual(read(none, linkAt(2, 1, null)), { action: 'follow', key: KEY, keep: null });
  });

  const refused: readonly [string, typeof good, FeedLink, RegExp][] = [
    ['in a public feed', good, { ...link, scope: 'public' }, /of no use in this feed/],
    ['where no epoch begins', good, linkAt(2, 2, ONE, 1), /first record of an epoch/],
    ['where the first epoch begins', followingPredicate(KEY, null), linkAt(0, 1, null), /first record of an epoch/],
    ['with a field more', { ...good, more: 1 }, link, /a field that this version does not know/],
    ['without a key', { action: 'follow', keep: good['keep'] }, link, /predicate.key is not a public key/],
    ['with a weak key', { ...good, key: `ed25519:01${'0'.repeat(62)}` }, link, /predicate.key/],
    ['without what it keeps', { action: 'follow', key: KEY }, link, /keep is not an object/],
    ['that keeps nothing, after a record', followingPredicate(KEY, null), link, /not the record before/],
    ['that keeps a record, after none', good, linkAt(2, 1, null, 1), /not the record before/],
    ['that keeps another record', { ...good, keep: { ...keep, id: TWO } }, link, /not the record before/],
    ['that keeps more than a place', { ...good, keep: { ...keep, more: 1 } }, link, /a field that this version/],
    ['that keeps one of its own epoch', { ...good, keep: { ...keep, recovery: 1, epoch: 2 } }, link, /an epoch before/],
    [
      'that keeps one of a later recovery',
      { ...good, keep: { ...keep, recovery: 2, epoch: 2 } },
      link,
      /an epoch before/,
    ],
    [
      'that keeps a place that there is not',
      { ...good, keep: { ...keep, recovery: 2, epoch: 1 } },
      link,
      /an epoch before/,
    ],
    ['that keeps no seq', { ...good, keep: { ...keep, seq: 0 } }, link, /an epoch before/],
    ['that keeps half a seq', { ...good, keep: { ...keep, seq: 1.5 } }, link, /an epoch before/],
  ];
  for (const [what, predicate, at, words] of refused) {
    it(`is not one ${what}`, () => {
      const action = read(predicate, at);
      assert.ok('refused' in action, JSON.stringify(action));
      assert.match(action.detail, words);
    });
  }

  it('is the only one about keys that does anything in a group', () => {
    const opening = openingDraft({ author, recoveryPublicKey: publicKeyOf(seedOf(99)) });
    const revocation = keyDraft(author, { action: 'revoke', reason: 'stolen' });
    for (const [one, at] of [
      [opening, linkAt(0, 1, null)],
      [revocation, linkAt(0, 2, ONE)],
    ] as const) {
      assert.ok('action' in keyActionOf(one, { ...at, scope: 'public' }));
      assert.ok('refused' in keyActionOf(one, at));
    }
  });
});

describe('the link of a record in a group', () => {
  const head = (epoch: number, seq: number, id = ONE) => ({ author, scope: SCOPE, recovery: 0, epoch, seq, id });
  const state = (given: Partial<GroupFeedState>): GroupFeedState => ({
    head: undefined,
    idAt: undefined,
    newest: { recovery: 0, epoch: 0 },
    following: undefined,
    ...given,
  });
  const newest = { recovery: 0, epoch: 1 };
  const keep = { recovery: 0, epoch: 0, seq: 3, id: ONE };
  const follow = { action: 'follow', key: KEY, keep } as const;

  const cases: readonly [string, FeedLink, Partial<GroupFeedState>, string][] = [
    ['begins a feed', linkAt(0, 1, null), {}, 'next'],
    ['leaves a gap where nothing is', linkAt(0, 3, TWO), {}, 'gap'],
    ['comes next', linkAt(0, 4, ONE), { head: head(0, 3) }, 'next'],
    ['leaves a gap', linkAt(0, 5, TWO), { head: head(0, 3) }, 'gap'],
    ['stands where another does', linkAt(0, 3, TWO), { head: head(0, 3), idAt: ONE }, 'fork'],
    ['comes after another record than the last', linkAt(0, 4, TWO), { head: head(0, 3) }, 'fork'],
    ['does so by a key that was given up', linkAt(0, 4, TWO), { head: head(0, 3), newest }, 'given-up'],
    ['stands there by a key that was given up', linkAt(0, 3, TWO), { head: head(0, 3), idAt: ONE, newest }, 'given-up'],
    ['comes next by a key that was given up', linkAt(0, 4, ONE), { head: head(0, 3), newest }, 'next'],
    ['is of an epoch that has ended here', linkAt(0, 4, TWO), { head: head(1, 1), newest }, 'given-up'],
    ['is of an epoch that nothing has opened', linkAt(1, 2, TWO), { head: head(0, 3), newest }, 'unknown-key'],
    ['is so where nothing is', linkAt(1, 2, TWO), { newest }, 'unknown-key'],
    ['goes on', linkAt(1, 1, ONE), { head: head(0, 5, TWO), newest, following: follow }, 'follow'],
    ['goes on where nothing is', linkAt(1, 1, ONE), { newest, following: follow }, 'follow'],
    ['goes on twice', linkAt(1, 1, ONE), { head: head(1, 4), idAt: TWO, newest, following: follow }, 'fork'],
  ];
  for (const [what, link, given, verdict] of cases) {
    it(`${verdict}: it ${what}`, () => assert.equal(judgeGroupLink(OTHER, link, state(given)).verdict, verdict));
  }

  it('is no news where it is stored', () => {
    assert.equal(judgeGroupLink(ONE, linkAt(0, 3, TWO), state({ head: head(0, 3), idAt: ONE })).verdict, 'known');
  });

  it('threat 17: of what goes on with a key that was given up takes nothing away', () => {
    const later = { recovery: 1, epoch: 2 };
    const judge = (given: Partial<GroupFeedState>) =>
      judgeGroupLink(OTHER, linkAt(1, 1, ONE), state({ newest: later, following: follow, ...given })).verdict;
    assert.equal(judge({ head: head(0, 3, ONE) }), 'follow');
    assert.equal(judge({ head: head(0, 4, TWO) }), 'given-up');
    assert.equal(judge({}), 'given-up');
    assert.equal(judge({ following: { ...follow, keep: null } }), 'follow');
    assert.equal(judge({ following: { ...follow, keep: null }, head: head(0, 1) }), 'given-up');
    assert.equal(judge({ head: head(1, 1), idAt: TWO }), 'given-up');
    assert.equal(judge({ head: { ...head(2, 1), recovery: 1 } }), 'given-up');
  });
});
