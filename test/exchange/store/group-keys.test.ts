import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { publicKeyOf } from '../../../src/crypto/ed25519.ts';
import {
  authorIdOf,
  followingPredicate,
  isVouchedFor,
  keyChangePredicate,
  keyDraft,
  signHead,
  signRecord,
  type FeedLink,
  type VerifiedRecord,
} from '../../../src/exchange/record/index.ts';
import type { OwnStore } from '../../../src/exchange/store/index.ts';
import { LevelStore } from '../../../src/exchange/store/level-store.ts';
import { Disk } from '../../simulator/disk.ts';
import { draft, NETWORK } from '../record/author.ts';
import { GroupChain, SCOPE } from '../record/group-chain.ts';
import { Chain, seedOf } from '../record/keys.ts';
import { bytes, everybody, reasons } from './admissions.ts';
import { temporaryStores } from './folder.ts';

const AUTHOR = new Chain().author;
const NOW = new Date('2026-11-28T10:00:00Z');

/** What a store holds of the group's feed. */
async function inGroup(store: OwnStore) {
  const records = await store.range(AUTHOR, SCOPE, 0, 1000);
  const head = await store.head(AUTHOR, SCOPE);
  return {
    ids: records.map(({ id }) => id),
    head: head?.id ?? null,
    isVouchedFor: head !== undefined && isVouchedFor(store.keysOf(AUTHOR, 'public'), head),
    frozen: (await store.frozen()).filter(({ scope }) => scope === SCOPE).length,
  };
}

/** What it holds that got this and nothing else, in order. */
const whole = (group: GroupChain) => ({
  ids: group.records.map(({ id }) => id),
  head: group.last.id,
  isVouchedFor: true,
  frozen: 0,
});

describe('a group’s feed whose author changes keys', () => {
  const stores = temporaryStores();

  /** A store with these feeds. */
  async function holding(publicly: Chain, ...groups: GroupChain[]): Promise<OwnStore> {
    const store = await stores.open();
    await store.admitAll(publicly.envelopes, everybody);
    for (const group of groups) await store.admitAll(group.envelopes, everybody);
    return store;
  }

  const admit = async (store: OwnStore, ...records: VerifiedRecord[]) =>
    reasons(await store.admitAll(bytes(records), everybody));

  it('goes on under the new key at home, with what is signed next or by itself, and wherever the key is known', async () => {
    const home = await stores.open();
    const signer = { seed: seedOf(1), author: AUTHOR, recoveryPublicKey: publicKeyOf(seedOf(99)) };
    await home.append(signer, 'public', draft('public'));
    await home.append(signer, SCOPE, draft('one'));
    assert.equal(await home.followKeys(signer, SCOPE), null, 'it is there already');
    assert.equal(await home.followKeys(signer, 'public'), null);
    await home.changeKey({ action: 'rotate', author: AUTHOR, seed: seedOf(1), newSeed: seedOf(2) }, 'public');
    await assert.rejects(home.append(signer, SCOPE, draft('by the old key')), { code: 'store/key-replaced' });
    await assert.rejects(home.followKeys(signer, SCOPE), { code: 'store/key-replaced' });
    await home.append({ ...signer, seed: seedOf(2) }, SCOPE, draft('two'));
    const recover = { action: 'recover', author: AUTHOR, recoverySeed: seedOf(99), newSeed: seedOf(3) } as const;
    await home.changeKey(recover, 'public');
    const followed = await home.followKeys({ ...signer, seed: seedOf(3) }, SCOPE);
    assert.equal(await home.followKeys({ ...signer, seed: seedOf(3) }, SCOPE), null, 'once is enough');
    assert.deepEqual([followed?.link.recovery, followed?.link.epoch, followed?.link.seq], [1, 2, 1]);
    const [publicly, group] = [await home.range(AUTHOR, 'public', 0, 99), await home.range(AUTHOR, SCOPE, 0, 99)];
    assert.deepEqual(
      group.map(({ link: { recovery, epoch, seq } }) => [recovery, epoch, seq]),
      [
        [0, 0, 1],
        [0, 1, 1],
        [0, 1, 2],
        [1, 2, 1],
      ],
    );
    const other = await stores.open();
    assert.deepEqual(await admit(other, ...group), ['admitted', 'unknown-key', 'unknown-key', 'unknown-key']);
    await admit(other, ...publicly);
    assert.deepEqual(await admit(other, ...group), ['known', 'admitted', 'admitted', 'admitted']);
    assert.deepEqual(await inGroup(other), await inGroup(home));
    assert.equal((await inGroup(other)).isVouchedFor, true);
  });

  it('may begin after its author has changed keys', async () => {
    const publicly = new Chain().write('a').rotate(2);
    const group = new GroupChain().follow(publicly, null).write(publicly, 'first', 2);
    const store = await holding(publicly, group);
    assert.deepEqual(await inGroup(store), whole(group));
    // And at home the same is signed.
    const home = await holding(publicly);
    await home.append({ seed: seedOf(2), author: AUTHOR }, SCOPE, draft('first 0'));
    assert.equal((await inGroup(home)).ids[0], group.at(0).id);
  });

  it('threat 17: loses what the old key has signed behind the place at which the new one goes on', async () => {
    for (const change of ['rotate', 'recover'] as const) {
      const publicly = new Chain().write('a');
      const group = new GroupChain().write(publicly, 'mine', 3);
      const theirs = group.branch().write(publicly, 'a thief’s', 2);
      publicly[change](2);
      const store = await holding(publicly, group);
      assert.deepEqual(await admit(store, ...theirs.records.slice(3)), ['admitted', 'admitted']);
      assert.equal((await inGroup(store)).isVouchedFor, false, 'it is held back');
      group.follow(publicly).write(publicly, 'goes on');
      assert.deepEqual(await admit(store, ...group.records.slice(3)), ['admitted', 'admitted'], change);
      assert.deepEqual(await inGroup(store), whole(group));
      assert.deepEqual(await admit(store, ...theirs.records.slice(3)), ['given-up', 'given-up']);
      for (const { id } of theirs.records.slice(3)) assert.equal(await store.get(id), undefined);
    }
  });

  it('threat 7: is not forked by a key that was given up, and a fork from before ends where the new key goes on', async () => {
    const publicly = new Chain().write('a');
    const before = publicly.branch();
    const group = new GroupChain().write(publicly, 'mine', 3);
    const forged = group.branch(1).write(before, 'another', 3);
    publicly.rotate(2);
    const [after, early] = [await holding(publicly, group), await holding(before, group)];
    assert.deepEqual(await admit(after, forged.at(1), forged.at(2), forged.at(3)), [
      'given-up',
      'given-up',
      'given-up',
    ]);
    assert.deepEqual(await admit(early, forged.at(1)), ['fork']);
    assert.equal((await inGroup(early)).frozen, 1);
    // Told of the fork, who knows of the change does not believe it.
    const proof = [group.at(1).envelope, forged.at(1).envelope] as const;
    assert.equal((await after.putProof(...proof, everybody)).result, 'known');
    const heads = [group.at(2), forged.at(2)].map(
      ({ id, link: { author, scope, recovery, epoch, seq } }) =>
        signHead(seedOf(1), NETWORK, { author, scope, recovery, epoch, seq, id }, { now: NOW }).envelope,
    );
    for (const head of heads) {
      const kept = await after.putHead(head, { ...everybody, now: NOW });
      assert.ok(kept.result === 'refused' && kept.reason === 'given-up', JSON.stringify(kept));
    }
    assert.equal((await after.putProof(heads[0]!, heads[1]!, everybody)).result, 'known');
    assert.equal((await inGroup(after)).frozen, 0);
    // The one who saw the fork first goes on as well.
    await admit(early, publicly.last);
    group.follow(publicly).write(publicly, 'goes on');
    for (const store of [after, early]) {
      await admit(store, ...group.records);
      assert.deepEqual(await inGroup(store), whole(group));
      assert.equal((await store.putProof(...proof, everybody)).result, 'known');
      assert.deepEqual(await inGroup(store), whole(group));
    }
  });

  it('threat 7: is forked by two records of the newest key, as any other feed', async () => {
    const publicly = new Chain().write('a').rotate(2);
    const group = new GroupChain().follow(publicly, null).write(publicly, 'one');
    const other = group.branch(1).write(publicly, 'other');
    const store = await holding(publicly, group);
    assert.deepEqual(await admit(store, other.last), ['fork']);
    assert.deepEqual(
      (await store.frozen()).map(({ at, scope }) => [at, scope]),
      [[{ recovery: 0, epoch: 1, seq: 2 }, SCOPE]],
    );
    // So are two ways of going on, and a gap before them.
    const [begins, elsewhere] = [group.at(0), new GroupChain().write(new Chain(), 'before').follow(publicly).last];
    assert.deepEqual(await admit(await holding(publicly), begins, elsewhere), ['admitted', 'fork']);
    assert.deepEqual(await admit(await holding(publicly), elsewhere, elsewhere), ['held', 'held']);
    const ahead = [group.branch().write(publicly, 'x', 2).last, other.branch().write(publicly, 'y', 2).last] as const;
    assert.deepEqual(await admit(await holding(publicly), begins, ...ahead), ['admitted', 'held', 'fork']);
  });

  it('threat 17: is taken nowhere by a key that was given up, not even to an epoch that was its own', async () => {
    const publicly = new Chain().write('a');
    const group = new GroupChain().write(publicly, 'mine', 3);
    const second = publicly.rotate(2).branch();
    const forged = group.branch().follow(second, group.at(0));
    const added = group.branch().follow(second);
    publicly.rotate(3);
    const store = await holding(publicly, group);
    const nothing = new GroupChain().follow(second, null);
    assert.deepEqual(await admit(store, forged.last, nothing.last), ['given-up', 'given-up']);
    assert.deepEqual(await admit(await holding(publicly), forged.last), ['given-up']);
    assert.deepEqual((await inGroup(store)).ids, whole(group).ids);
    // What adds to all that is there may have been before: it comes, is held back, and goes.
    assert.deepEqual(await admit(store, added.last), ['admitted']);
    assert.equal((await inGroup(store)).isVouchedFor, false);
    group.follow(publicly);
    assert.deepEqual(await admit(store, group.last), ['admitted']);
    assert.deepEqual(await inGroup(store), whole(group));
  });

  it('threat 17: opens no epoch that the public feed has not, nor under another key than it has there', async () => {
    const publicly = new Chain().write('a').rotate(2);
    const group = new GroupChain().write(new Chain(), 'mine');
    const store = await holding(publicly, group);
    const thief = new Chain().write('a').rotate(66);
    assert.deepEqual(await admit(store, group.branch().follow(thief).last), ['unknown-key']);
    const further = publicly.branch().rotate(67);
    assert.deepEqual(await admit(store, group.branch().follow(further).last), ['unknown-key']);
    // It names the right key, and is signed by another.
    const good = group.branch().follow(publicly).last;
    const bad = Uint8Array.from(good.envelope);
    bad[bad.length - 100] = (bad[bad.length - 100] ?? 0) ^ 1;
    assert.deepEqual(reasons([await store.admit(bad, everybody)]), ['bad-signature']);
    // The right key signs in the name of another.
    const link: FeedLink = { ...good.link };
    const named = keyDraft(
      AUTHOR,
      followingPredicate(authorIdOf(publicKeyOf(seedOf(66))), { ...group.last.link, id: group.last.id }),
    );
    assert.throws(() => signRecord(seedOf(2), link, named, publicly.keys), { code: 'record/cannot-sign' });
    // What changes keys in a public feed does nothing here.
    const keep = { ...group.last.link, id: group.last.id };
    for (const action of ['rotate', 'recover'] as const) {
      const at = action === 'rotate' ? link : { ...link, recovery: 1 };
      const predicate = keyChangePredicate(at, seedOf(66), {
        action,
        keep,
        ...(action === 'recover' && { recoveryKey: AUTHOR }),
      });
      assert.throws(() => signRecord(seedOf(1), at, keyDraft(AUTHOR, predicate), thief.keys), {
        code: 'record/cannot-sign',
      });
    }
    assert.deepEqual((await inGroup(store)).ids, whole(group).ids);
  });

  it('threat 17: comes whole to who has nothing, or only what a thief has made of it from the beginning', async () => {
    const publicly = new Chain().write('a');
    const forged = new GroupChain().write(publicly, 'forged', 2);
    const group = new GroupChain().write(publicly, 'mine', 3);
    publicly.rotate(2);
    group.follow(publicly).write(publicly, 'later', 2);
    publicly.recover(3);
    group.follow(publicly).write(publicly, 'goes on');
    const store = await holding(publicly, forged);
    assert.equal((await inGroup(store)).ids.length, 2);
    const opening = group.at(-2);
    const backwards = group.records.slice(0, -2).toReversed();
    const answers = await admit(store, opening, ...backwards, group.last);
    assert.deepEqual(answers, ['held', ...backwards.slice(1).map(() => 'held'), 'admitted', 'admitted']);
    assert.deepEqual(await inGroup(store), whole(group));
    assert.deepEqual(await inGroup(await holding(publicly, group)), whole(group));
  });

  it('keeps what a newer key says where two wait for what they keep', async () => {
    const publicly = new Chain().write('a');
    const group = new GroupChain().write(publicly, 'mine', 3);
    const store = await holding(publicly.rotate(2));
    const first = group.branch().follow(publicly).last;
    assert.deepEqual(await admit(store, first), ['held']);
    group.follow(publicly);
    publicly.rotate(3);
    await admit(store, publicly.last);
    group.follow(publicly);
    assert.deepEqual(await admit(store, first), ['given-up'], 'it was current when it came, and is so no more');
    const all = [group.last, ...group.records.slice(0, -1).toReversed()];
    await admit(store, ...all);
    assert.deepEqual(await inGroup(store), whole(group));
  });

  it('threat 17: goes back with the public feed where a recovery leaves an epoch that the thief had opened', async () => {
    const folder = await stores.path();
    const publicly = new Chain().write('a', 2);
    const owner = publicly.branch();
    const group = new GroupChain().write(owner, 'mine', 3);
    const thief = publicly.rotate(66);
    const theirs = group.branch().follow(thief, group.at(1)).write(thief, 'theirs', 2);
    const store = await stores.openAt(folder);
    await admit(store, ...thief.records, ...group.records, ...theirs.records);
    assert.deepEqual(await inGroup(store), whole(theirs));
    const { id, link } = theirs.last;
    const head = signHead(seedOf(66), NETWORK, { ...link, id }, { now: NOW, feedKeys: thief.keys });
    assert.equal((await store.putHead(head.envelope, { ...everybody, now: NOW })).result, 'kept');
    owner.recover(2);
    await admit(store, owner.last);
    const left = await inGroup(store);
    assert.deepEqual([left.ids, left.isVouchedFor], [group.records.slice(0, 2).map((one) => one.id), false]);
    assert.equal(await store.headOf(AUTHOR, SCOPE), undefined);
    assert.deepEqual(await admit(store, theirs.at(2)), ['replayed']);
    await store.close();
    const again = await stores.openAt(folder);
    assert.deepEqual(await inGroup(again), left);
    group.follow(owner).write(owner, 'goes on');
    await admit(again, group.at(-2), group.at(2), group.last);
    assert.deepEqual(await inGroup(again), whole(group));
  });

  it('threat 17: that only a thief has begun is gone with the thief’s epoch', async () => {
    const folder = await stores.path();
    const owner = new Chain().write('a', 2);
    const thief = owner.branch().rotate(66);
    const theirs = new GroupChain().follow(thief, null).write(thief, 'theirs', 2);
    const store = await stores.openAt(folder);
    await admit(store, ...thief.records, ...theirs.records);
    await admit(store, owner.recover(2).last);
    assert.deepEqual(await inGroup(store), { ids: [], head: null, isVouchedFor: false, frozen: 0 });
    for (const { id } of theirs.records) assert.equal(await store.get(id), undefined);
    await store.close();
    const again = await stores.openAt(folder);
    assert.deepEqual(await inGroup(again), { ids: [], head: null, isVouchedFor: false, frozen: 0 });
    const group = new GroupChain().follow(owner, null).write(owner, 'mine');
    assert.deepEqual(await admit(again, ...group.records), ['admitted', 'admitted']);
  });

  it('threat 17: is that of the recovery which the person has chosen of two', async () => {
    const trunk = new Chain().write('a');
    const group = new GroupChain().write(trunk, 'mine', 2);
    const thief = trunk.branch().recover(66, -1, { next: 67 });
    const owner = trunk.branch().recover(2, -1, { next: 98 });
    const theirs = group.branch().follow(thief, group.at(0)).write(thief, 'theirs');
    const mine = group.branch().follow(owner).write(owner, 'mine again');
    const store = await holding(thief, group, theirs);
    await admit(store, owner.last);
    assert.deepEqual(await inGroup(store), whole(theirs), 'it is for the person to choose');
    assert.deepEqual(await admit(store, mine.at(-2)), ['unknown-key']);
    await store.choose(AUTHOR, 'public', owner.last.id);
    assert.equal((await inGroup(store)).isVouchedFor, false);
    await admit(store, mine.at(2), mine.at(1), mine.at(3), theirs.at(1));
    assert.deepEqual(await inGroup(store), whole(mine));
    await store.choose(AUTHOR, 'public', thief.last.id);
    assert.equal((await inGroup(store)).isVouchedFor, false);
    await admit(store, theirs.at(1), theirs.at(2));
    assert.deepEqual(await inGroup(store), whole(theirs));
  });

  it('threat 17: gets nothing signed by a key that its author has revoked', async () => {
    const publicly = new Chain().write('a');
    const group = new GroupChain().write(publicly, 'mine');
    const more = group.branch().write(publicly, 'more').last;
    const store = await holding(publicly.revoke(), group);
    assert.deepEqual(await admit(store, group.at(0), more), ['revoked', 'revoked']);
    assert.equal((await inGroup(store)).head, null);
  });

  it('threat 7: is not frozen by key records that a proof brings: who signs in it, the public feed tells', async () => {
    const owner = new Chain().write('a').rotate(2);
    const group = new GroupChain().write(new Chain(), 'mine');
    const thief = new Chain().write('a').rotate(2).rotate(66);
    const forged = [1, 2].map((number) => group.branch().follow(thief).write(thief, `forged ${number}`).last.envelope);
    const store = await holding(owner, group);
    const keyRecords = [thief.at(0), thief.at(-2), thief.last].map(({ envelope }) => envelope);
    const proof = await store.putProof(forged[0]!, forged[1]!, { ...everybody, keyRecords });
    assert.ok(proof.result === 'refused' && proof.reason === 'unknown-key', JSON.stringify(proof));
    assert.equal((await inGroup(store)).frozen, 0);
  });

  it('threat 17: comes to the same in whatever order it, two branches of the public feed and forged ones arrive', async function () {
    this.timeout(60_000);
    const trunk = new Chain().write('trunk');
    const group = new GroupChain().write(trunk, 'mine', 2);
    const thief = trunk.branch().write('theirs').rotate(66);
    const forged = group.branch().write(trunk, 'forged', 2);
    const other = group.branch(1).write(trunk, 'other');
    const theirs = forged.branch().follow(thief, forged.at(0)).write(thief, 'theirs', 2);
    const owner = trunk.branch().write('mine').rotate(3).recover(4);
    group.follow(owner).write(owner, 'goes on', 2);
    const chains = [thief, owner, group, forged, other, theirs];
    const all = [...new Map(chains.flatMap(({ records }) => records.map((one) => [one.id, one.envelope]))).values()];
    const opening = group.at(-3);
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([...all.keys()], { minLength: all.length }), async (order) => {
        const store = await LevelStore.over(new Disk(), NETWORK);
        for (const index of order) await store.admit(all[index] ?? new Uint8Array(), everybody);
        // Then what a peer with the owner's branches sends (p2p/sync/answer.ts), as often as it takes.
        for (let round = 0; round < 3; round += 1) {
          const kept = owner.records.slice(0, -1).toReversed();
          await store.admitAll(bytes([owner.last, ...kept, owner.last]), everybody);
          const keptInGroup = group.records.slice(0, -3).toReversed();
          await store.admitAll(bytes([opening, ...keptInGroup, opening, ...group.records.slice(-2)]), everybody);
        }
        assert.deepEqual(await inGroup(store), whole(group));
      }),
      { numRuns: 25, seed: 17 },
    );
  });
});
