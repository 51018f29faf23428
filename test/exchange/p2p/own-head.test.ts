import assert from 'node:assert/strict';
import { multiaddr } from '@multiformats/multiaddr';
import { PortalgunError } from '../../../src/errors.ts';
import { FEED_HEAD_PROTOCOL } from '../../../src/exchange/p2p/protocols/feed-head.ts';
import { createAttacker } from './attacker.ts';
import { authorOfSeed, createNodes, seqOf, type TestNode } from './nodes.ts';

const signal = new AbortController().signal;

describe('the own head, asked of peers', function () {
  this.timeout(60_000);
  const nodes = createNodes();
  afterEach(() => nodes.clean());

  async function copyOf(node: TestNode, upTo: number): Promise<Uint8Array[]> {
    return (await node.store.range(node.author, 'public', 0, upTo)).map(({ envelope }) => envelope);
  }

  const isToldWhy = ({ troubles }: TestNode): boolean =>
    troubles.some(({ error }) => error instanceof PortalgunError && error.code === 'exchange/not-confirmed');

  it('threat 8: a node that lost its newest records catches up with itself before it is told to go on', async () => {
    const alice = await nodes.start({ seed: 1 });
    const bob = await nodes.start({ seed: 2, following: [alice.author] });
    for (let count = 0; count < 5; count += 1) await alice.write();
    await bob.exchange.connect(alice.address);
    const old = await copyOf(alice, 3);
    await alice.stop();
    await nodes.until(() => bob.exchange.peers().length === 0);
    const restored = await nodes.start({ seed: 1, following: [bob.author] });
    await restored.store.admitAll(old, { follows: () => true });
    assert.equal(await restored.exchange.confirmOwnHead(signal), null, 'nobody is connected');
    await restored.exchange.connect(bob.address);
    assert.equal(await restored.exchange.confirmOwnHead(signal), bob.author);
    assert.equal(await seqOf(restored, restored.author), 5);
    assert.equal((await restored.write()).link.seq, 6);
  });

  it('threat 8: of a restored home is not confirmed by who has nothing of it; of another it is', async () => {
    const bob = await nodes.start({ seed: 2, following: [authorOfSeed(1)] });
    const restored = await nodes.start({ seed: 1, following: [bob.author] });
    await restored.exchange.connect(bob.address);
    assert.equal(await restored.exchange.confirmOwnHead(signal, { mayHaveForgotten: true }), null);
    assert.ok(isToldWhy(restored));
    assert.equal(await restored.exchange.confirmOwnHead(signal), bob.author);
  });

  it('is confirmed by one peer however slow another is', async () => {
    const slow = await createAttacker(9);
    const bob = await nodes.start({ seed: 2, following: [authorOfSeed(1)] });
    const alice = await nodes.start({ seed: 1, following: [authorOfSeed(9), bob.author] });
    try {
      await slow.node.handle(FEED_HEAD_PROTOCOL, async () => undefined); // it never says a word
      await slow.node.dial(multiaddr(alice.address));
      await alice.exchange.connect(bob.address);
      await nodes.until(() => alice.exchange.peers().length === 2);
      assert.equal(await alice.exchange.confirmOwnHead(signal), bob.author);
    } finally {
      await slow.stop();
    }
  });

  it('is waited for no longer than there is time', async () => {
    const slow = await createAttacker(9);
    const alice = await nodes.start({ seed: 1, following: [authorOfSeed(9)], timing: { ownHeadWaitMs: 200 } });
    try {
      await slow.node.handle(FEED_HEAD_PROTOCOL, async () => undefined); // it never says a word
      await slow.node.dial(multiaddr(alice.address));
      await nodes.until(() => alice.exchange.peers().length === 1);
      assert.equal(await alice.exchange.confirmOwnHead(signal), null);
      const { error } = alice.troubles.find(({ what }) => what === 'asking for the own head') ?? {};
      assert.equal(error?.name, 'TimeoutError', 'it was a stream’s own limit that ended it');
    } finally {
      await slow.stop();
    }
  });

  it('is not confirmed by who does not carry the feed, nor by a stranger', async () => {
    const alice = await nodes.start({ seed: 1 });
    await alice.write();
    const bob = await nodes.start({ seed: 2 });
    const carol = await nodes.start({ seed: 3, following: [alice.author] });
    const asking = await nodes.start({ seed: 4, following: [bob.author] });
    await asking.write();
    await asking.exchange.connect(bob.address);
    await asking.exchange.connect(carol.address);
    assert.equal(await asking.exchange.confirmOwnHead(signal), null);
    assert.ok(asking.troubles.some(({ error }) => /does not carry/.test(error.message)));
  });

  it('is not confirmed by who has another branch of it', async () => {
    const alice = await nodes.start({ seed: 1 });
    const bob = await nodes.start({ seed: 2, following: [alice.author] });
    await alice.write();
    await alice.write(`sha256:${'0'.repeat(64)}`);
    await bob.exchange.connect(alice.address);
    await alice.stop();
    await nodes.until(() => bob.exchange.peers().length === 0);
    const twin = await nodes.start({ seed: 1, following: [bob.author] });
    await twin.write();
    await twin.write(`sha256:${'1'.repeat(64)}`);
    await twin.exchange.connect(bob.address);
    assert.equal(await twin.exchange.confirmOwnHead(signal), null);
    assert.ok(isToldWhy(twin));
    await nodes.until(async () => (await twin.store.frozen()).length === 1);
  });

  it('threat 8: the same key running on two machines is reported to its owner', async () => {
    const heard = new Set<string>();
    const alice = await nodes.start({ seed: 1, onOwnHeadElsewhere: (_head, from) => heard.add(from) });
    const bob = await nodes.start({ seed: 2, following: [alice.author] });
    await alice.write();
    await bob.exchange.connect(alice.address);
    assert.equal(heard.size, 0, 'its own head, coming back, is no news');
    // Heads are dated to the second: the other machine's is of a later one.
    const later = (): number => Date.now() + 2_000;
    const twin = await nodes.start({ seed: 1, now: later });
    await twin.store.admitAll(await copyOf(alice, 9), { follows: () => true });
    await twin.write();
    const carol = await nodes.start({ seed: 3, following: [alice.author, bob.author] });
    await carol.exchange.connect(twin.address);
    await carol.exchange.connect(bob.address);
    await nodes.until(async () => (await seqOf(bob, alice.author)) === 2);
    await alice.exchange.sync();
    await nodes.until(() => heard.has(bob.exchange.peerId));
  });
});
