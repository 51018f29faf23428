/** Recovery keys that an author has named in advance: what a newcomer is not taken in by. */
import assert from 'node:assert/strict';
import { pinsOf, type RecoveryPin } from '../../../src/exchange/record/index.ts';
import { openStore, type OwnStore } from '../../../src/exchange/store/index.ts';
import { NETWORK } from '../record/author.ts';
import { Chain } from '../record/keys.ts';
import { everybody, reasons } from './admissions.ts';
import { temporaryStores } from './folder.ts';

describe('a feed whose recovery keys were named in advance', () => {
  const stores = temporaryStores();
  const opened: OwnStore[] = [];
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });
  const invited = async (by: Chain, pins: readonly RecoveryPin[] = pinsOf(by.keys)): Promise<OwnStore> => {
    const store = await openStore(await stores.path(), {
      network: NETWORK,
      pinsOf: (author) => (author === by.author ? pins : []),
    });
    opened.push(store);
    return store;
  };
  const offer = async (store: OwnStore, chain: Chain) => reasons(await store.admitAll(chain.envelopes, everybody));

  it('threat 17: is not begun anew by who has stolen its signing key', async () => {
    const owner = new Chain().write('mine');
    const thief = new Chain(undefined, 0, 66).write('theirs');
    const store = await invited(owner);
    assert.deepEqual(reasons([await store.admit(thief.at(0).envelope, everybody)]), ['not-pinned']);
    assert.equal(await store.head(owner.author, 'public'), undefined);
    assert.deepEqual(await offer(store, owner), ['admitted', 'admitted']);
    // Who was not invited cannot tell the two apart.
    assert.deepEqual(await offer(await stores.open(), thief), ['admitted', 'admitted']);
  });

  it('threat 17: comes to what its owner has recovered, whatever of the thief’s came before', async () => {
    const trunk = new Chain().write('mine');
    const owner = trunk.branch().recover(2).write('mine again');
    const thief = new Chain(undefined, 0, 66).write('theirs').recover(67, -1, { by: 66, next: 66 });
    const store = await invited(owner);
    await offer(store, thief);
    assert.equal(await store.head(owner.author, 'public'), undefined);
    // As a sync does: in order, and backwards from the recovery where the thief has made a fork of it.
    await offer(store, owner);
    await store.admitAll(owner.envelopes.toReversed(), everybody);
    await offer(store, owner);
    assert.equal((await store.head(owner.author, 'public'))?.id, owner.last.id);
    assert.deepEqual(await store.frozen(), []);
  });

  it('threat 7: whose author names another key to each is frozen as soon as two meet', async () => {
    const [one, other] = [new Chain().write('to one'), new Chain(undefined, 0, 66).write('to the other')];
    for (const [first, second] of [
      [one, other],
      [other, one],
    ] as const) {
      const store = await invited(first);
      await offer(store, first);
      assert.equal((await offer(store, second))[0], 'fork');
      assert.equal((await store.frozen()).length, 1);
    }
  });

  it('threat 17: is not stopped by a recovery beside the owner’s, whichever comes first and however it is told', async () => {
    const trunk = new Chain().write('mine');
    const owner = trunk.branch().recover(2, -1, { next: 98 }).write('mine again');
    const thief = trunk.branch().recover(66, -1, { next: 67 }).write('theirs');
    const store = await invited(owner);
    const proof = [owner.at(-2).envelope, thief.at(-2).envelope] as const;
    assert.deepEqual((await offer(store, thief)).slice(2, 3), ['not-pinned']);
    assert.equal((await store.putProof(...proof, everybody)).result, 'known');
    assert.deepEqual(
      (await offer(store, owner)).filter((result) => result !== 'known'),
      ['admitted', 'admitted'],
    );
    // From then on as if its person had chosen: what comes beside it is kept as proof, and stops nothing.
    assert.deepEqual((await offer(store, thief)).slice(2, 3), ['not-chosen']);
    assert.equal((await store.putProof(...proof, everybody)).result, 'known');
    const [chosen] = await store.chosen();
    assert.deepEqual([chosen?.id, chosen?.rivals?.length, (await store.frozen()).length], [owner.at(-2).id, 2, 0]);
    owner.recover(3, -1, { by: 98, next: 97 });
    assert.deepEqual(reasons([await store.admit(owner.last.envelope, everybody)]), ['admitted']);
  });

  it('threat 17: comes back to its owner from a recovery of the thief’s that names the owner’s own new key', async () => {
    const trunk = new Chain().write('mine');
    const owner = trunk.branch().recover(2, -1, { next: 98 }).write('mine again');
    const thief = trunk.branch().recover(66, -1, { next: 98 }).write('theirs');
    const store = await invited(owner);
    await offer(store, thief);
    assert.equal((await offer(store, owner))[2], 'fork');
    owner.recover(3, -1, { by: 98, next: 97 }).write('and on');
    await store.admitAll(owner.envelopes.toReversed(), everybody);
    await offer(store, owner);
    assert.equal((await store.head(owner.author, 'public'))?.id, owner.last.id);
    assert.deepEqual(await store.frozen(), []);
  });

  it('freezes where the other recovery was stored before its author said so', async () => {
    const trunk = new Chain().write('mine');
    const owner = trunk.branch().recover(2, -1, { next: 98 });
    const thief = trunk.branch().recover(66, -1, { next: 67 });
    const pins: RecoveryPin[] = [];
    const store = await invited(owner, pins);
    await offer(store, thief);
    pins.push(...pinsOf(owner.keys));
    assert.deepEqual(reasons([await store.admit(owner.last.envelope, everybody)]), ['fork']);
    assert.deepEqual((await store.frozen())[0]?.rivals?.length, 2);
  });
});
