/** Authors who change keys, and those who show one change to some and another to others. */
import assert from 'node:assert/strict';
import type { AuthorId } from '../../src/exchange/record/index.ts';
import { decisionsOf } from './decisions.ts';
import { aDraft, createNetwork, seedNumber } from './network.ts';
import type { SimNode } from './node.ts';
import { assertFreshIsWhole, assertWhole, honestNodes, isConverged, lacking, withoutProof } from './properties.ts';
import { story } from './story.ts';
import type { World } from './world.ts';

const MINUTE = 60_000;
const SOME = { nodes: 30, authors: 8, following: 4, neighbours: 5 };
/** Enough for every follower to have heard one side first, or the other. */
const FEWER = { ...SOME, nodes: 16 };

/** What one of an author's two nodes does, and what the other does. Each then writes as many records as it likes. */
type TwoFaces = (world: World, one: SimNode, other: SimNode, newSeed: () => Uint8Array) => Promise<void>;

async function write(world: World, node: SimNode, text: string, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await world.publish(node, aDraft(`${node.name} ${text} ${n}`));
}

/** The other node takes what the first one has: both stand at one place. */
async function level(world: World, one: SimNode, other: SimNode): Promise<void> {
  const records = await one.store.range(one.author, 'public', 0, 1000);
  await other.store.admitAll(
    records.map(({ envelope }) => envelope),
    { follows: () => true },
  );
  other.seed = one.seed;
  await world.kill(other);
  await world.start(other);
}

const TWO_FACES: Readonly<Record<string, TwoFaces>> = {
  'other records': async (world, one, other) => {
    await write(world, one, 'to these', 18);
    await write(world, other, 'to those', 18);
  },
  'other keys': async (world, one, other, newSeed) => {
    await world.rotate(one, newSeed());
    await world.rotate(other, newSeed());
    await write(world, one, 'to these', 18);
    await write(world, other, 'to those', 18);
  },
  'other keys, one of them after one record more': async (world, one, other, newSeed) => {
    await write(world, one, 'to these', 1);
    await world.rotate(one, newSeed());
    await world.rotate(other, newSeed());
    await write(world, one, 'to these', 18);
    await write(world, other, 'to those', 18);
  },
  'other keys in the third epoch, and more of them': async (world, one, other, newSeed) => {
    await world.rotate(one, newSeed());
    await write(world, one, 'to all', 2);
    await world.rotate(one, newSeed());
    await level(world, one, other);
    await world.rotate(one, newSeed());
    await write(world, one, 'to these', 18);
    for (let n = 0; n < 3; n += 1) {
      await world.rotate(other, newSeed());
      await write(world, other, `to those ${n}`, 8);
    }
  },
  'a new key and a revocation': async (world, one, other, newSeed) => {
    await world.rotate(one, newSeed());
    await write(world, one, 'to these', 18);
    await world.revoke(other);
  },
  'two recoveries': async (world, one, other, newSeed) => {
    await world.recover(one, newSeed());
    await world.recover(other, newSeed());
    await write(world, one, 'to these', 18);
    await write(world, other, 'to those', 18);
  },
};

async function converge(world: World, withinMs: number): Promise<void> {
  const tookMs = await world.runUntil(() => isConverged(world), withinMs);
  assert.ok(tookMs !== undefined, `not converged after ${withinMs} ms:\n  ${(await lacking(world)).join('\n  ')}`);
}

describe('a network whose authors change keys', function () {
  this.timeout(120_000);

  story('follows them through partitions, new keys and recoveries', async ({ seed, random, watch }) => {
    const { world, authors } = await createNetwork({ seed, ...SOME, loss: 0.02 });
    watch(world);
    let keys = 10_000;
    const newSeed = (): Uint8Array => seedNumber((keys += 1));
    await world.run(MINUTE);
    for (const author of authors) await write(world, author, 'first', 3);
    for (let n = 0; n < 3; n += 1) {
      world.partition((node) => (world.nodes.indexOf(node) + n) % 2);
      for (const author of random.some(authors, 5)) {
        const records = world.truth.get(author.author) ?? [];
        // Not every recovery keeps all: what came last may have been the thief's.
        if (random.chance(0.6)) await world.rotate(author, newSeed());
        else await world.recover(author, newSeed(), { keep: random.pick(records.slice(-4)).id });
        await write(world, author, `after ${n}`, 1 + random.int(6));
        await world.run(random.int(20_000));
        await assertFreshIsWhole(world);
      }
      world.heal();
      await world.run(random.int(MINUTE));
    }
    await converge(world, 5 * MINUTE);
    await assertWhole(world);
    for (const node of honestNodes(world)) assert.deepEqual(await node.store.frozen(), [], node.name);
  });

  story(
    'threat 17: of an owner and of who has their replaced recovery key stops where a person must choose, and goes on',
    async ({ seed, watch }) => {
      const { world, authors } = await createNetwork({ seed, ...FEWER });
      watch(world);
      const [owner] = authors;
      assert.ok(owner !== undefined);
      const thief = world.add({ ...owner.options, honest: false, name: 'who has copied the paper' });
      await world.start(thief);
      await world.run(MINUTE);
      await write(world, owner, 'common', 3);
      await level(world, owner, thief);
      await world.run(MINUTE);
      world.partition((node) => (node === thief ? 1 : node === owner ? 0 : world.nodes.indexOf(node) % 2));
      await world.run(MINUTE);
      const mine = await world.recover(owner, seedNumber(30_001), { newRecoverySeed: seedNumber(30_002) });
      await write(world, owner, 'to these', 5);
      await world.recover(thief, seedNumber(30_003), { newRecoverySeed: seedNumber(30_004) });
      await write(world, thief, 'to those', 5);
      await world.run(2 * MINUTE);
      world.heal();
      const followers = honestNodes(world).filter((node) => node !== owner && node.carries(owner.author));
      const begun = world.now;
      await world.runUntil(async () => (await withoutProof(world, owner.author)).length === 0, 4 * MINUTE);
      const without = await withoutProof(world, owner.author);
      assert.ok(without.length === 0 && world.now - begun <= 3 * MINUTE, `without: ${without.join(', ')}`);
      // Nobody waits in a circle: where all know, an exchange says next to nothing.
      const syncs = followers.map(({ stats }) => stats.receivedBytes);
      await world.run(5 * MINUTE);
      const perMinute = followers.map(({ stats }, index) => (stats.receivedBytes - (syncs[index] ?? 0)) / 5);
      assert.ok(Math.max(...perMinute) < 64 * 1024, `frozen, and still ${Math.max(...perMinute)} bytes a minute`);
      for (const node of followers) {
        const [frozen] = (await node.store.frozen()).filter(({ author }) => author === owner.author);
        assert.ok(frozen?.rivals?.includes(mine.id), `${node.name} must choose`);
        await node.store.choose(owner.author, 'public', mine.id);
        await world.kill(node);
        await world.start(node);
      }
      // What the thief signs next, with the same old key, stops nobody again.
      await world.kill(thief);
      await write(world, owner, 'goes on', 2);
      await converge(world, 5 * MINUTE);
      await assertWhole(world);
      for (const node of honestNodes(world)) assert.deepEqual(await node.store.frozen(), [], node.name);
    },
  );

  story(
    'threat 7: two faces by way of keys are found out as any others are, and stop nobody else',
    async ({ seed, watch }) => {
      const { world, authors } = await createNetwork({ seed, ...SOME });
      watch(world);
      let keys = 20_000;
      const newSeed = (): Uint8Array => seedNumber((keys += 1));
      const faces = Object.entries(TWO_FACES).map(([name, show], index) => {
        const one = authors[index];
        assert.ok(one !== undefined);
        return { name, show, one, other: world.add({ ...one.options, honest: false, name: `other face of ${name}` }) };
      });
      for (const { other } of faces) await world.start(other);
      await world.run(MINUTE);
      for (const { one, other } of faces) {
        await write(world, one, 'common', 3);
        await level(world, one, other);
      }
      await world.run(MINUTE);
      // Half of the network sees one face, the other half the other: each is told by its own node alone.
      const isTwin = new Set(faces.map(({ other }) => other));
      const isOne = new Set(faces.map(({ one }) => one));
      world.partition((node) => (isTwin.has(node) ? 1 : isOne.has(node) ? 0 : world.nodes.indexOf(node) % 2));
      await world.run(MINUTE);
      const twoFaced: AuthorId[] = [];
      for (const { show, one, other } of faces) {
        await show(world, one, other, newSeed);
        world.truth.delete(one.author);
        twoFaced.push(one.author);
      }
      await world.run(3 * MINUTE);
      const honest = authors.filter(({ author }) => !twoFaced.includes(author));
      for (const author of honest) await write(world, author, 'meanwhile', 5);
      world.heal();
      const begun = world.now;
      for (const { name, one } of faces) {
        await world.runUntil(async () => (await withoutProof(world, one.author)).length === 0, 4 * MINUTE);
        const rounds = (world.now - begun) / MINUTE;
        const without = await withoutProof(world, one.author);
        assert.ok(
          without.length === 0 && rounds <= 3,
          `${name}: after ${rounds} rounds without: ${without.join(', ')}`,
        );
      }
      // Two nodes with one key are no honest followers of anybody.
      for (const { other, one } of faces) {
        await world.kill(other);
        await world.kill(one);
      }
      await converge(world, 5 * MINUTE);
      for (const node of honestNodes(world)) {
        for (const { author, apply, by } of [...(await decisionsOf(world, node)).values()].map((one) => ({
          ...one,
          by: node.name,
        }))) {
          assert.ok(!twoFaced.includes(author) || apply !== 'auto', `${by} would still do what ${author} says`);
        }
      }
    },
  );
});
