import assert from 'node:assert/strict';
import { generateSeed, publicKeyOf } from '../../../src/crypto/ed25519.ts';
import { freshnessOf } from '../../../src/exchange/record/index.ts';
import { sha256 } from '../../../src/crypto/digest.ts';
import { aPatch, createNodes, seedOf, type TestNode } from './nodes.ts';

const RECOVERY_SEED = generateSeed();

/** Opens the feed of a node with its recovery key, then writes. */
async function write(node: TestNode, count: number, seed = node.seed): Promise<void> {
  const signer = { seed, author: node.author, recoveryPublicKey: publicKeyOf(RECOVERY_SEED) };
  for (let index = 0; index < count; index += 1) {
    await node.store.append(signer, 'public', aPatch(`${count} ${index}`, sha256('s')));
  }
}

describe('keys that change, between nodes', function () {
  this.timeout(60_000);
  const nodes = createNodes();
  afterEach(() => nodes.clean());

  const same = async (a: TestNode, b: TestNode, author = a.author): Promise<boolean> =>
    (await a.store.head(author, 'public'))?.id === (await b.store.head(author, 'public'))?.id;

  it('come to a follower by sync, who catches up through several epochs at once, with a fresh head', async () => {
    const alice = await nodes.start({ seed: 1 });
    const bob = await nodes.start({ seed: 2, following: [alice.author] });
    await write(alice, 3);
    await bob.exchange.connect(alice.address);
    let { seed } = alice;
    for (const newSeed of [seedOf(11), seedOf(12)]) {
      await alice.store.changeKey({ action: 'rotate', author: alice.author, seed, newSeed }, 'public');
      seed = newSeed;
      await write(alice, 2, seed);
    }
    await bob.exchange.sync();
    assert.ok(await same(alice, bob));
    assert.equal((await bob.store.head(alice.author, 'public'))?.epoch, 2);
    assert.deepEqual(bob.troubles, []);
  });

  it('threat 17: a recovery takes a follower off the thief’s branch, and by way of that follower the next one', async () => {
    const alice = await nodes.start({ seed: 1 });
    await write(alice, 3);
    const bob = await nodes.start({ seed: 2, following: [alice.author] });
    const carol = await nodes.start({ seed: 3, following: [alice.author, bob.author] });
    await bob.exchange.connect(alice.address);
    await alice.stop();
    await nodes.until(() => bob.exchange.peers().length === 0);
    // The thief has the signing key, and all that anybody can have.
    const thief = await nodes.start({ seed: 1 });
    await thief.exchange.connect(bob.address);
    await thief.store.append({ seed: thief.seed }, 'public', aPatch('evil', sha256('evil')));
    await thief.store.changeKey(
      { action: 'rotate', author: thief.author, seed: thief.seed, newSeed: seedOf(66) },
      'public',
    );
    await bob.exchange.sync();
    await nodes.until(() => same(thief, bob));
    await carol.exchange.connect(bob.address);
    assert.ok(await same(thief, carol));
    await thief.stop();
    await nodes.until(() => bob.exchange.peers().every(({ author }) => author !== alice.author));

    // The owner has the paper, and a peer who holds the feed; keeps what was theirs.
    const owner = await nodes.start({ seed: 4, author: alice.author });
    await owner.exchange.connect(bob.address);
    assert.ok(await same(bob, owner, alice.author));
    const own = await owner.store.range(alice.author, 'public', 0, 9);
    const keep = own[3]?.id ?? assert.fail();
    const { voided } = await owner.store.changeKey(
      { action: 'recover', author: alice.author, recoverySeed: RECOVERY_SEED, newSeed: owner.seed, keep },
      'public',
    );
    assert.equal(voided.length, 2);
    await owner.store.append(
      { seed: owner.seed, author: alice.author },
      'public',
      aPatch('mine again', sha256('mine')),
    );
    await owner.exchange.sync();
    await nodes.until(async () => (await same(owner, bob, alice.author)) && same(owner, carol, alice.author));
    const signed = await carol.store.headOf(alice.author, 'public');
    const stored = await carol.store.head(alice.author, 'public');
    await nodes.until(async () => {
      const head = await carol.store.headOf(alice.author, 'public');
      return freshnessOf(head, stored, new Date()).state === 'fresh';
    });
    assert.ok(signed === undefined || signed.head.recovery === 1, 'the thief’s head is gone');
  });

  it('find and recognise their owner after a change, at the address that policy has, though its PeerId is another', async () => {
    const alice = await nodes.start({ seed: 1 });
    await write(alice, 2);
    const { address } = alice;
    const folder = await nodes.folder();
    const bob = await nodes.start({
      seed: 2,
      following: [alice.author],
      folder,
      trusted: () => [{ author: alice.author, addresses: [address] }],
    });
    await nodes.until(() => same(alice, bob));
    await alice.exchange.stop();
    await nodes.until(() => bob.exchange.peers().length === 0);
    // While bob cannot hear of it, alice changes her key and comes back where she was.
    await alice.store.changeKey(
      { action: 'rotate', author: alice.author, seed: alice.seed, newSeed: seedOf(21) },
      'public',
    );
    const records = await alice.store.range(alice.author, 'public', 0, 99);
    await alice.stop();
    const port = /tcp\/(\d+)/.exec(address)?.[1] ?? '';
    const listen = [`/ip4/127.0.0.1/tcp/${port}`];
    const back = await nodes.start({ seed: 21, author: alice.author, listen });
    await back.store.admitAll(
      records.map(({ envelope }) => envelope),
      { follows: () => true },
    );
    await nodes.until(() => same(back, bob, alice.author));
    await nodes.until(() => bob.exchange.peers().some(({ author }) => author === alice.author));
    assert.notEqual(back.exchange.peerId, alice.exchange.peerId);
    // And who has only the old key is nobody to bob: recognised as no author, and not connected to as alice.
    const thief = await nodes.start({ seed: 1 });
    await thief.exchange.connect(bob.address);
    const seen = bob.exchange.peers().find(({ peerId }) => peerId === thief.exchange.peerId);
    assert.ok(seen && seen.author === null);
  });

  it('threat 20: somebody else at that address, who has the feed but not the key, is hung up on', async () => {
    const alice = await nodes.start({ seed: 1 });
    await write(alice, 2);
    await alice.store.changeKey(
      { action: 'rotate', author: alice.author, seed: alice.seed, newSeed: seedOf(21) },
      'public',
    );
    const mallory = await nodes.start({ seed: 9, following: [alice.author] });
    await mallory.exchange.connect(alice.address);
    await alice.stop();
    const bob = await nodes.start({
      seed: 2,
      following: [alice.author],
      trusted: () => [{ author: alice.author, addresses: [mallory.address] }],
    });
    const tried = () => bob.troubles.filter(({ what }) => what === 'dialling').length;
    await nodes.until(() => tried() >= 2);
    await nodes.until(() => bob.exchange.peers().length === 0);
    assert.ok(bob.troubles.every(({ error }) => error instanceof Error));
  });

  it('a recovery ends a fork for who is frozen, whichever branch they hold', async () => {
    const alice = await nodes.start({ seed: 1 });
    await write(alice, 2);
    const folder = await nodes.folder();
    const twin = await nodes.start({ seed: 1, folder });
    const bob = await nodes.start({ seed: 2, following: [alice.author] });
    const carol = await nodes.start({ seed: 3, following: [alice.author, bob.author] });
    await bob.exchange.connect(alice.address);
    for (const { envelope } of await alice.store.range(alice.author, 'public', 0, 9)) {
      await twin.store.admit(envelope, { follows: () => true });
    }
    await carol.exchange.connect(twin.address);
    await write(alice, 3);
    await write(twin, 2);
    await bob.exchange.sync();
    await carol.exchange.sync();
    await alice.exchange.stop();
    await carol.exchange.connect(bob.address);
    await nodes.until(async () => (await bob.store.frozen()).length === 1 && (await carol.store.frozen()).length === 1);
    await alice.stop();
    await twin.stop();
    // The owner goes on with the twin's branch, which only carol holds.
    const owner = await nodes.start({ seed: 5, author: alice.author, folder });
    await owner.store.changeKey(
      { action: 'recover', author: alice.author, recoverySeed: RECOVERY_SEED, newSeed: owner.seed },
      'public',
    );
    await owner.exchange.connect(bob.address);
    await nodes.until(async () => (await same(owner, bob, alice.author)) && same(owner, carol, alice.author));
    for (const node of [bob, carol]) assert.deepEqual(await node.store.frozen(), []);
  });
});
