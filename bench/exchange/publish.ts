/**
 * From publishing to everybody's acceptance: 30 real nodes in one process, beside 30 bare gossipsub nodes that pass on
 * the same bytes over the same connections (those that ours have made by the time they are quiet) and validate nothing.
 * Accepted: judged, and passed on. What 30 nodes on one disk take to have it there is told beside it.
 */
import { performance } from 'node:perf_hooks';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GossipSub } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import type { Libp2p } from '@libp2p/interface';
import { ping } from '@libp2p/ping';
import { createLibp2p } from 'libp2p';
import type { Exchange } from '../../src/exchange/p2p/index.ts';
import { gossipService, topicOf } from '../../src/exchange/p2p/libp2p/gossip.ts';
import { openStore, type OwnStore } from '../../src/exchange/store/index.ts';
import { onLoopback } from '../../test/exchange/p2p/foreign-node.ts';
import { seedOf } from '../../test/exchange/p2p/nodes.ts';
import { median, quantile, type Figure } from '../figure.ts';
import { makeFeed, NETWORK, type Feed } from './feeds.ts';
import { startNode } from './node.ts';

const NODES = 30;
const NEIGHBOURS = 3;
const MESSAGES = 60;
const WARM_UP = 10;
const EVERY_MS = 250;
/** A message in the warm-up is waited for so long, any other longer; what is lost counts as that long. */
const WARM_UP_MS = 1_000;
const LOST_AFTER_MS = 20_000;
/** A network is quiet when its nodes leave the processor alone for so long, and is waited for so long. */
const QUIET_MS = 2_000;
const QUIET_BELOW = 0.3;
const QUIET_TRIES = 60;
const CONNECT_TRIES = 5;

async function benchPublish(): Promise<Figure[]> {
  const feed = makeFeed(0, MESSAGES);
  const { accepted: ours, stored, connections } = await measure(await ourNetwork(feed));
  const { accepted: bare } = await measure(await bareNetwork(feed, connections));
  return [
    { what: 'published → accepted by all of 30 nodes, p50', value: median(ours), unit: 'ms' },
    { what: '  p99', value: quantile(ours, 0.99), unit: 'ms' },
    { what: '  on the disk of all of them, p50', value: median(stored), unit: 'ms' },
    { what: '  bare gossipsub without a validator, p50', value: median(bare), unit: 'ms' },
    { what: '  p99', value: quantile(bare, 0.99), unit: 'ms' },
    { what: '  p50 beside bare gossipsub', value: median(ours) / median(bare), unit: 'ratio', aim: { atMost: 1.5 } },
  ];
}

/** Called with a message's number by each node that has accepted it, and that has stored it. */
interface Reports {
  accepted: (n: number) => void;
  stored: (n: number) => void;
}

interface Network {
  readonly reports: Reports;
  /** Publishes message `n`. */
  publish(n: number): Promise<void>;
  /** Pairs of nodes that are connected now. */
  connections(): [number, number][];
  stop(): Promise<void>;
}

const NOBODY = (): Reports => ({ accepted: () => undefined, stored: () => undefined });

/** Milliseconds until the last node had each message, without the first ones, in which meshes form. */
async function measure(network: Network): Promise<{
  readonly accepted: number[];
  readonly stored: number[];
  readonly connections: [number, number][];
}> {
  try {
    const accepted: number[] = [];
    const stored: number[] = [];
    for (let n = 0; n < MESSAGES; n += 1) {
      const isWarmUp = n < WARM_UP;
      if (n === WARM_UP) await quiet();
      const allAccepted = allOf(n, (report) => (network.reports.accepted = report));
      const allStored = allOf(n, (report) => (network.reports.stored = report));
      const startedAtMs = performance.now();
      await network.publish(n);
      // While meshes form, and where a machine is too busy, gossip alone loses what nobody sends again.
      const patienceMs = isWarmUp ? WARM_UP_MS : LOST_AFTER_MS;
      const [acceptedAtMs, storedAtMs] = await Promise.all(
        [allAccepted, allStored].map((all) => Promise.race([all, sleep(patienceMs).then(() => performance.now())])),
      );
      if (!isWarmUp) accepted.push((acceptedAtMs ?? 0) - startedAtMs);
      if (!isWarmUp) stored.push((storedAtMs ?? 0) - startedAtMs);
      await sleep(EVERY_MS);
    }
    return { accepted, stored, connections: network.connections() };
  } finally {
    await network.stop();
  }
}

/** When all other nodes have reported message `n`. */
function allOf(n: number, listen: (report: (n: number) => void) => void): Promise<number> {
  let waiting = NODES - 1;
  const { promise, resolve } = Promise.withResolvers<number>();
  listen((reported) => {
    if (reported === n && (waiting -= 1) === 0) resolve(performance.now());
  });
  return promise;
}

/** New nodes find each other, and connect, for a while: that is not what is measured. */
async function quiet(): Promise<void> {
  for (let tries = 0; tries < QUIET_TRIES; tries += 1) {
    const before = performance.eventLoopUtilization();
    await sleep(QUIET_MS);
    if (performance.eventLoopUtilization(before).utilization < QUIET_BELOW) return;
  }
}

/** Each node's neighbours: the next one, so that all are connected, and some by the golden ratio. */
function neighbours(node: number): number[] {
  return Array.from({ length: NEIGHBOURS }, (_, n) => (node + 1 + Math.floor(n * NODES * 0.382)) % NODES);
}

async function ourNetwork(feed: Feed): Promise<Network> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pg-bench-'));
  const reports = NOBODY();
  const numbers = new Map<string, number>();
  const nodes: { readonly store: OwnStore; readonly exchange: Exchange }[] = [];
  for (let number = 0; number < NODES; number += 1) {
    const store = await openStore(path.join(folder, String(number)), { network: NETWORK });
    reportVerdicts(store, (id) => reports.accepted(numbers.get(id) ?? -1));
    const seed = number === 0 ? feed.seed : new Uint8Array(32).fill(100 + number);
    const exchange = await startNode(seed, store, [feed.author], (id) => reports.stored(numbers.get(id) ?? -1));
    nodes.push({ store, exchange });
  }
  for (const [number, { exchange }] of nodes.entries()) {
    for (const other of neighbours(number)) await connect(exchange, nodes[other]?.exchange.addresses()[0] ?? '');
  }
  const [first] = nodes;
  if (first === undefined) throw new Error('no nodes');
  return {
    reports,
    async publish(n) {
      const admission = await first.store.admit(feed.envelopes[n] ?? new Uint8Array(), { follows: () => true });
      if (admission.result !== 'admitted') throw new Error(`message ${n} is ${admission.result}`);
      numbers.set(admission.record.id, n);
      await first.exchange.announce(admission.record);
    },
    connections() {
      const numberOf = new Map(nodes.map(({ exchange }, number) => [exchange.peerId, number]));
      return nodes.flatMap(({ exchange }, number) =>
        exchange
          .peers()
          .map(({ peerId }): [number, number] => [number, numberOf.get(peerId) ?? number])
          .filter(([from, to]) => from < to),
      );
    },
    async stop() {
      for (const { exchange, store } of nodes) {
        await exchange.stop();
        await store.close();
      }
      await rm(folder, { recursive: true });
    },
  };
}

/** On a busy machine a node may be too slow to answer the first time. */
async function connect(exchange: Exchange, address: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await exchange.connect(address);
      return;
    } catch (error) {
      if (tries === CONNECT_TRIES) throw error;
    }
  }
}

/** Tells of what a store has judged well. */
function reportVerdicts(store: OwnStore, report: (id: string) => void): void {
  const admit = store.admit.bind(store);
  store.admit = (envelope, options) =>
    admit(envelope, {
      ...options,
      onJudged(admission) {
        options.onJudged?.(admission);
        if (admission.result === 'admitted') report(admission.record.id);
      },
    });
}

async function bareNetwork(feed: Feed, connections: readonly [number, number][]): Promise<Network> {
  const topic = topicOf(feed.author);
  const reports = NOBODY();
  const numbers = new Map(feed.envelopes.map((envelope, n) => [Buffer.from(envelope).toString('base64'), n]));
  const nodes: Libp2p<{ pubsub: GossipSub }>[] = [];
  for (let number = 0; number < NODES; number += 1) {
    const node = await createLibp2p({
      ...(await onLoopback(seedOf(200 - number))),
      // All dial each other in a moment, from one host.
      connectionManager: { inboundConnectionThreshold: NODES * NODES, maxIncomingPendingConnections: NODES * NODES },
      services: {
        identify: identify(),
        ping: ping(),
        pubsub: gossipService({ carries: () => true, isTrusted: () => false }),
      },
    });
    node.services.pubsub.subscribe(topic);
    node.services.pubsub.addEventListener('message', ({ detail }) => {
      const n = numbers.get(Buffer.from(detail.data).toString('base64'));
      if (n === undefined) return;
      reports.accepted(n);
      reports.stored(n);
    });
    nodes.push(node);
  }
  for (const [from, to] of connections) {
    const address = nodes[to]?.getMultiaddrs()[0];
    if (address !== undefined) await nodes[from]?.dial(address);
  }
  return {
    reports,
    async publish(n) {
      await nodes[0]?.services.pubsub.publish(topic, feed.envelopes[n] ?? new Uint8Array());
    },
    connections: () => [...connections],
    async stop() {
      for (const node of nodes) await node.stop();
    },
  };
}

for (const figure of await benchPublish()) process.send?.(figure);
process.disconnect?.();
