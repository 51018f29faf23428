import assert from 'node:assert/strict';
import { generateSeed, publicKeyOf } from '../../../src/crypto/ed25519.ts';
import { authorIdOf, currentKey, freshnessOf, signHead, verifyForkProof } from '../../../src/exchange/record/index.ts';
import type { OwnStore } from '../../../src/exchange/store/index.ts';
import { draft, NETWORK, newAuthor } from '../record/author.ts';
import { Chain, seedOf } from '../record/keys.ts';
import { contents, everybody, reasons } from './admissions.ts';
import { temporaryStores } from './folder.ts';

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

  it('is found by the key that signs it now, and by no other, through a recovery and a restart', async () => {
    const path = await stores.path();
    const keyOf = (seed: number) => authorIdOf(publicKeyOf(seedOf(seed)));
    const chain = new Chain().write('a');
    const thief = chain.branch().rotate(66).write('theirs');
    const holders = (store: OwnStore) => [1, 66, 2, 3].filter((seed) => store.authorsWith(keyOf(seed)).length > 0);
    const store = await stores.openAt(path);
    await store.admitAll(chain.envelopes, everybody);
    assert.deepEqual(holders(store), [], 'of a first key the author is known by itself');
    await store.admitAll(thief.envelopes, everybody);
    assert.deepEqual(store.authorsWith(keyOf(66)), [chain.author]);
    await store.admitAll(chain.recover(2).envelopes, everybody);
    assert.deepEqual(holders(store), [2]);
    await store.admitAll(chain.write('b').rotate(3).envelopes, everybody);
    assert.deepEqual(holders(store), [3]);
    // No other feed changes keys: those of groups go where this one goes.
    const group = '5f3c9d1e2a4b6c8d5f3c9d1e2a4b6c8d';
    const change = { action: 'rotate', author: chain.author, seed: seedOf(3), newSeed: seedOf(66) } as const;
    await assert.rejects(store.changeKey(change, group), { code: 'store/public-only' });
    await store.append({ seed: seedOf(3), author: chain.author }, group, draft('first'));
    assert.deepEqual(holders(store), [3]);
    await store.close();
    assert.deepEqual(holders(await stores.openAt(path)), [3]);
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
    assert.deepEqual(reasons(await store.admitAll(chain.envelopes.slice(4), everybody)), [
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
    assert.deepEqual(reasons(await store.admitAll(thief.envelopes.slice(4), everybody)), ['fork', 'frozen']);
    // The same two come to the same, whichever comes first.
    const other = await stores.open();
    await other.admitAll(thief.envelopes, everybody);
    assert.deepEqual(reasons(await other.admitAll(honestChain.envelopes.slice(4), everybody)), ['fork', 'frozen']);
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
    assert.deepEqual(reasons([await store.admit(chain.last.envelope, everybody)]), ['fork']);
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
    assert.deepEqual(reasons([await store.admit(chain.branch().write('b').last.envelope, everybody)]), ['revoked']);
    assert.deepEqual(reasons([await store.admit(chain.branch().rotate(2).last.envelope, everybody)]), ['revoked']);
    chain.recover(3).write('back');
    assert.deepEqual(reasons(await store.admitAll(chain.envelopes.slice(3), everybody)), ['admitted', 'admitted']);
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
