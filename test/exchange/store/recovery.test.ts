import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { Level } from 'level';
import { verifyForkProof } from '../../../src/exchange/record/index.ts';
import { EPOCHS_MAX, RECOVERIES_MAX } from '../../../src/exchange/record/limits.ts';
import type { OwnStore } from '../../../src/exchange/store/index.ts';
import { keysKey } from '../../../src/exchange/store/layout.ts';
import { NETWORK } from '../record/author.ts';
import { Chain } from '../record/keys.ts';
import { contents, everybody, reasons } from './admissions.ts';
import { temporaryStores } from './folder.ts';

/** What a store holds that got this one branch, in order, from nobody else. */
async function honest(stores: ReturnType<typeof temporaryStores>, chain: Chain): Promise<unknown> {
  const store = await stores.open();
  const admissions = await store.admitAll(chain.envelopes, everybody);
  assert.ok(
    admissions.every(({ result }) => result === 'admitted'),
    JSON.stringify(reasons(admissions)),
  );
  return contents(store, chain);
}

describe('a recovery', () => {
  const stores = temporaryStores();

  it('threat 17: outranks whatever the thief of the signing key has signed, keys, revocations and forks too', async () => {
    const owner = new Chain().write('mine', 3);
    const thief = owner.branch().write('theirs', 2).rotate(66).write('more').revoke();
    const path = await stores.path();
    const store = await stores.openAt(path);
    await store.admitAll(thief.envelopes, everybody);
    owner.recover(2).write('mine again');
    const [admission] = await store.admitAll([owner.at(-2).envelope], everybody);
    assert.ok(admission?.result === 'admitted');
    assert.deepEqual(
      new Set(admission.voided),
      new Set(thief.records.slice(4).map(({ id }) => id)),
      'what the thief wrote is gone',
    );
    await store.admit(owner.last.envelope, everybody);
    assert.deepEqual(await contents(store, owner), await honest(stores, owner));
    for (const record of thief.records.slice(4)) {
      assert.deepEqual(reasons([await store.admit(record.envelope, everybody)]), ['replayed']);
      assert.equal(await store.get(record.id), undefined);
    }
    await store.close();
    assert.deepEqual(await contents(await stores.openAt(path), owner), await honest(stores, owner));
  });

  it('threat 17: is not made by the signing key, nor by a recovery key that the thief brings', async () => {
    const owner = new Chain().write('mine', 2);
    const store = await stores.open();
    await store.admitAll(owner.envelopes, everybody);
    assert.throws(() => owner.branch().recover(66, -1, { by: 1 }), { code: 'record/not-yours' });
    assert.throws(() => owner.branch().recover(66, -1, { by: 98, next: 98 }), { code: 'record/not-yours' });
    // Forged in full: signed by the thief's own “recovery key” over the same words.
    const honestRecovery = owner.branch().recover(66, -1, { next: 98 }).last;
    const forged = Uint8Array.from(honestRecovery.envelope);
    forged[forged.length - 100] = (forged[forged.length - 100] ?? 0) ^ 1;
    assert.deepEqual(reasons([await store.admit(forged, everybody)]), ['bad-signature']);
    assert.equal((await store.head(owner.author, 'public'))?.recovery, 0);
  });

  it('may replace the recovery key, and then only the new one recovers', async () => {
    const owner = new Chain().write('a').recover(2, -1, { next: 98 });
    const store = await stores.open();
    await store.admitAll(owner.envelopes, everybody);
    assert.throws(() => owner.branch().recover(3, -1, { by: 99 }), { code: 'record/not-yours' });
    owner.recover(3, -1, { by: 98 });
    assert.equal((await store.admit(owner.last.envelope, everybody)).result, 'admitted');
  });

  it('ends a fork: each of the two branches is left, or kept, as it says', async () => {
    const trunk = new Chain().write('trunk', 2);
    const [left, right] = [trunk.branch().write('left', 3), trunk.branch().write('right', 2)];
    const [leftStore, rightStore] = [await stores.open(), await stores.open()];
    await leftStore.admitAll([...left.envelopes, ...right.envelopes], everybody);
    await rightStore.admitAll([...right.envelopes, ...left.envelopes], everybody);
    right.recover(2).write('after');
    const expected = await honest(stores, right);
    await rightStore.admitAll(right.envelopes.slice(5), everybody);
    assert.deepEqual(await contents(rightStore, right), expected);
    // The other one gets the recovery first, then what it keeps, newest first, as a peer sends it.
    const recovery = right.at(-2);
    assert.equal((await leftStore.admit(recovery.envelope, everybody)).result, 'held');
    assert.equal((await leftStore.admit(right.at(4).envelope, everybody)).result, 'held');
    const adopted = await leftStore.admit(right.at(3).envelope, everybody);
    assert.ok(adopted.result === 'admitted' && adopted.record.id === recovery.id);
    assert.deepEqual(
      adopted.released?.map(({ id }) => id),
      right.records.slice(3, 5).map(({ id }) => id),
    );
    assert.equal(adopted.voided?.length, 3);
    await leftStore.admit(right.last.envelope, everybody);
    assert.deepEqual(await contents(leftStore, right), expected);
    assert.deepEqual(await leftStore.frozen(), []);
  });

  it('threat 7: an old proof does not freeze again what a recovery has ended', async () => {
    const trunk = new Chain().write('trunk', 2);
    const [left, right] = [trunk.branch().write('left'), trunk.branch().write('right')];
    right.recover(2);
    const store = await stores.open();
    await store.admitAll(right.envelopes, everybody);
    assert.equal((await store.putProof(left.at(3).envelope, right.at(3).envelope, everybody)).result, 'known');
    assert.deepEqual(reasons([await store.admit(left.last.envelope, everybody)]), ['replayed']);
    assert.deepEqual(await store.frozen(), []);
  });

  it('does not end a fork of its own time, of which the proof came first', async () => {
    const chain = new Chain().write('a', 2);
    const store = await stores.open();
    await store.admitAll(chain.envelopes, everybody);
    chain.recover(2).write('b');
    const other = chain.branch(chain.records.length - 1).write('other');
    const keyRecords = [chain.at(0).envelope, chain.at(-2).envelope];
    const proof = [chain.last.envelope, other.last.envelope] as const;
    assert.equal((await store.putProof(...proof, { ...everybody, keyRecords })).result, 'frozen');
    assert.deepEqual(reasons(await store.admitAll(chain.envelopes.slice(3), everybody)), ['admitted', 'frozen']);
    assert.equal((await store.frozen()).length, 1);
    // And of two recoveries neither is taken by who knows that there are two.
    const trunk = new Chain().write('trunk');
    const [one, two] = [trunk.branch().recover(2), trunk.branch().recover(3)];
    const wary = await stores.open();
    await wary.admitAll(trunk.envelopes, everybody);
    const both = { ...everybody, keyRecords: [trunk.at(0).envelope] };
    assert.equal((await wary.putProof(one.last.envelope, two.last.envelope, both)).result, 'frozen');
    assert.deepEqual(reasons([await wary.admit(one.last.envelope, everybody)]), ['frozen']);
  });

  it('threat 17: is not undone by who has the first key and begins the feed once more, with recoveries of their own', async () => {
    const owner = new Chain().write('a', 2).recover(2).write('back');
    const store = await stores.open();
    await store.admitAll(owner.envelopes, everybody);
    for (const count of [1, 2, 3]) {
      const thief = new Chain(undefined, 0, 66);
      for (let number = 1; number < count; number += 1) thief.recover(50 + number, -1, { by: 66, next: 66 });
      const [one, two] = [7, 8].map((seed) => thief.branch().recover(seed, -1, { by: 66, next: 66 }).last.envelope);
      const proof = await store.putProof(one!, two!, { ...everybody, keyRecords: thief.envelopes });
      assert.notEqual(proof.result, 'frozen', `recovery ${count}`);
    }
    assert.deepEqual(await store.frozen(), []);
    owner.write('goes on');
    assert.deepEqual(reasons([await store.admit(owner.last.envelope, everybody)]), ['admitted']);
  });

  it('of which there are two freezes the feed: nothing outranks the recovery key', async () => {
    const trunk = new Chain().write('trunk', 3);
    const [one, two] = [trunk.branch().recover(2), trunk.branch().rotate(5).recover(3)];
    for (const order of [
      [one, two],
      [two, one],
    ] as const) {
      const store = await stores.open();
      await store.admitAll([...order[0].envelopes, ...order[1].envelopes], everybody);
      const [frozen] = await store.frozen();
      assert.ok(frozen);
      assert.deepEqual(frozen.at, { recovery: 1, epoch: 1, seq: 1 });
      const { proof, keyRecords } = frozen;
      assert.ok(!('refused' in verifyForkProof(...proof, { network: NETWORK, keyRecords: [trunk.at(0).envelope] })));
      assert.ok(keyRecords.length > 0);
    }
  });

  /** A store with the beginning of a feed, as one whose author has changed keys so often that there is room for one more. */
  async function nearlyFull(trunk: Chain): Promise<OwnStore> {
    const folder = await stores.path();
    const store = await stores.openAt(folder);
    await store.admitAll(trunk.envelopes, everybody);
    await store.close();
    const epochs = Array.from({ length: EPOCHS_MAX - 1 }, () => trunk.keys.epochs[0]);
    const raw = new Level(folder);
    await raw.put(keysKey({ author: trunk.author, scope: 'public' }), JSON.stringify({ ...trunk.keys, epochs }));
    await raw.close();
    return stores.openAt(folder);
  }

  it('brings no key changes for which a feed has no room, in whatever order its records come', async () => {
    const trunk = new Chain();
    const left = trunk.branch().write('left');
    const right = trunk.branch().rotate(4).rotate(5).recover(6);
    const fits = trunk.branch().rotate(4).recover(6);
    const [store, inOrder] = [await nearlyFull(trunk), await nearlyFull(trunk)];
    await store.admitAll(left.envelopes, everybody);
    const backwards = right.envelopes.slice(trunk.records.length).toReversed();
    assert.deepEqual(reasons(await store.admitAll(backwards, everybody)), ['held', 'held', 'bad-link']);
    assert.deepEqual(reasons(await inOrder.admitAll(right.envelopes, everybody)), [
      'known',
      'admitted',
      'bad-link',
      'held',
    ]);
    assert.equal((await store.head(trunk.author, 'public'))?.id, left.last.id);
    // The recovery itself always has room, or a thief's changes would keep the owner out.
    const last = fits.envelopes.slice(trunk.records.length).toReversed();
    assert.deepEqual(reasons(await store.admitAll(last, everybody)), ['held', 'admitted']);
    assert.equal(store.keysOf(trunk.author, 'public').epochs.length, EPOCHS_MAX + 1);
  });

  it('is one of so many that a feed may have', () => {
    const chain = new Chain();
    while (chain.last.link.recovery < RECOVERIES_MAX) chain.recover(2);
    assert.throws(() => chain.recover(2), { code: 'record/cannot-sign', message: /at most 64 recoveries/ });
  });

  it('takes no branch but the one it names: a record that nothing vouches for does not get in by waiting for it', async () => {
    const trunk = new Chain().write('trunk', 2);
    const [left, right] = [trunk.branch().write('left', 2), trunk.branch().write('right', 2)];
    const wrong = trunk.branch().write('wrong', 2);
    const store = await stores.open();
    await store.admitAll([...left.envelopes, right.last.envelope], everybody);
    right.recover(2);
    assert.equal((await store.admit(right.last.envelope, everybody)).result, 'held');
    for (const envelope of wrong.envelopes.slice(3)) {
      assert.equal((await store.admit(envelope, everybody)).result, 'refused');
    }
    const forged = Uint8Array.from(right.at(4).envelope);
    forged[forged.length - 100] = (forged[forged.length - 100] ?? 0) ^ 1;
    assert.deepEqual(reasons([await store.admit(forged, everybody)]), ['bad-signature']);
    await store.admitAll([right.at(4).envelope, right.at(3).envelope], everybody);
    assert.deepEqual(await contents(store, right), await honest(stores, right));
  });

  /** A store on the left branch, that waits for the right one, of which somebody has sent copies with bad signatures. */
  async function poisoned() {
    const trunk = new Chain().write('trunk', 1);
    const left = trunk.branch().write('left', 2).rotate(7);
    const right = trunk.branch().write('right', 1).rotate(8).write('right', 2).recover(2);
    const store = await stores.open();
    await store.admitAll([...left.envelopes, right.last.envelope], everybody);
    const spoilt = right.envelopes.map((envelope) => {
      const bad = Uint8Array.from(envelope);
      bad[bad.length - 100] = (bad[bad.length - 100] ?? 0) ^ 1;
      return bad;
    });
    await store.admitAll(spoilt.slice(2, -1).toReversed(), everybody);
    assert.equal((await store.head(left.author, 'public'))?.recovery, 0);
    return { store, right, spoilt };
  }

  it('is not kept waiting by who sends the kept branch with bad signatures: the next good copies count', async () => {
    const { store, right, spoilt } = await poisoned();
    const backwards = [right.last.envelope, ...right.envelopes.slice(0, -1).toReversed()];
    const answered = reasons(await store.admitAll(backwards, everybody));
    assert.ok(!answered.some((one) => one !== 'held' && one !== 'known' && one !== 'admitted'), answered.join(' '));
    assert.deepEqual(await contents(store, right), await honest(stores, right));
    assert.ok(reasons(await store.admitAll(spoilt.slice(2), everybody)).every((one) => one === 'known'));
  });

  it('holds a bad copy against who sent it once the keys are known, and nobody else; and keeps what was good', async () => {
    const { store, right, spoilt } = await poisoned();
    const offer = async (envelope: Uint8Array | undefined) =>
      reasons([await store.admit(envelope ?? new Uint8Array(), everybody)]);
    // What lies before them all is good. That what came earlier is not is no fault of who sends it.
    assert.deepEqual(await offer(right.at(2).envelope), ['held']);
    assert.deepEqual(await offer(spoilt[3]), ['bad-signature']);
    assert.deepEqual(await offer(right.at(3).envelope), ['held']);
    assert.deepEqual(await offer(spoilt[4]), ['bad-signature']);
    assert.deepEqual(await offer(right.at(4).envelope), ['held']);
    assert.deepEqual(await offer(right.at(5).envelope), ['admitted']);
    assert.deepEqual(await contents(store, right), await honest(stores, right));
  });

  it('comes to the same in whatever order two branches and it arrive, again and again', async function () {
    this.timeout(60_000);
    const trunk = new Chain().write('trunk', 1);
    const left = trunk.branch().write('left', 2).rotate(7).write('left', 1);
    const right = trunk.branch().write('right', 1).rotate(8).write('right', 1).recover(2).write('after', 1);
    const expected = await honest(stores, right);
    const all = [...new Set([...left.records, ...right.records])].map(({ envelope }) => envelope);
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([...all.keys()], { minLength: all.length }), async (order) => {
        const store = await stores.open();
        await store.admitAll(
          order.map((index) => all[index] ?? new Uint8Array()),
          everybody,
        );
        // Then a sync, as often as it takes: what a peer with the kept branch sends (p2p/sync/answer.ts).
        const opening = right.at(-2);
        const kept = right.records.slice(0, -2).toReversed();
        for (let round = 0; round < 3; round += 1) {
          const sent = [opening, ...kept, opening, right.last].map(({ envelope }) => envelope);
          await store.admitAll(sent, everybody);
        }
        assert.deepEqual(await contents(store, right), expected);
      }),
      { numRuns: 60, seed: 17 },
    );
  });
});
