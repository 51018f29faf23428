/** Private groups on real nodes: members have all of it, whoever is connected to them has nothing. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { GossipSub } from '@libp2p/gossipsub';
import { sha256 } from '../../../src/crypto/digest.ts';
import { RefusalCode } from '../../../src/exchange/p2p/generated/refusal_pb.ts';
import { startGossip, topicOf } from '../../../src/exchange/p2p/libp2p/gossip.ts';
import { decodeAnswer, encodeAsk, GROUP_SYNC_PROTOCOL } from '../../../src/exchange/p2p/sync/messages.ts';
import type { PrivateGroup } from '../../../src/exchange/p2p/types.ts';
import { signRecord, type AuthorId } from '../../../src/exchange/record/index.ts';
import { createAttacker, framed } from './attacker.ts';
import { aPatch, authorOfSeed, createNodes, NETWORK, seedOf, type TestNode } from './nodes.ts';
import { startListener } from './wiretap.ts';

const SCOPE = '5f3c9d1e2a4b6c8d5f3c9d1e2a4b6c8d';
const [ALICE, BOB, CAROL] = [authorOfSeed(1), authorOfSeed(2), authorOfSeed(3)];

describe('a private group', function () {
  this.timeout(60_000);
  const nodes = createNodes();
  afterEach(() => nodes.clean());

  /** Each follows the others; the list is read anew whenever it is asked for. */
  const start = (seed: number, groups: readonly PrivateGroup[] = [], others: readonly AuthorId[] = []) =>
    nodes.start({
      seed,
      groups: () => groups,
      following: [ALICE, BOB, CAROL, ...others].filter((one) => one !== authorOfSeed(seed)),
    });

  const write = (node: TestNode, name: string, scope = SCOPE) =>
    node.store.append({ seed: node.seed }, scope, aPatch(name, sha256(name)));

  const held = async (node: TestNode, author: AuthorId, scope = SCOPE): Promise<number> =>
    (await node.store.head(author, scope))?.seq ?? 0;

  it('is synced between its members: what was before, and what is new', async () => {
    const group = [{ scope: SCOPE, members: [ALICE, BOB] }];
    const [alice, bob] = [await start(1, group), await start(2, group)];
    await write(alice, 'before');
    await bob.exchange.connect(alice.address);
    assert.equal(await held(bob, ALICE), 1);
    // Told, the others ask: neither has to wait for the next sync.
    await alice.exchange.announce(await write(alice, 'after'));
    await bob.exchange.announce(await write(bob, 'mine'));
    await nodes.until(async () => (await held(bob, ALICE)) === 2 && (await held(alice, BOB)) === 1);
    // And the head that says that this is all.
    await nodes.until(async () => (await bob.store.headOf(ALICE, SCOPE))?.head.seq === 2);
  });

  it('reaches a member through another one, while its author is away', async () => {
    const group = [{ scope: SCOPE, members: [ALICE, BOB, CAROL] }];
    const [alice, bob, carol] = [await start(1, group), await start(2, group), await start(3, group)];
    await write(alice, 'for three');
    await bob.exchange.connect(alice.address);
    await alice.stop();
    await carol.exchange.connect(bob.address);
    assert.equal(await held(carol, ALICE), 1);
  });

  it('threat 25: says nothing to a follower who is no member, nor takes anything from them', async () => {
    const group = [{ scope: SCOPE, members: [ALICE, BOB] }];
    const [alice, bob] = [await start(1, group), await start(2, group)];
    // A liar about the list: it holds itself to be a member, and even knows the id.
    const carol = await start(3, [{ scope: SCOPE, members: [ALICE, BOB, CAROL] }]);
    await write(alice, 'not for carol');
    await write(carol, 'pushed in');
    await alice.write();
    await bob.exchange.connect(alice.address);
    await carol.exchange.connect(alice.address);
    await carol.exchange.connect(bob.address);
    for (const node of [alice, bob, carol]) await node.exchange.sync();
    assert.equal(await held(carol, ALICE, 'public'), 1, 'what is public she has');
    assert.equal(await held(bob, ALICE), 1);
    assert.deepEqual([await held(carol, ALICE), await held(alice, CAROL), await held(bob, CAROL)], [0, 0, 0]);
  });

  it('threat 25: looks to who is no member like no group at all', async () => {
    const alice = await start(1, [{ scope: SCOPE, members: [ALICE, BOB] }]);
    await write(alice, 'a record');
    const stranger = await createAttacker(30);
    try {
      const answers: unknown[] = [];
      for (const group of [SCOPE, '0'.repeat(32)]) {
        const stream = await stranger.open(alice.address, GROUP_SYNC_PROTOCOL);
        const mark = { author: ALICE, recovery: 0, epoch: 0, seq: 0, id: null, signed: null, frozen: false, rivals: 0 };
        stream.send(framed(encodeAsk({ network: NETWORK, marks: [mark], since: undefined, dropped: [], group })));
        await stream.close();
        answers.push((await stranger.framesOf(stream)).map(decodeAnswer));
      }
      assert.deepEqual(answers[0], answers[1]);
      const [answer] = answers[0] as ReturnType<typeof decodeAnswer>[];
      assert.equal(answer?.case === 'refusal' ? answer.value.code : undefined, RefusalCode.NOT_FOUND);
    } finally {
      await stranger.stop();
    }
  });

  it('threat 25: with members shows in no byte to who is connected to them', async () => {
    const listener = await startListener(topicOf(ALICE));
    try {
      const group = [{ scope: SCOPE, members: [ALICE, BOB] }];
      const [alice, bob] = [await start(1, group), await start(2, group)];
      for (const node of [alice, bob]) {
        for (const address of listener.node.getMultiaddrs())
          await node.exchange.connect(String(address)).catch(() => undefined);
      }
      const secret = await write(alice, 'for-us-alone');
      await bob.exchange.connect(alice.address);
      await alice.exchange.announce(await write(alice, 'told-to-us-alone'));
      await nodes.until(async () => (await held(bob, ALICE)) === 2);
      // What is public comes after all that, so that nothing can still be on its way.
      await nodes.until(() => listener.node.services.pubsub.getSubscribers(topicOf(ALICE)).length > 0);
      await alice.exchange.announce(await alice.write());
      await nodes.until(() => listener.heard('patch 1 1'));
      const named = createHash('sha256').update(SCOPE).digest();
      for (const needle of [
        SCOPE,
        Buffer.from(SCOPE, 'hex'),
        named,
        'for-us-alone',
        'told-to-us-alone',
        secret.id.slice('sha256:'.length),
      ]) {
        assert.ok(!listener.heard(needle), `${String(needle)} was heard`);
      }
    } finally {
      await listener.node.stop();
    }
  });

  it('gives nothing more to a member that was removed, and takes nothing more from them', async () => {
    const all = { scope: SCOPE, members: [ALICE, BOB, CAROL] };
    const groups = [all];
    const [alice, bob, carol] = [await start(1, groups), await start(2, groups), await start(3, [all])];
    await write(alice, 'for three');
    await carol.exchange.connect(alice.address);
    await bob.exchange.connect(alice.address);
    assert.deepEqual([await held(bob, ALICE), await held(carol, ALICE)], [1, 1]);
    groups[0] = { scope: SCOPE, members: [ALICE, BOB] };
    await alice.exchange.announce(await write(alice, 'for two'));
    await write(carol, 'still here');
    await nodes.until(async () => (await held(bob, ALICE)) === 2);
    for (const node of [carol, alice, bob]) await node.exchange.sync();
    assert.deepEqual([await held(carol, ALICE), await held(alice, CAROL), await held(bob, CAROL)], [1, 0, 0]);
    assert.ok(
      carol.troubles.some(({ what, error }) => what === 'group sync' && error.code === 'exchange/refused-by-peer'),
    );
  });

  it('threat 17: follows a member to their new key, and a thief of the old one nowhere', async () => {
    const group = [{ scope: SCOPE, members: [ALICE, BOB, CAROL] }];
    const folder = await nodes.folder();
    const following = [BOB, CAROL];
    const alice = await nodes.start({ seed: 1, folder, groups: () => group, following });
    const [bob, carol] = [await start(2, group), await start(3, group)];
    await alice.write();
    await write(alice, 'signed by the first key');
    await write(alice, 'and this');
    await bob.exchange.connect(alice.address);
    await carol.exchange.connect(alice.address);
    assert.deepEqual([await held(bob, ALICE), await held(carol, ALICE)], [2, 2]);
    // Bob has heard of another record in the place of the second before anybody has heard of the change.
    const [, second] = await alice.store.range(ALICE, SCOPE, 0, 2);
    const forged = signRecord(alice.seed, second!.link, aPatch('a thief’s', sha256('forged')));
    await bob.store.admit(forged.envelope, { follows: () => true });
    assert.equal((await bob.store.frozen()).length, 1);
    const newSeed = seedOf(50);
    await alice.store.changeKey({ action: 'rotate', author: ALICE, seed: alice.seed, newSeed }, 'public');
    const goesOn = await alice.store.append({ seed: newSeed, author: ALICE }, SCOPE, aPatch('later', sha256('later')));
    await alice.stop();
    const again = await nodes.start({ seed: 50, author: ALICE, folder, groups: () => group, following });
    await carol.exchange.connect(again.address);
    await nodes.until(async () => (await carol.store.head(ALICE, SCOPE))?.id === goesOn.id);
    await nodes.until(async () => (await carol.store.headOf(ALICE, SCOPE))?.head.id === goesOn.id);
    // And by way of another member, to who was misled.
    await again.stop();
    await bob.exchange.connect(carol.address);
    await nodes.until(async () => (await bob.store.head(ALICE, SCOPE))?.id === goesOn.id);
    assert.deepEqual(await bob.store.frozen(), []);
    assert.deepEqual(
      (await bob.store.range(ALICE, SCOPE, 0, 9)).map(({ id }) => id),
      (await carol.store.range(ALICE, SCOPE, 0, 9)).map(({ id }) => id),
    );
  });

  it('threat 25: that has left the policy is told of to nobody, and what was stored in it stays', async () => {
    const groups = [{ scope: SCOPE, members: [ALICE, BOB] }];
    const [alice, bob] = [await start(1, groups), await start(2, [{ scope: SCOPE, members: [ALICE, BOB] }])];
    await bob.exchange.connect(alice.address);
    const stored = await write(alice, 'as its group goes');
    groups.length = 0;
    await alice.exchange.announce(stored);
    await alice.exchange.announce(await alice.write());
    await nodes.until(async () => (await held(bob, ALICE, 'public')) === 1);
    await bob.exchange.sync();
    assert.deepEqual([await held(alice, ALICE), await held(bob, ALICE)], [1, 0]);
    // It is named again: nothing was lost.
    groups.push({ scope: SCOPE, members: [ALICE, BOB] });
    await bob.exchange.sync();
    assert.equal(await held(bob, ALICE), 1);
  });

  it('threat 25: never lets a record of it in by gossip or by a public sync', async () => {
    const [alice, bob] = [await start(1), await start(2)];
    const secret = await write(alice, 'of a group that nobody told of');
    await alice.exchange.announce(secret);
    await bob.exchange.connect(alice.address);
    assert.equal(await held(bob, ALICE), 0);
    // Whoever calls it: the way to gossip itself takes none.
    const publish = (): never => assert.fail('it was published');
    const pubsub = Object.assign(new EventTarget(), { direct: new Set(), opts: {}, publish });
    const gossip = startGossip(pubsub as unknown as GossipSub, () => assert.fail('nothing came'));
    await assert.rejects(gossip.publish(secret), { code: 'exchange/private-scope', exitCode: 3 });
  });
});
