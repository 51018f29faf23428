import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { Level } from 'level';
import { generateSeed, publicKeyOf } from '../../../src/crypto/ed25519.ts';
import {
  authorIdOf,
  currentKey,
  freshnessOf,
  signHead,
  verifyForkProof,
  type Admission,
} from '../../../src/exchange/record/index.ts';
import { EPOCHS_MAX, RECOVERIES_MAX } from '../../../src/exchange/record/limits.ts';
import type { OwnStore } from '../../../src/exchange/store/index.ts';
import { keysKey } from '../../../src/exchange/store/layout.ts';
import { draft, NETWORK, newAuthor } from '../record/author.ts';
import { Chain, seedOf } from '../record/keys.ts';
import { temporaryStores } from './folder.ts';

const everybody = { follows: () => true };
const results = (admissions: readonly Admission[]) =>
  admissions.map((one) => (one.result === 'refused' ? one.reason : one.result));

async function contents(store: OwnStore, { author }: Chain): Promise<unknown> {
  const records = await store.range(author, 'public', 0, 1000);
  const types: string[] = [];
  for (const kind of ['withdrawal', 'key'] as const) for await (const { id } of store.all(kind)) types.push(id);
  return {
    ids: records.map(({ id }) => id),
    byType: types.toSorted(),
    head: await store.head(author, 'public'),
    key: currentKey(store.keysOf(author, 'public')),
    frozen: (await store.frozen()).length,
  };
}

/** What a store holds that got this one branch, in order, from nobody else. */
async function honest(stores: ReturnType<typeof temporaryStores>, chain: Chain): Promise<unknown> {
  const store = await stores.open();
  const admissions = await store.admitAll(chain.envelopes, everybody);
  assert.ok(
    admissions.every(({ result }) => result === 'admitted'),
    JSON.stringify(results(admissions)),
  );
  return contents(store, chain);
}

describe('a feed that changes keys', () => {
  const stores = temporaryStores();

  it('goes on under the new key, through a restart, and gives all of it back', async () => {
    const path = await stores.path();
    const chain = new Chain().write('a', 3).rotate(2).write('b', 3).rotate(3).write('c', 2);
    const store = await stores.openAt(path);
    for (const envelope of chain.envelopes) assert.equal((await store.admit(envelope, everybody)).result, 'admitted');
    const before = await contents(store, chain);
    assert.deepEqual(
      (await store.range(chain.author, 'public', { recovery: 0, epoch: 0, seq: 3 }, 3)).map(({ id }) => id),
      chain.records.slice(3, 6).map(({ id }) => id),
      'a range goes on from one epoch into the next',
    );
    await store.close();
    const again = await stores.openAt(path);
    assert.deepEqual(await contents(again, chain), before);
    chain.write('d');
    assert.equal((await again.admit(chain.last.envelope, everybody)).result, 'admitted');
    assert.equal(currentKey(again.keysOf(chain.author, 'public')), authorIdOf(publicKeyOf(seedOf(3))));
  });

  it('threat 1: replaying every record of every epoch changes nothing', async () => {
    const store = await stores.open();
    const chain = new Chain().write('a', 2).rotate(2).write('b', 2).recover(3, 3).write('c', 2);
    await store.admitAll(chain.envelopes, everybody);
    const before = await contents(store, chain);
    for (const envelope of chain.envelopes.toReversed()) {
      assert.equal((await store.admit(envelope, everybody)).result, 'known');
    }
    assert.deepEqual(await contents(store, chain), before);
  });

  it('is not followed into an epoch that it has not seen opened, and catches up when it has', async () => {
    const store = await stores.open();
    const chain = new Chain().write('a', 2).rotate(2).write('b', 2);
    await store.admitAll(chain.envelopes.slice(0, 2), everybody);
    assert.deepEqual(results(await store.admitAll(chain.envelopes.slice(4), everybody)), [
      'unknown-key',
      'unknown-key',
    ]);
    assert.equal((await store.admit(chain.at(3).envelope, everybody)).result, 'held');
    await store.admitAll(chain.envelopes.slice(2), everybody);
    assert.equal((await store.head(chain.author, 'public'))?.id, chain.last.id);
  });

  it('threat 17: the old key signs nothing more; what it signs behind the change proves a fork', async () => {
    const honestChain = new Chain().write('a', 3);
    const thief = honestChain.branch().write('stolen', 2);
    honestChain.rotate(2).write('b');
    const store = await stores.open();
    await store.admitAll(honestChain.envelopes, everybody);
    assert.deepEqual(results(await store.admitAll(thief.envelopes.slice(4), everybody)), ['fork', 'frozen']);
    // The same two come to the same, whichever comes first.
    const other = await stores.open();
    await other.admitAll(thief.envelopes, everybody);
    assert.deepEqual(results(await other.admitAll(honestChain.envelopes.slice(4), everybody)), ['fork', 'frozen']);
    const [[one], [two]] = [await store.frozen(), await other.frozen()];
    assert.ok(one && two);
    const fork = { author: honestChain.author, scope: 'public', recovery: 0, epoch: 0, seq: 5 };
    for (const { at, proof } of [one, two]) {
      assert.deepEqual({ author: honestChain.author, scope: 'public', ...at }, fork);
      assert.deepEqual(verifyForkProof(...proof, { network: NETWORK }), fork);
    }
  });

  it('is frozen where records waited that lie behind the end that its key change names', async () => {
    const chain = new Chain().write('a', 3);
    const ahead = chain.branch().write('more', 3);
    const store = await stores.open();
    await store.admitAll(chain.envelopes, everybody);
    assert.equal((await store.admit(ahead.last.envelope, everybody)).result, 'held');
    chain.rotate(2);
    assert.deepEqual(results([await store.admit(chain.last.envelope, everybody)]), ['fork']);
    const [frozen] = await store.frozen();
    assert.ok(frozen && frozen.at.seq === 5);
    assert.ok(!('refused' in verifyForkProof(...frozen.proof, { network: NETWORK })));
  });

  it('carries with the proof of a later fork the key records that it takes to check it', async () => {
    const chain = new Chain().write('a').rotate(2).write('b').recover(3).write('c');
    const other = chain.branch(chain.records.length - 1).write('other');
    const store = await stores.open();
    await store.admitAll([...chain.envelopes, other.last.envelope], everybody);
    const [frozen] = await store.frozen();
    assert.ok(frozen);
    const { proof, keyRecords } = frozen;
    const bare = verifyForkProof(...proof, { network: NETWORK });
    assert.ok('refused' in bare && bare.refused === 'unknown-key');
    const fork = { author: chain.author, scope: 'public', recovery: 1, epoch: 2, seq: 2 };
    assert.deepEqual(verifyForkProof(...proof, { network: NETWORK, keyRecords }), fork);
    // A stranger to the feed's keys takes it as well, and a chain with a link left out proves nothing.
    const newcomer = await stores.open();
    const broken = await newcomer.putProof(...proof, { ...everybody, keyRecords: keyRecords.slice(1) });
    assert.equal(broken.result, 'refused');
    assert.equal((await newcomer.putProof(...proof, { ...everybody, keyRecords })).result, 'frozen');
  });

  it('is closed by its owner’s revocation, to all but a recovery', async () => {
    const chain = new Chain().write('a').revoke();
    const store = await stores.open();
    await store.admitAll(chain.envelopes, everybody);
    assert.deepEqual(results([await store.admit(chain.branch().write('b').last.envelope, everybody)]), ['revoked']);
    assert.deepEqual(results([await store.admit(chain.branch().rotate(2).last.envelope, everybody)]), ['revoked']);
    chain.recover(3).write('back');
    assert.deepEqual(results(await store.admitAll(chain.envelopes.slice(3), everybody)), ['admitted', 'admitted']);
  });
});

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
      assert.deepEqual(results([await store.admit(record.envelope, everybody)]), ['replayed']);
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
    assert.deepEqual(results([await store.admit(forged, everybody)]), ['bad-signature']);
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
    assert.deepEqual(results([await store.admit(left.last.envelope, everybody)]), ['replayed']);
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
    assert.deepEqual(results(await store.admitAll(chain.envelopes.slice(3), everybody)), ['admitted', 'frozen']);
    assert.equal((await store.frozen()).length, 1);
    // And of two recoveries neither is taken by who knows that there are two.
    const trunk = new Chain().write('trunk');
    const [one, two] = [trunk.branch().recover(2), trunk.branch().recover(3)];
    const wary = await stores.open();
    await wary.admitAll(trunk.envelopes, everybody);
    const both = { ...everybody, keyRecords: [trunk.at(0).envelope] };
    assert.equal((await wary.putProof(one.last.envelope, two.last.envelope, both)).result, 'frozen');
    assert.deepEqual(results([await wary.admit(one.last.envelope, everybody)]), ['frozen']);
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
    assert.deepEqual(results([await store.admit(owner.last.envelope, everybody)]), ['admitted']);
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
    assert.deepEqual(results(await store.admitAll(backwards, everybody)), ['held', 'held', 'bad-link']);
    assert.deepEqual(results(await inOrder.admitAll(right.envelopes, everybody)), [
      'known',
      'admitted',
      'bad-link',
      'held',
    ]);
    assert.equal((await store.head(trunk.author, 'public'))?.id, left.last.id);
    // The recovery itself always has room, or a thief's changes would keep the owner out.
    const last = fits.envelopes.slice(trunk.records.length).toReversed();
    assert.deepEqual(results(await store.admitAll(last, everybody)), ['held', 'admitted']);
    assert.equal(store.keysOf(trunk.author, 'public').epochs.length, EPOCHS_MAX + 1);
  });

  it('is one of so many that a feed may have', () => {
    const chain = new Chain();
    while (chain.last.link.recovery < RECOVERIES_MAX) chain.recover(2);
    assert.throws(() => chain.recover(2), { code: 'record/cannot-sign', message: /at most 64 recoveries/ });
  });

  it('threat 17: outlasts a recovery key that was replaced: who has it freezes the feed until the new one recovers', async () => {
    const trunk = new Chain().write('trunk');
    const owner = trunk.branch().recover(2, -1, { next: 98 });
    const thief = trunk.branch().recover(66, -1, { by: 99, next: 67 });
    const store = await stores.open();
    await store.admitAll(owner.envelopes, everybody);
    assert.deepEqual(results([await store.admit(thief.last.envelope, everybody)]), ['fork']);
    owner.recover(3, -1, { by: 98, next: 98 }).write('back');
    assert.deepEqual(results(await store.admitAll(owner.envelopes.slice(-2), everybody)), ['admitted', 'admitted']);
    assert.deepEqual(results([await store.admit(thief.last.envelope, everybody)]), ['replayed']);
    assert.deepEqual(await store.frozen(), []);
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
    assert.deepEqual(results([await store.admit(forged, everybody)]), ['bad-signature']);
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
    const answered = results(await store.admitAll(backwards, everybody));
    assert.ok(!answered.some((one) => one !== 'held' && one !== 'known' && one !== 'admitted'), answered.join(' '));
    assert.deepEqual(await contents(store, right), await honest(stores, right));
    assert.ok(results(await store.admitAll(spoilt.slice(2), everybody)).every((one) => one === 'known'));
  });

  it('holds a bad copy against who sent it once the keys are known, and nobody else; and keeps what was good', async () => {
    const { store, right, spoilt } = await poisoned();
    const offer = async (envelope: Uint8Array | undefined) =>
      results([await store.admit(envelope ?? new Uint8Array(), everybody)]);
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

describe('changing the own key', () => {
  const stores = temporaryStores();

  it('signs with the old key, then only the new one goes on', async () => {
    const store = await stores.open();
    const author = newAuthor();
    await store.append(author, 'public', draft('first'));
    const newSeed = generateSeed();
    const { record, voided } = await store.changeKey(
      { action: 'rotate', author: author.id, seed: author.seed, newSeed },
      'public',
    );
    assert.deepEqual([record.link.epoch, record.link.seq, voided.length], [1, 1, 0]);
    await assert.rejects(store.append(author, 'public', draft('old')), { code: 'store/key-replaced', exitCode: 3 });
    const next = await store.append({ seed: newSeed, author: author.id }, 'public', draft('new'));
    assert.deepEqual([next.link.author, next.link.epoch, next.link.seq], [author.id, 1, 2]);
  });

  it('opens a feed that has no record yet, so that its recovery key is committed to first', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const change = { action: 'rotate', author: author.id, seed: author.seed, newSeed: generateSeed() } as const;
    await assert.rejects(store.changeKey(change, 'public'), { code: 'store/no-records' });
    await store.changeKey({ ...change, recoveryPublicKey: author.recoveryPublicKey }, 'public');
    assert.equal((await store.range(author.id, 'public', 0, 9)).length, 2);
  });

  it('recovers after a fork, from the record that the owner names, with the right key alone', async () => {
    const store = await stores.open();
    const recoverySeed = generateSeed();
    const author = { ...newAuthor(), recoveryPublicKey: publicKeyOf(recoverySeed) };
    const first = await store.append(author, 'public', draft('first'));
    const elsewhere = await stores.open();
    await elsewhere.append(author, 'public', draft('other'));
    const theirs = await elsewhere.range(author.id, 'public', 0, 9);
    await store.admitAll(
      theirs.map(({ envelope }) => envelope),
      everybody,
    );
    await assert.rejects(store.append(author, 'public', draft('more')), { code: 'store/feed-frozen' });
    const newSeed = generateSeed();
    const recovery = { action: 'recover', author: author.id, recoverySeed, newSeed } as const;
    await assert.rejects(store.changeKey({ ...recovery, recoverySeed: generateSeed() }, 'public'), {
      code: 'store/wrong-recovery-key',
    });
    await assert.rejects(store.changeKey({ ...recovery, keep: theirs.at(-1)!.id }, 'public'), {
      code: 'store/not-in-feed',
    });
    const [opening] = await store.range(author.id, 'public', 0, 1);
    assert.ok(opening);
    const { record, voided } = await store.changeKey({ ...recovery, keep: opening.id }, 'public');
    assert.deepEqual(voided, [first.id]);
    assert.deepEqual([record.link.recovery, record.link.epoch, record.link.prev], [1, 1, opening.id]);
    await store.append({ seed: newSeed, author: author.id }, 'public', draft('again'));
    assert.deepEqual(await store.frozen(), []);
  });

  it('has no recovery where no recovery key was committed to', async () => {
    const store = await stores.open();
    const { seed, id } = newAuthor();
    await store.append({ seed }, 'public', draft('first'));
    const change = { action: 'recover', author: id, recoverySeed: generateSeed(), newSeed: generateSeed() } as const;
    await assert.rejects(store.changeKey(change, 'public'), { code: 'store/no-recovery-key' });
  });
});

describe('signed heads of a feed that changes keys', () => {
  const stores = temporaryStores();
  const now = new Date('2026-11-23T06:00:00Z');
  const options = { ...everybody, now };
  const headOf = (chain: Chain, seed = chain.seed) =>
    signHead(seed, NETWORK, { ...chain.last.link, id: chain.last.id }, { now, feedKeys: chain.keys });

  it('are signed by the key of their epoch, and newer ones replace those of the old key', async () => {
    const store = await stores.open();
    const chain = new Chain().write('a', 4);
    await store.admitAll(chain.envelopes, everybody);
    await store.putHead(headOf(chain).envelope, options);
    chain.rotate(2);
    await store.admit(chain.last.envelope, everybody);
    assert.throws(() => headOf(chain, seedOf(1)), { code: 'record/not-yours' });
    const head = headOf(chain);
    assert.equal((await store.putHead(head.envelope, options)).result, 'kept');
    assert.equal(freshnessOf(head, await store.head(chain.author, 'public'), now).state, 'fresh');
  });

  it('threat 17: of a recovery that has been ended are void, also those that were kept', async () => {
    const store = await stores.open();
    const owner = new Chain().write('a', 2);
    const thief = owner.branch().write('stolen', 3);
    await store.admitAll(thief.envelopes, everybody);
    await store.putHead(headOf(thief).envelope, options);
    owner.recover(2);
    await store.admit(owner.last.envelope, everybody);
    assert.equal(await store.headOf(owner.author, 'public'), undefined);
    const again = await store.putHead(headOf(thief).envelope, options);
    assert.ok(again.result === 'refused' && again.reason === 'replayed');
    assert.equal((await store.putHead(headOf(owner).envelope, options)).result, 'kept');
  });

  it('threat 7: of an old epoch, behind its end, freeze the feed', async () => {
    const store = await stores.open();
    const chain = new Chain().write('a', 2);
    const ahead = chain.branch().write('more', 2);
    chain.rotate(2).write('b');
    await store.admitAll(chain.envelopes, everybody);
    const admission = await store.putHead(headOf(ahead).envelope, options);
    assert.ok(admission.result === 'refused' && admission.reason === 'fork');
    const [frozen] = await store.frozen();
    assert.ok(frozen && !('refused' in verifyForkProof(...frozen.proof, { network: NETWORK })));
  });
});
