/**
 * A thousand real participants and stores on a network that is not there (test/simulator), 100 of them authors: what a
 * partition costs, and what a node hears. From a new seed each time; `PORTALGUN_SIM_SEED` plays one again.
 */
import { aDraft, createNetwork } from '../test/simulator/network.ts';
import { assertWhole, isConverged, lacking } from '../test/simulator/properties.ts';
import { createRandom } from '../test/simulator/random.ts';
import type { SimNode } from '../test/simulator/node.ts';
import type { World } from '../test/simulator/world.ts';
import { median, quantile, type Figure } from './figure.ts';

const MINUTE = 60_000;
const FOLLOWING = 6;
const NEWS = 100;

export async function benchSim(): Promise<Figure[]> {
  const seed = Number(process.env['PORTALGUN_SIM_SEED'] ?? Date.now() % 2 ** 31);
  process.stdout.write(`  seed ${seed}\n`);
  const small = await run(seed, 100, 100);
  const large = await run(seed, 1000, 100);
  return [
    {
      what: '1,000 simulated nodes, one again after a split',
      value: large.tookMs / 1000,
      unit: 's',
      note: 'their time',
    },
    { what: '  the whole run took', value: large.realMs / 1000, unit: 's' },
    { what: '  news that a node follows, median', value: large.newsBytes, unit: 'bytes' },
    { what: '  received by a node, median', value: large.receivedBytes, unit: 'bytes' },
    { what: '  received by a node, p99', value: large.receivedP99, unit: 'bytes', note: 'an author, with many peers' },
    {
      what: '  received beside a node of 100, median',
      value: large.receivedBytes / small.receivedBytes,
      unit: 'ratio',
      aim: { atMost: 1.5 },
    },
    { what: '  signatures verified', value: large.verified, unit: 'count', note: 'the rest remembered' },
  ];
}

async function run(seed: number, nodes: number, authors: number) {
  const startedAtMs = performance.now();
  const network = await createNetwork({ seed, nodes, authors, following: FOLLOWING, mixed: false });
  const { world } = network;
  const random = createRandom(seed, 'bench');
  await world.run(2 * MINUTE);
  const before = new Map(world.nodes.map((node) => [node, node.stats.receivedBytes]));
  const publish = async (): Promise<void> => {
    for (let n = 0; n < NEWS / 2; n += 1) {
      const author = random.pick(network.authors);
      await world.publish(author, aDraft(`${n} ${random.int(1e9)}`));
      await world.run(random.int(1000));
    }
  };
  await publish();
  world.partition((node) => world.nodes.indexOf(node) % 2);
  await publish();
  world.heal();
  const tookMs = await world.runUntil(() => isConverged(world), 10 * MINUTE);
  if (tookMs === undefined)
    throw new Error(`seed ${seed}: not converged:\n${(await lacking(world)).slice(0, 10).join('\n')}`);
  await assertWhole(world);
  const readers = world.nodes.map((node) => node.stats.receivedBytes - (before.get(node) ?? 0));
  return {
    tookMs,
    realMs: performance.now() - startedAtMs,
    receivedBytes: median(readers),
    receivedP99: quantile(readers, 0.99),
    newsBytes: median(world.nodes.map((node) => newsOf(world, node))),
    verified: world.memo.verified(),
  };
}

function newsOf(world: World, node: SimNode): number {
  return [...world.truth]
    .filter(([author]) => node.carries(author))
    .flatMap(([, records]) => records)
    .reduce((sum, { envelope }) => sum + envelope.length, 0);
}
