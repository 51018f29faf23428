/** docs/decisions/rival-recoveries.md: two recoveries of one number that name different recovery keys. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { publicKeyOf } from '../../../src/crypto/ed25519.ts';
import { authorIdOf, currentKey, type VerifiedRecord } from '../../../src/exchange/record/index.ts';
import type { OwnStore } from '../../../src/exchange/store/index.ts';
import { Chain, seedOf } from '../record/keys.ts';
import { temporaryStores } from './folder.ts';

const everybody = { follows: () => true };

async function contents(store: OwnStore, { author }: Chain): Promise<unknown> {
  const records = await store.range(author, 'public', 0, 1000);
  return {
    ids: records.map(({ id }) => id),
    head: await store.head(author, 'public'),
    key: currentKey(store.keysOf(author, 'public')),
    recoveryKeys: store.keysOf(author, 'public').recoveryKeys,
    frozen: (await store.frozen()).length,
  };
}

/** What can be seen of a frozen feed: where it stops, and that a person has to choose. */
async function stopped(store: OwnStore): Promise<unknown> {
  return (await store.frozen()).map(({ at, rivals }) => ({ at, mustChoose: rivals !== null }));
}

/** As a peer sends what it has to somebody who stands somewhere else (p2p/sync/shipping.ts). */
async function sync(store: OwnStore, chain: Chain): Promise<void> {
  const openings = chain.records.filter(({ link }) => link.epoch > 0 && link.seq === 1);
  for (const opening of openings) {
    const index = chain.records.indexOf(opening);
    const kept = chain.records.slice(0, index).toReversed();
    await store.admitAll(
      [opening, ...kept, opening].map(({ envelope }) => envelope),
      everybody,
    );
  }
  await store.admitAll(chain.envelopes, everybody);
}

describe('rival recoveries', () => {
  const stores = temporaryStores();

  async function holding(...chains: Chain[]): Promise<OwnStore> {
    const store = await stores.open();
    for (const chain of chains) await store.admitAll(chain.envelopes, everybody);
    return store;
  }

  /** The owner replaces the recovery key 99 by 98; whoever has copied 99 makes a recovery of their own beside it. */
  function owned(trunk = new Chain().write('trunk', 2)) {
    const owner = trunk.branch().recover(2, -1, { next: 98 });
    const thief = trunk.branch().write('by the thief').recover(66, -1, { by: 99, next: 67 });
    const [mine, theirs] = [owner.last, thief.last];
    return { trunk, owner, thief, mine, theirs };
  }

  it('threat 17: freeze the feed, and no recovery that either side signs later ends it', async () => {
    const { owner, thief } = owned();
    const store = await holding(owner, thief);
    assert.deepEqual(await stopped(store), [{ at: { recovery: 1, epoch: 1, seq: 1 }, mustChoose: true }]);
    owner.recover(3, -1, { by: 98, next: 97 }).write('more');
    thief.recover(68, -1, { by: 67, next: 67 });
    for (const chain of [owner, thief, owner]) await sync(store, chain);
    assert.deepEqual(await stopped(store), [{ at: { recovery: 1, epoch: 1, seq: 1 }, mustChoose: true }]);
  });

  it('threat 17: freeze it also for who had long gone on with one of them: both halves come to the same', async () => {
    const { owner, thief } = owned();
    owner.recover(3, -1, { by: 98, next: 97 }).write('much later', 3);
    const [early, late] = [await holding(owner, thief), await holding(thief, owner)];
    assert.deepEqual(await stopped(early), await stopped(late));
    assert.equal((await early.frozen()).length, 1);
  });

  it('are ended by the person’s choice, on either half, and the feed is then what the chosen side made', async () => {
    const { owner, thief, mine, theirs } = owned();
    owner.write('mine', 2).recover(3, -1, { by: 98, next: 97 }).write('still mine');
    thief.write('theirs', 2);
    for (const [chain, record] of [
      [owner, mine],
      [thief, theirs],
    ] as const) {
      const expected = await contents(await holding(chain), chain);
      for (const store of [await holding(owner, thief), await holding(thief, owner)]) {
        await store.choose(owner.author, 'public', record.id);
        await sync(store, chain);
        assert.deepEqual(await contents(store, chain), expected);
        // The other side has nothing more to say.
        await sync(store, chain === owner ? thief : owner);
        assert.deepEqual(await contents(store, chain), expected);
      }
    }
  });

  it('may be chosen between once more, by who has chosen wrongly; a restart forgets nothing of it', async () => {
    const { owner, thief, mine, theirs } = owned();
    const folder = await stores.path();
    let store = await stores.openAt(folder);
    await store.admitAll([...thief.envelopes, ...owner.envelopes], everybody);
    const { voided } = await store.choose(owner.author, 'public', theirs.id);
    assert.deepEqual(voided, []);
    await store.close();
    store = await stores.openAt(folder);
    const [chosen] = await store.chosen();
    assert.equal(chosen?.id, theirs.id);
    assert.deepEqual(new Set(chosen?.rivals), new Set([mine.id, theirs.id]));
    assert.deepEqual(await store.frozen(), []);
    assert.deepEqual((await store.choose(owner.author, 'public', mine.id)).voided, [theirs.id]);
    await sync(store, owner);
    assert.deepEqual(await contents(store, owner), await contents(await holding(owner), owner));
    // By its id alone: whoever sends it again and again costs no signature check.
    const unsigned = Uint8Array.from(theirs.envelope);
    unsigned[unsigned.length - 100] = (unsigned[unsigned.length - 100] ?? 0) ^ 1;
    for (const refused of await store.admitAll([theirs.envelope, unsigned], everybody)) {
      assert.ok(refused.result === 'refused' && refused.reason === 'not-chosen', JSON.stringify(refused));
    }
  });

  it('cannot be chosen between where there are none, nor can a third record be', async () => {
    const { owner, thief, trunk } = owned();
    const store = await holding(owner);
    await assert.rejects(store.choose(owner.author, 'public', owner.last.id), { code: 'store/no-rivals' });
    await store.admitAll(thief.envelopes, everybody);
    await assert.rejects(store.choose(owner.author, 'public', trunk.last.id), { code: 'store/not-a-rival' });
  });

  it('threat 17: stop nobody a second time: one choice settles the keys of all recoveries before it', async () => {
    const { owner, thief, mine, trunk } = owned();
    owner.recover(3, -1, { by: 98, next: 97 }).recover(4, -1, { by: 97, next: 96 });
    const store = await holding(owner, thief);
    await store.choose(owner.author, 'public', mine.id);
    const others = [
      trunk.branch().recover(70, -1, { by: 99, next: 71 }).last,
      owner.branch(owner.records.length - 2).recover(72, -1, { by: 98, next: 73 }).last,
      owner.branch(owner.records.length - 1).recover(74, -1, { by: 97, next: 75 }).last,
    ];
    for (const { envelope } of others) {
      const admission = await store.admit(envelope, everybody);
      assert.ok(admission.result === 'refused' && admission.reason === 'not-chosen', JSON.stringify(admission));
      const proof = await store.putProof(envelope, mine.envelope, everybody);
      assert.notEqual(proof.result, 'frozen');
    }
    assert.deepEqual(await store.frozen(), []);
    // The key that is in force is another matter.
    const newest = owner.branch().recover(5, -1, { by: 96, next: 95 });
    const rival = owner.branch().recover(76, -1, { by: 96, next: 77 });
    await store.admitAll([newest.last.envelope, rival.last.envelope], everybody);
    assert.deepEqual(await stopped(store), [{ at: { recovery: 4, epoch: 4, seq: 1 }, mustChoose: true }]);
  });

  it('that come as a proof alone freeze a feed that has neither, and say more than any fork before', async () => {
    const { owner, thief, trunk } = owned();
    const store = await holding(trunk, trunk.branch(2).write('another'));
    assert.deepEqual(await stopped(store), [{ at: { recovery: 0, epoch: 0, seq: 3 }, mustChoose: false }]);
    const keyRecords = [trunk.at(0).envelope];
    const proof = await store.putProof(owner.last.envelope, thief.last.envelope, { ...everybody, keyRecords });
    assert.equal(proof.result, 'frozen');
    assert.deepEqual(await stopped(store), [{ at: { recovery: 1, epoch: 1, seq: 1 }, mustChoose: true }]);
    await store.choose(owner.author, 'public', owner.last.id);
    await sync(store, owner);
    assert.deepEqual(await contents(store, owner), await contents(await holding(owner), owner));
  });

  it('come to the same in whatever order three of them and their records arrive, again and again', async function () {
    this.timeout(120_000);
    const trunk = new Chain().write('trunk', 1);
    const owner = trunk.branch().write('mine').recover(2, -1, { next: 98 }).write('mine again');
    owner.recover(3, -1, { by: 98, next: 97 });
    const thief = trunk.branch().recover(66, -1, { by: 99, next: 67 }).recover(68, -1, { by: 67, next: 67 });
    // The owner's paper, used on a second machine: names the recovery key that the owner's first recovery names.
    const twin = trunk.branch().rotate(5).recover(6, -1, { next: 98 });
    const chains = [owner, thief, twin];
    const mine = owner.records.find(({ link }) => link.recovery === 1);
    assert.ok(mine);
    const all = [...new Set(chains.flatMap(({ records }) => records))];
    const expected = await contents(await holding(owner), owner);
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(all, { minLength: all.length }),
        fc.shuffledSubarray(chains, { minLength: chains.length }),
        async (order, syncs) => {
          const store = await stores.open();
          await store.admitAll(
            order.map(({ envelope }) => envelope),
            everybody,
          );
          for (let round = 0; round < 2; round += 1) for (const chain of syncs) await sync(store, chain);
          assert.deepEqual(await stopped(store), [{ at: { recovery: 1, epoch: 1, seq: 1 }, mustChoose: true }]);
          const [frozen] = await store.frozen();
          const named: readonly string[] = frozen?.rivals ?? [];
          // Of three it may be any two; one of them is the thief's, and the other names the owner's next key.
          const choice = named.includes(mine.id) ? mine.id : twin.last.id;
          assert.ok(choice);
          await store.choose(owner.author, 'public', choice);
          for (let round = 0; round < 2; round += 1) for (const chain of syncs) await sync(store, chain);
          // The owner's next recovery ends what the second machine began.
          assert.deepEqual(await contents(store, owner), expected);
          await store.close();
        },
      ),
      { numRuns: 12, seed: 4 },
    );
  });
});

describe('the owner of a feed with rival recoveries', () => {
  const stores = temporaryStores();

  /** A home whose owner has signed a recovery of their own. */
  async function recovered(): Promise<{ store: OwnStore; trunk: Chain; record: VerifiedRecord }> {
    const trunk = new Chain().write('trunk', 2);
    const store = await stores.open();
    await store.admitAll(trunk.envelopes, everybody);
    const { record } = await store.changeKey(
      {
        action: 'recover',
        author: trunk.author,
        recoverySeed: seedOf(99),
        newSeed: seedOf(2),
        newRecoveryPublicKey: publicKeyOf(seedOf(98)),
      },
      'public',
    );
    return { store, trunk, record };
  }

  it('threat 17: goes on, whatever the replaced recovery key signs, and is told of it', async () => {
    const { store, trunk, record } = await recovered();
    assert.deepEqual(
      (await store.chosen()).map(({ rivals }) => rivals),
      [null],
    );
    const thief = trunk.branch().recover(66, -1, { by: 99, next: 67 });
    const admission = await store.admit(thief.last.envelope, everybody);
    assert.ok(admission.result === 'refused' && admission.reason === 'not-chosen');
    assert.deepEqual(
      (await store.chosen()).map(({ rivals }) => new Set(rivals)),
      [new Set([record.id, thief.last.id])],
    );
    await store.append({ seed: seedOf(2), author: trunk.author }, 'public', {
      subject: [{ name: 'record', digest: { sha256: '0'.repeat(64) } }],
      predicateType: 'urn:portalgun:withdrawal:v1',
      predicate: { reason: 'goes on' },
    });
    assert.deepEqual(await store.frozen(), []);
  });

  it('contests a recovery that somebody else made first with the same key, and whoever chooses theirs follows', async () => {
    const trunk = new Chain().write('trunk', 2);
    const thief = trunk.branch().recover(66, -1, { by: 99, next: 67 }).write('by the thief');
    const [store, follower] = [await stores.open(), await stores.open()];
    for (const one of [store, follower]) await one.admitAll(thief.envelopes, everybody);
    const change = {
      action: 'recover',
      author: trunk.author,
      recoverySeed: seedOf(99),
      newSeed: seedOf(2),
      newRecoveryPublicKey: publicKeyOf(seedOf(98)),
    } as const;
    await assert.rejects(store.changeKey(change, 'public'), { code: 'store/wrong-recovery-key' });
    const { record, voided } = await store.changeKey({ ...change, contest: true }, 'public');
    assert.deepEqual(
      voided,
      thief.records.slice(3).map(({ id }) => id),
    );
    assert.deepEqual([record.link.recovery, record.link.prev], [1, trunk.last.id]);
    assert.equal(currentKey(store.keysOf(trunk.author, 'public')), authorIdOf(publicKeyOf(seedOf(2))));
    assert.deepEqual(await store.frozen(), []);
    assert.equal((await follower.admit(record.envelope, everybody)).result, 'refused');
    assert.deepEqual(await stopped(follower), [{ at: { recovery: 1, epoch: 1, seq: 1 }, mustChoose: true }]);
    await follower.choose(trunk.author, 'public', record.id);
    assert.equal((await follower.head(trunk.author, 'public'))?.id, record.id);
    // There is nothing of theirs left to contest.
    await assert.rejects(store.changeKey({ ...change, recoverySeed: seedOf(97), contest: true }, 'public'), {
      code: 'store/nothing-to-contest',
    });
  });
});
