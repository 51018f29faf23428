/** What must hold of a simulated network, whatever happened in it. */
import assert from 'node:assert/strict';
import type { AuthorId, Position } from '../../src/exchange/record/index.ts';
import { comparePositions, freshnessOf, verifyForkProof } from '../../src/exchange/record/index.ts';
import { NETWORK } from './node.ts';
import type { SimNode } from './node.ts';
import type { World } from './world.ts';

export function honestNodes(world: World): SimNode[] {
  return world.nodes.filter(({ options, isUp }) => options.honest && isUp);
}

/** What is not yet as it should be, in words; empty: every node has all of every feed that it follows, with a fresh head. */
export async function lacking(world: World): Promise<string[]> {
  const missing: string[] = [];
  for (const node of honestNodes(world)) {
    for (const [author, records] of world.truth) {
      if (!node.carries(author)) continue;
      const stored = await node.store.head(author, 'public');
      if (stored?.id !== records.at(-1)?.id) {
        missing.push(
          `${node.name} has ${author.slice(8, 14)} up to ${describePlace(stored)} of ${describePlace(records.at(-1)?.link)}`,
        );
        continue;
      }
      const { state } = freshnessOf(await node.store.headOf(author, 'public'), stored, new Date(world.now));
      if (state !== 'fresh') missing.push(`${node.name} takes ${author.slice(8, 14)} for ${state}`);
    }
  }
  return missing;
}

export async function isConverged(world: World): Promise<boolean> {
  return (await lacking(world)).length === 0;
}

/** Convergence is more than heads: every record of the feed is there, the same bytes, and nothing else of its author. */
export async function assertWhole(world: World): Promise<void> {
  for (const node of honestNodes(world)) {
    for (const [author, records] of world.truth) {
      if (!node.carries(author)) continue;
      const range = await node.store.range(author, 'public', 0, records.length + 1);
      assert.deepEqual(
        range.map(({ id }) => id),
        records.map(({ id }) => id),
        `${node.name}: the feed of ${author}`,
      );
    }
  }
}

/**
 * Fresh means: nothing that the author had signed by then is missing, and the head is not past its time. Whatever
 * counts for something automatic stands on this (`stalenessAt`).
 */
export async function assertFreshIsWhole(world: World): Promise<void> {
  const now = new Date(world.now);
  for (const node of honestNodes(world)) {
    for (const author of world.truth.keys()) {
      if (!node.carries(author)) continue;
      const [stored, signed] = [await node.store.head(author, 'public'), await node.store.headOf(author, 'public')];
      if (freshnessOf(signed, stored, now).state !== 'fresh') continue;
      assert.ok(signed !== undefined && stored !== undefined);
      assert.ok(comparePositions(stored, signed.head) >= 0, `${node.name} has less than the head says`);
      assert.ok(world.published.has(stored.id), `${node.name} has what ${author} never published`);
      assert.ok(signed.expiresAt.getTime() + 10 * 60_000 >= world.now, `${node.name} counts on a head past its time`);
    }
  }
}

function describePlace(place: Position | undefined): string {
  return place === undefined ? 'nothing' : `${place.recovery}/${place.epoch}/${place.seq}`;
}

/** Who of those who follow the author, honestly, has no valid proof of its two faces. */
export async function withoutProof(world: World, author: AuthorId): Promise<string[]> {
  const without: string[] = [];
  for (const node of honestNodes(world)) {
    if (!node.carries(author) || node.author === author) continue;
    const frozen = (await node.store.frozen()).find((one) => one.author === author);
    if (frozen === undefined) without.push(node.name);
    else {
      const { proof, keyRecords } = frozen;
      const verdict = verifyForkProof(...proof, { network: NETWORK, keyRecords });
      assert.ok('seq' in verdict, `${node.name} has no true proof`);
    }
  }
  return without;
}

/** In words, for who has to find out what happened. */
export function summary(world: World): string {
  const honest = honestNodes(world);
  const sum = (pick: (node: SimNode) => number): number => honest.reduce((all, node) => all + pick(node), 0);
  return [
    `${world.events} events, ${honest.length} honest nodes, ${sum(({ stats }) => stats.syncs)} syncs`,
    `${Math.round(sum(({ stats }) => stats.receivedBytes) / honest.length)} bytes received by a node`,
    ...[...world.troubles].map(([what, count]) => `${count} × ${what}`),
  ].join('\n  ');
}
