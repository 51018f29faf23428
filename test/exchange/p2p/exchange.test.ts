import assert from 'node:assert/strict';
import { once } from 'node:events';
import { freshnessOf } from '../../../src/exchange/record/index.ts';
import { sha256 } from '../../../src/crypto/digest.ts';
import { createExchange } from '../../../src/exchange/p2p/index.ts';
import { aPatch, authorOfSeed, createNodes, NETWORK, seqOf } from './nodes.ts';

describe('the exchange', function () {
  this.timeout(30_000);
  const nodes = createNodes();
  afterEach(() => nodes.clean());

  it('brings what is published to a follower who is connected', async () => {
    const alice = await nodes.start({ seed: 1 });
    const bob = await nodes.start({ seed: 2, following: [alice.author] });
    await bob.exchange.connect(alice.address);
    for (let seq = 1; seq <= 3; seq += 1) {
      const record = await alice.write();
      await alice.exchange.announce(record);
      await nodes.until(async () => (await bob.store.get(record.id)) !== undefined);
    }
    assert.equal(await seqOf(bob, alice.author), 3);
    assert.deepEqual(bob.troubles, []);
  });

  it('brings a node that was away everything that it missed, and a fresh head', async () => {
    const alice = await nodes.start({ seed: 1 });
    for (let seq = 1; seq <= 5; seq += 1) await alice.write();
    const folder = await nodes.folder();
    const before = await nodes.start({ seed: 2, folder, following: [alice.author] });
    await before.exchange.connect(alice.address);
    assert.equal(await seqOf(before, alice.author), 5);
    await before.stop();

    for (let seq = 6; seq <= 150; seq += 1) await alice.write();
    const after = await nodes.start({ seed: 2, folder, following: [alice.author] });
    await after.exchange.connect(alice.address);
    assert.equal(await seqOf(after, alice.author), 150);
    const signed = await after.store.headOf(alice.author, 'public');
    const stored = await after.store.head(alice.author, 'public');
    assert.equal(freshnessOf(signed, stored, new Date()).state, 'fresh');
  });

  it('gives a feed on by way of a peer who only carries it', async () => {
    const alice = await nodes.start({ seed: 1 });
    await alice.write();
    const bob = await nodes.start({ seed: 2, following: [alice.author] });
    await bob.exchange.connect(alice.address);
    await alice.stop();
    const carol = await nodes.start({ seed: 3, following: [alice.author, bob.author] });
    await carol.exchange.connect(bob.address);
    assert.equal(await seqOf(carol, alice.author), 1);
  });

  it('threat 19: never admits a stranger, neither by sync nor by gossip', async () => {
    const mallory = await nodes.start({ seed: 9 });
    const alice = await nodes.start({ seed: 1, following: [mallory.author] });
    const bob = await nodes.start({ seed: 2, following: [alice.author] });
    await mallory.write();
    await alice.exchange.connect(mallory.address);
    await bob.exchange.connect(mallory.address);
    await bob.exchange.connect(alice.address);
    await mallory.exchange.announce(await mallory.write());
    await nodes.until(async () => (await seqOf(alice, mallory.author)) === 2);
    // Alice's next record comes after all of this, on the same connections.
    const record = await alice.write();
    await alice.exchange.announce(record);
    await nodes.until(async () => (await bob.store.get(record.id)) !== undefined);
    assert.equal(await seqOf(bob, mallory.author), 0);
    assert.ok(bob.admissions.every((one) => one.result !== 'admitted' || one.record.link.author === alice.author));
  });

  it('catches up with its own feed after its store was lost', async () => {
    const alice = await nodes.start({ seed: 1 });
    await alice.write();
    await alice.write();
    const bob = await nodes.start({ seed: 2, following: [alice.author] });
    await bob.exchange.connect(alice.address);
    await alice.stop();
    const reborn = await nodes.start({ seed: 1 });
    await reborn.exchange.connect(bob.address);
    assert.equal(await seqOf(reborn, alice.author), 2);
  });

  it('follows somebody new as soon as the policy says so', async () => {
    const alice = await nodes.start({ seed: 1 });
    await alice.write();
    const following: ReturnType<typeof authorOfSeed>[] = [];
    const bob = await nodes.start({ seed: 2, following });
    await bob.exchange.connect(alice.address);
    assert.equal(await seqOf(bob, alice.author), 0);
    following.push(alice.author);
    assert.equal(await bob.exchange.sync(), 1);
    const record = await alice.write();
    await alice.exchange.announce(record);
    await nodes.until(async () => (await bob.store.get(record.id)) !== undefined);
  });

  it('carries a proof of a fork to whoever follows the author', async () => {
    const first = await nodes.start({ seed: 1 });
    await first.write();
    const twin = await nodes.start({ seed: 1 });
    await twin.write();
    await twin.write(`sha256:${'0'.repeat(64)}`);
    const bob = await nodes.start({ seed: 2, following: [first.author] });
    await bob.exchange.connect(first.address);
    // The twin's first record is the same bytes; its second is not the one that is written here.
    await first.write();
    await bob.exchange.sync();
    // One key, one PeerId: only when the first is gone can the twin be reached.
    await first.stop();
    await nodes.until(() => bob.exchange.peers().length === 0);
    await bob.exchange.connect(twin.address);
    await nodes.until(async () => (await bob.store.frozen()).length === 1);
    const carol = await nodes.start({ seed: 3, following: [first.author, bob.author] });
    await carol.exchange.connect(bob.address);
    await nodes.until(async () => (await carol.store.frozen()).length === 1);
  });

  it('dials trusted peers again when they come back, at the address that the policy has', async () => {
    const alice = await nodes.start({ seed: 1 });
    const { address } = alice;
    const port = /tcp\/(\d+)/.exec(address)?.[1] ?? '';
    const bob = await nodes.start({
      seed: 2,
      following: [alice.author],
      trusted: () => [{ author: alice.author, addresses: [`/ip4/127.0.0.1/tcp/${port}`] }],
    });
    const isConnected = (): boolean => bob.exchange.peers().some(({ author }) => author === alice.author);
    await nodes.until(isConnected);
    await alice.stop();
    await nodes.until(() => !isConnected());
    const back = await nodes.start({ seed: 1, listen: [`/ip4/127.0.0.1/tcp/${port}`] });
    const record = await back.write();
    await nodes.until(async () => (await bob.store.get(record.id)) !== undefined);
  });

  it('threat 20: refuses somebody else at the address of a trusted peer', async () => {
    const mallory = await nodes.start({ seed: 9 });
    const alice = authorOfSeed(1);
    const bob = await nodes.start({
      seed: 2,
      following: [alice],
      trusted: () => [{ author: alice, addresses: [mallory.address.replace(/\/p2p\/.*/, '')] }],
    });
    await nodes.until(() => bob.troubles.some(({ what }) => what === 'dialling'));
    assert.deepEqual(bob.exchange.peers(), []);
  });

  it('says what cannot be reached, and what is no address', async () => {
    const alice = await nodes.start({ seed: 1 });
    const gone = await nodes.start({ seed: 2 });
    await gone.stop();
    await assert.rejects(alice.exchange.connect(gone.address), { code: 'exchange/unreachable', exitCode: 5 });
    await assert.rejects(alice.exchange.connect('example.org:4001'), { code: 'exchange/bad-address', exitCode: 2 });
    await assert.rejects(nodes.start({ seed: 3, listen: ['/ip4/192.0.2.1/tcp/1'] }), {
      code: 'exchange/cannot-listen',
    });
  });

  for (const listen of ['garbage', '', '/ip4/127.0.0.1', '/ip4/127.0.0.1/tcp/65536', '/ip4/127.0.0.1/udp/1']) {
    it(`says that nobody can listen on ${JSON.stringify(listen)}: the person’s mistake, not the machine’s`, async () => {
      await assert.rejects(nodes.start({ seed: 1, listen: ['/ip4/127.0.0.1/tcp/0', listen] }), {
        code: 'exchange/bad-address',
        exitCode: 2,
        hint: /\/ip4\//,
      });
    });
  }

  it('refuses a bootstrap address that is none, before it starts', async () => {
    await assert.rejects(nodes.start({ seed: 1, bootstrap: ['/nowhere'] }), { code: 'exchange/bad-address' });
  });

  it('ends the challenges that it works on when it stops, and waits for their end', async () => {
    const begun = Promise.withResolvers<void>();
    let ended = false;
    const alice = await nodes.start({
      seed: 1,
      following: [authorOfSeed(2)],
      answerChallenge: async (_challenge, _asker, stopping) => {
        begun.resolve();
        await once(stopping, 'abort');
        // As a VM does that is told to go.
        for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        ended = true;
        return undefined;
      },
    });
    const bob = await nodes.start({ seed: 2, following: [alice.author] });
    await bob.exchange.connect(alice.address);
    const challenge = { manifest: sha256('manifest'), nonce: new Uint8Array(32), paths: ['p1:/bin/init'] };
    const stop = new AbortController();
    const asked = bob.exchange.challenge(alice.author, challenge, stop.signal).catch(() => undefined);
    await begun.promise;
    await alice.stop();
    assert.equal(ended, true);
    stop.abort();
    await asked;
  });

  it('lets go of its port where it cannot start for another reason', async () => {
    const first = await nodes.start({ seed: 1 });
    await first.write();
    await first.stop();
    const listen = [first.address.replace(/\/p2p\/.*$/, '')];
    const options = { seed: first.seed, network: NETWORK, store: first.store, listen, blobTypes: {} };
    // Its store is closed: the own head, which it would renew, cannot be read.
    await assert.rejects(
      createExchange({ ...options, follows: () => false, followed: () => [], trusted: () => [] }),
      /closed|not open/i,
    );
    assert.equal((await nodes.start({ seed: 1, listen })).address, first.address);
  });

  it('threat 25: never speaks of a private scope: not on gossip, not by sync', async () => {
    const alice = await nodes.start({ seed: 1 });
    const bob = await nodes.start({ seed: 2, following: [alice.author] });
    const scope = '5f3c9d1e2a4b6c8d5f3c9d1e2a4b6c8d';
    const secret = await alice.store.append({ seed: alice.seed }, scope, aPatch('private', sha256('s')));
    await alice.write();
    await alice.exchange.announce(secret);
    await bob.exchange.connect(alice.address);
    assert.equal(await seqOf(bob, alice.author), 1);
    assert.equal(await bob.store.get(secret.id), undefined);
  });

  it('stops, and can be told to twice', async () => {
    const alice = await nodes.start({ seed: 1 });
    const bob = await nodes.start({ seed: 2, following: [alice.author] });
    await bob.exchange.connect(alice.address);
    await alice.exchange.stop();
    await alice.exchange.stop();
    await nodes.until(() => bob.exchange.peers().length === 0);
    await assert.rejects(bob.exchange.connect(alice.address), { code: 'exchange/unreachable' });
  });

  it('tells a node of another network nothing but which one it is in', async () => {
    const alice = await nodes.start({ seed: 1 });
    await alice.write();
    const other = await nodes.start({ seed: 2, following: [alice.author], network: 'another' });
    await assert.rejects(other.exchange.connect(alice.address), { message: /this node is in test/ });
    assert.equal(await seqOf(other, alice.author), 0);
  });
});
