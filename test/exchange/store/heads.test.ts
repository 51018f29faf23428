import assert from 'node:assert/strict';
import { freshnessOf, signHead, verifyForkProof, type VerifiedRecord } from '../../../src/exchange/record/index.ts';
import { openDatabase, type Database } from '../../../src/exchange/store/database.ts';
import { LevelStore } from '../../../src/exchange/store/level-store.ts';
import { at, feed, NETWORK, newAuthor } from '../record/author.ts';
import { Chain } from '../record/keys.ts';
import { assertRefused, bytes, everybody } from './admissions.ts';
import { temporaryStores } from './folder.ts';

describe('signed heads', () => {
  const stores = temporaryStores();
  const now = new Date('2026-11-23T06:00:00Z');
  const options = { ...everybody, now };
  const headFor = (author: ReturnType<typeof newAuthor>, { link, id }: VerifiedRecord, at_ = now) =>
    signHead(author.seed, NETWORK, { ...link, id }, { now: at_ });

  it('are kept, newest first, across a restart', async () => {
    const path = await stores.path();
    const store = await stores.openAt(path);
    const author = newAuthor();
    const records = feed(author, 3);
    await store.admitAll(bytes(records), everybody);
    assert.equal(await store.headOf(author.id, 'public'), undefined);
    const second = headFor(author, at(records, 1));
    assert.deepEqual(await store.putHead(second.envelope, options), { result: 'kept', head: second });
    const third = headFor(author, at(records, 2));
    assert.equal((await store.putHead(third.envelope, options)).result, 'kept');
    await store.close();
    const again = await stores.openAt(path);
    assert.deepEqual(await again.headOf(author.id, 'public'), third);
    assert.equal(freshnessOf(third, await again.head(author.id, 'public'), now).state, 'fresh');
  });

  it('threat 5: an older one, replayed, is not taken for the newest', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const records = feed(author, 2);
    const renewed = headFor(author, at(records, 1), new Date(now.getTime() + 60_000));
    await store.putHead(renewed.envelope, options);
    for (const old of [headFor(author, at(records, 1)), headFor(author, at(records, 0)), renewed]) {
      assert.deepEqual(await store.putHead(old.envelope, options), { result: 'older', head: renewed });
    }
  });

  it('threat 18: from the future are refused', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const early = headFor(author, at(feed(author, 1), 0), new Date('2027-01-01T00:00:00Z'));
    const admission = await store.putHead(early.envelope, options);
    assert.ok(admission.result === 'refused' && /still to come/.test(admission.detail));
    assert.deepEqual(store.refusals(), { 'bad-statement': 1 });
  });

  it('of strangers are refused', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const signed = headFor(author, at(feed(author, 1), 0));
    const admission = await store.putHead(signed.envelope, { now, follows: () => false });
    assert.ok(admission.result === 'refused' && admission.reason === 'unknown-author');
  });

  it('threat 7: that contradict a stored record, or one another, freeze the feed', async () => {
    const store = await stores.open();
    const [alice, bob] = [newAuthor(), newAuthor()];
    const records = feed(alice, 2);
    await store.admitAll(bytes(records), everybody);
    const lie = headFor(alice, at(feed(alice, 2, 'other'), 1));
    const admission = await store.putHead(lie.envelope, options);
    assert.ok(admission.result === 'refused' && admission.reason === 'fork');
    await store.putHead(headFor(bob, at(feed(bob, 2, 'one'), 1)).envelope, options);
    const second = await store.putHead(headFor(bob, at(feed(bob, 2, 'two'), 1)).envelope, options);
    assert.ok(second.result === 'refused' && second.reason === 'fork');
    const frozen = await store.frozen();
    assert.equal(frozen.length, 2);
    for (const { proof } of frozen) assert.ok(!('refused' in verifyForkProof(...proof, { network: NETWORK })));
    assertRefused(await store.admit(at(feed(alice, 1, 'next', at(records, 1)), 0).envelope, everybody), 'frozen');
  });

  it('threat 7: that tell again of a fork that is known are no news, and an earlier one is', async () => {
    const store = await stores.open();
    const alice = newAuthor();
    await store.admitAll(bytes(feed(alice, 3)), everybody);
    const others = feed(alice, 3, 'other');
    const reasons = [];
    for (const index of [2, 2, 1, 1, 2]) {
      const admission = await store.putHead(headFor(alice, at(others, index)).envelope, options);
      reasons.push(admission.result === 'refused' ? admission.reason : admission.result);
    }
    assert.deepEqual(reasons, ['fork', 'frozen', 'fork', 'frozen', 'frozen']);
    assert.equal((await store.frozen())[0]?.at.seq, 2);
  });

  describe('that are being read while a recovery voids them', () => {
    /** Reads a head of the time before a recovery, whose bytes arrive only when that recovery is on the disk. */
    async function readAcross(before: Chain, after: Chain) {
      const path = await stores.path();
      const store = await stores.openAt(path);
      await store.admitAll(before.envelopes, everybody);
      const { id, link } = before.last;
      const signed = signHead(before.seed, NETWORK, { ...link, id }, { now, feedKeys: before.keys });
      assert.equal((await store.putHead(signed.envelope, options)).result, 'kept');
      await store.close();

      const database = await openDatabase(path, NETWORK);
      const committed = Promise.withResolvers<void>();
      const slow: Database = {
        ...database,
        async get(key) {
          const value = await database.get(key);
          if (key.startsWith('head\0')) await committed.promise;
          return value;
        },
      };
      const again = await LevelStore.over(slow, NETWORK);
      try {
        const reading = again.headOf(before.author, 'public');
        const [admission] = await again.admitAll([after.last.envelope], everybody);
        assert.equal(admission?.result, 'admitted', JSON.stringify(admission));
        committed.resolve();
        return { read: await reading, later: await again.headOf(before.author, 'public') };
      } finally {
        await again.close();
      }
    }

    it('are not kept, where their key still is one of the feed', async () => {
      const trunk = new Chain().write('a', 3);
      const owner = trunk.branch().recover(2, 1);
      assert.deepEqual(await readAcross(trunk, owner), { read: undefined, later: undefined });
    });

    it('are no damage, where their key is one of a branch that was left', async () => {
      const trunk = new Chain().write('a', 3);
      const thief = trunk.branch().rotate(66).write('theirs');
      assert.deepEqual(await readAcross(thief, trunk.branch().recover(2)), { read: undefined, later: undefined });
    });
  });
});
