/** The real participants and stores of fifty nodes on a network that is not there. */
import assert from 'node:assert/strict';
import { sha256 } from '../../src/crypto/digest.ts';
import { BUDGETS } from '../../src/exchange/p2p/limits.ts';
import type { AuthorId, VerifiedRecord } from '../../src/exchange/record/index.ts';
import { failureDraft } from '../../src/exchange/record/index.ts';
import { decisionsOf } from './decisions.ts';
import { boast, flipped, liar } from './dialects.ts';
import { aDraft, authorNumber, createNetwork, recoverySeedNumber, seedNumber } from './network.ts';
import type { SimNode } from './node.ts';
import { assertFreshIsWhole, assertWhole, honestNodes, isConverged, lacking, withoutProof } from './properties.ts';
import type { Random } from './random.ts';
import { story } from './story.ts';
import type { World } from './world.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const FIFTY = { nodes: 50, authors: 10, following: 4 };

async function publishSome(world: World, authors: readonly SimNode[], random: Random, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const author = random.pick(authors);
    // A node that was set back catches up with its own feed before it is given a new place in it.
    const truth = world.truth.get(author.author) ?? [];
    const isWhole = author.isUp && (await author.store.head(author.author, 'public'))?.id === truth.at(-1)?.id;
    if (isWhole) await world.publish(author, aDraft(`${author.name} ${truth.length} ${random.int(1e9)}`));
    await world.run(random.int(5000));
  }
}

async function converge(world: World, withinMs: number): Promise<number> {
  const tookMs = await world.runUntil(() => isConverged(world), withinMs);
  assert.ok(tookMs !== undefined, `not converged after ${withinMs} ms:\n  ${(await lacking(world)).join('\n  ')}`);
  return tookMs;
}

async function disksOf(world: World): Promise<Map<string, string>> {
  return new Map(honestNodes(world).map((node) => [node.name, node.disk.digest()]));
}

describe('a network of fifty nodes', function () {
  this.timeout(120_000);

  story('converges after a partition, kills, and restarts from old disks', async ({ seed, random, watch }) => {
    const { world, authors } = await createNetwork({ seed, ...FIFTY, loss: 0.03 });
    watch(world);
    await world.run(MINUTE);
    await publishSome(world, authors, random, 10);
    const backups = new Map(world.nodes.map((node) => [node, node.disk.copy()]));
    world.partition((node) => world.nodes.indexOf(node) % 3);
    for (let n = 0; n < 6; n += 1) {
      await publishSome(world, authors, random, 5);
      await assertFreshIsWhole(world);
      const killed = random.some(world.nodes, 5);
      for (const node of killed) await world.kill(node);
      await publishSome(world, authors, random, 2);
      // Each second one comes back with a disk from before.
      for (const [index, node] of killed.entries()) {
        await world.start(node, index % 2 === 0 ? node.disk : backups.get(node));
      }
    }
    world.heal();
    await converge(world, 5 * MINUTE);
    await assertWhole(world);
  });

  story('says the same of the same seed, to the byte', async ({ seed, watch }) => {
    const told = [];
    for (let time = 0; time < 2; time += 1) {
      const { world, authors } = await createNetwork({ seed, nodes: 20, authors: 5, following: 3, loss: 0.05 });
      watch(world);
      await world.run(MINUTE);
      await publishSome(world, authors, world.random.named('publishing'), 10);
      await world.run(2 * MINUTE);
      told.push({ events: world.events, disks: [...(await disksOf(world))] });
    }
    assert.deepEqual(told[0], told[1]);
  });

  story(
    'threat 7: every honest follower of a two-faced author soon holds the proof',
    async ({ seed, random, watch }) => {
      const { world, authors } = await createNetwork({ seed, ...FIFTY });
      watch(world);
      // A second node with the first author's key, and an own idea of what that author says.
      const [first] = authors;
      assert.ok(first !== undefined);
      const twin = world.add({ ...first.options, name: 'the other face' });
      await world.start(twin);
      await world.run(2 * MINUTE);
      const common = await world.publish(first, aDraft('common'));
      await world.publish(twin, aDraft('common'));
      assert.equal((await twin.store.head(twin.author, 'public'))?.id, common.id);
      await publishSome(world, authors.slice(1), random, 5);
      world.truth.delete(first.author);
      for (let n = 0; n < 3; n += 1) {
        await world.publish(first, aDraft(`to these ${n}`));
        await world.publish(twin, aDraft(`to those ${n}`));
      }
      world.truth.delete(first.author);
      const tookMs = await world.runUntil(
        async () => (await withoutProof(world, first.author)).length === 0,
        10 * MINUTE,
      );
      const rounds = (tookMs ?? Number.POSITIVE_INFINITY) / MINUTE;
      assert.ok(rounds <= 3, `${(await withoutProof(world, first.author)).join(', ')} without after ${rounds} rounds`);
      for (const node of honestNodes(world)) {
        if (!node.carries(first.author) || node.author === first.author) continue;
        for (const { author, apply } of (await decisionsOf(world, node)).values()) {
          assert.ok(author !== first.author || apply !== 'auto', `${node.name} would still do what it says`);
        }
      }
      await converge(world, 5 * MINUTE);
    },
  );

  story(
    'threats 22 and 23: goes on among liars, who change nothing and get little',
    async ({ seed, random, watch }) => {
      const { world, authors } = await createNetwork({ seed, ...FIFTY });
      watch(world);
      const stolen = (): VerifiedRecord[] => [...world.truth.values()].flat();
      const known = authors.map(({ author }) => author);
      const liars = Array.from({ length: 5 }, (_, number) =>
        world.add({
          name: `liar ${number}`,
          seed: seedNumber(1000 + number),
          recoverySeed: recoverySeedNumber(1000 + number),
          follows: known,
          dials: [...random.some(known, 6), ...random.some(world.nodes, 6).map(({ author }) => author)],
          honest: false,
          bandwidth: 10_000_000,
          dialect: { ...liar(random, stolen), sayAsk: () => boast(known, random) },
        }),
      );
      for (const node of liars) await world.start(node);
      const begun = world.now;
      const passedOn = new Set<Uint8Array>();
      world.onGossip.push((node, data) => node.options.honest && passedOn.add(data));
      await world.run(MINUTE);
      for (let n = 0; n < 10; n += 1) {
        await publishSome(world, authors, random, 3);
        for (const node of liars) {
          // Bad bytes, old records, and other people's records on the wrong topic.
          for (let m = 0; m < 10; m += 1) {
            const record = random.pick(stolen());
            world.gossip(node, random.pick(known), random.bytes(300), 10);
            world.gossip(node, record.link.author, flipped(record.envelope, random), 10);
            world.gossip(node, random.pick(known), record.envelope, 10);
            world.gossip(node, record.link.author, record.envelope, 10);
          }
        }
        await world.run(300);
        await assertFreshIsWhole(world);
      }
      await converge(world, 5 * MINUTE);
      await assertWhole(world);
      const published = new Set(stolen().map(({ envelope }) => Buffer.from(envelope).toString('base64')));
      for (const data of passedOn) {
        assert.ok(published.has(Buffer.from(data).toString('base64')), 'what is bad is not passed on');
      }
      // Threat 22: whoever boasts of more than there is gets a sentence for each question, whatever there is.
      for (const { name, stats } of liars) {
        assert.ok(
          stats.questions > 0 && stats.answerBytes <= stats.questions * 300,
          `${name} got ${stats.answerBytes}`,
        );
      }
      // Threat 23: each liar may cost a node so many bad records and no more, and one answer in which it is noticed.
      const { burst, intervalMs } = BUDGETS.stranger.refused;
      const bound = liars.length * (burst + (world.now - begun) / intervalMs + 64);
      for (const { name, stats } of honestNodes(world)) {
        assert.ok(stats.refused <= bound, `${name} judged ${stats.refused} bad records, at most ${bound}`);
      }
    },
  );

  story('threat 1: is not moved by anything that is sent again', async ({ seed, random, watch }) => {
    const { world, authors } = await createNetwork({ seed, ...FIFTY });
    watch(world);
    await world.run(MINUTE);
    await publishSome(world, authors, random, 20);
    await converge(world, 5 * MINUTE);
    // Nothing is under way any more.
    await world.run(2 * MINUTE);
    const before = await disksOf(world);
    const heads = await Promise.all(authors.map(({ store, author }) => store.headOf(author, 'public')));
    for (const node of honestNodes(world)) {
      const follows = (author: AuthorId): boolean => node.carries(author);
      // Every prefix of every feed, then all of it in no order, and every head.
      for (const feed of world.truth.values()) {
        const envelopes = feed.map(({ envelope }) => envelope);
        for (let length = 1; length <= feed.length; length += 1) {
          await node.store.admitAll(envelopes.slice(0, length), { follows });
        }
        await node.store.admitAll(random.some(envelopes, envelopes.length), { follows });
      }
      for (const head of heads) {
        if (head !== undefined) await node.store.putHead(head.envelope, { now: new Date(world.now), follows });
      }
    }
    assert.deepEqual(await disksOf(world), before);
  });

  story('costs each node what is new and whom it follows', async ({ seed, random, watch }) => {
    const { world, authors } = await createNetwork({ seed, ...FIFTY, mixed: false, loss: 0 });
    watch(world);
    await world.run(2 * MINUTE);
    const before = new Map(world.nodes.map((node) => [node, { ...node.stats }]));
    await publishSome(world, authors, random, 30);
    await converge(world, 5 * MINUTE);
    for (const node of world.nodes) {
      const followed = [...world.truth].filter(([author]) => node.carries(author)).flatMap(([, records]) => records);
      const newBytes = followed.reduce((sum, { envelope }) => sum + envelope.length, 0);
      const received = node.stats.receivedBytes - (before.get(node)?.receivedBytes ?? 0);
      const questions = node.stats.questions - (before.get(node)?.questions ?? 0);
      const peers = world.peersOf(node).length;
      // A record at most once from each peer who passes it on; for each a head; and what a question and its answer take.
      const copies = Math.min(peers, 10);
      const bound = copies * newBytes + followed.length * peers * 700 + (questions + 50) * peers * 150 + 20_000;
      assert.ok(received <= bound, `${node.name}: ${received} bytes for ${newBytes} of news, at most ${bound}`);
    }
    // And where nothing is new, next to nothing.
    await world.run(5 * MINUTE);
    const quiet = new Map(world.nodes.map((node) => [node, { ...node.stats }]));
    await world.run(10 * MINUTE);
    for (const node of world.nodes) {
      const { receivedBytes = 0, questions = 0 } = quiet.get(node) ?? {};
      const exchanges = 10 * 2 * 1.2 * world.peersOf(node).length;
      assert.ok(node.stats.receivedBytes - receivedBytes <= exchanges * 250, `${node.name} hears too much of nothing`);
      assert.ok(node.stats.questions - questions <= exchanges);
    }
  });

  story('threat 14: decides the same, whatever came first', async ({ seed, watch }) => {
    const decided = [];
    for (const order of [1, 2, 3]) {
      // The same people and words, other latencies, losses and interleavings: the people come from the same seed.
      const { world, authors } = await createNetwork({
        seed,
        ...FIFTY,
        loss: 0.02 * order,
        latencyMs: [1, 200 * order],
      });
      watch(world);
      world.jump(world.random.int(10_000));
      await world.run(MINUTE);
      const drafts = authors.flatMap((author, index) =>
        [0, 1, 2].map((n) => ({
          author,
          // Some contradict each other: one base and one symptom, other results.
          draft:
            n === 2 && index % 3 === 0
              ? failureDraft({
                  recipe: sha256(`result of ${index - 1} 0`),
                  recipeName: 'debian-12-tiny',
                  failedSteps: ['x'],
                  symptom: null,
                })
              : aDraft(`of ${index} ${n}`, { symptom: sha256(`symptom ${index % 4} ${n}`) }),
        })),
      );
      // In each author's own order, but among authors in another each time.
      const waiting = new Map(authors.map((author) => [author, drafts.filter((one) => one.author === author)]));
      const random = world.random.named(`order ${order}`);
      while ([...waiting.values()].some(({ length }) => length > 0)) {
        const author = random.pick(authors.filter((one) => (waiting.get(one)?.length ?? 0) > 0));
        const next = waiting.get(author)?.shift();
        if (next !== undefined) await world.publish(author, next.draft);
        await world.run(random.int(3000));
      }
      await converge(world, 5 * MINUTE);
      const all: [string, string, string][] = [];
      for (const node of world.nodes.filter((_, index) => index % 3 === 0)) {
        for (const [id, { apply, because }] of await decisionsOf(world, node)) {
          all.push([node.name, id, `${apply}: ${because.join('; ')}`]);
        }
      }
      decided.push(all.map((one) => one.join(' ')).sort());
    }
    assert.ok(decided[0]?.some((one) => one.includes('so: auto')) && decided[0].some((one) => one.includes('so: ask')));
    assert.deepEqual(decided[1], decided[0]);
    assert.deepEqual(decided[2], decided[0]);
  });

  story(
    'threats 5 and 6: does nothing by itself on feeds with gaps, or of which nothing new was heard',
    async ({ seed, random, watch }) => {
      const { world, authors } = await createNetwork({ seed, ...FIFTY });
      watch(world);
      await world.run(MINUTE);
      await publishSome(world, authors, random, 15);
      await converge(world, 5 * MINUTE);
      const automatic = async (): Promise<number> => {
        let count = 0;
        for (const node of honestNodes(world)) {
          for (const decision of (await decisionsOf(world, node)).values()) {
            if (decision.apply !== 'auto') continue;
            count += 1;
            const { author, seq } = decision;
            const head = await node.store.headOf(author, 'public');
            const stored = await node.store.head(author, 'public');
            assert.ok(head !== undefined && stored !== undefined && stored.seq >= head.head.seq && seq <= stored.seq);
            assert.ok(node.author === author || head.expiresAt.getTime() + 10 * MINUTE >= world.now);
          }
        }
        return count;
      };
      assert.ok((await automatic()) > 0, 'what is fresh and whole counts');
      // A gap: a later record and the head are there, one record between is withheld.
      const [author] = authors;
      const follower = world.nodes.find((node) => node.carries(authorNumber(0)) && node.author !== authorNumber(0));
      assert.ok(author !== undefined && follower !== undefined);
      world.partition((node) => (node === follower ? 1 : 0));
      await world.run(MINUTE);
      await world.publish(author, aDraft('withheld'));
      const last = await world.publish(author, aDraft('the last'));
      const follows = (): boolean => true;
      await follower.store.admit(last.envelope, { follows });
      const head = await author.store.headOf(author.author, 'public');
      await follower.store.putHead(head?.envelope ?? new Uint8Array(), { now: new Date(world.now), follows });
      const ofAuthor = async (): Promise<string[]> =>
        [...(await decisionsOf(world, follower)).values()]
          .filter((one) => one.author === author.author)
          .map(({ apply }) => apply);
      const gapped = await ofAuthor();
      assert.ok(gapped.length === 0 || !gapped.includes('auto'));
      // All authors fall silent; two weeks later their heads are past their time.
      for (const one of authors) await world.kill(one);
      world.jump(16 * DAY);
      await world.run(2 * MINUTE);
      assert.equal(await automatic(), 0);
      // They come back, and it is as before.
      for (const one of authors) await world.start(one);
      world.heal();
      await converge(world, 10 * MINUTE);
      assert.ok((await automatic()) > 0);
    },
  );
});
