/**
 * A node that has 99,000 of 100,000 records in 100 feeds catches up with one that has them all: bytes on the wire (TCP,
 * all protocols, both ways) between two real nodes, and round trips. Then the same two, equal, sync once more. And what
 * a node with so many records takes of memory, in a process of its own.
 */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createConnection, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { openStore } from '../../src/exchange/store/index.ts';
import type { Figure } from '../figure.ts';
import { makeFeed, NETWORK, type Feed } from './feeds.ts';
import { startNode } from './node.ts';

const FEEDS = 100;
const RECORDS = 1000;
const MISSING = 10;
const QUIET_SYNCS = 8;
const QUIET_MS = 700;

export async function benchCatchUp(): Promise<Figure[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pg-bench-'));
  const [full, lacking] = [path.join(folder, 'full'), path.join(folder, 'lacking')];
  try {
    const missing = await fill(full, lacking);
    return [...(await catchUp(full, lacking, missing)), await idleMemory(full, missing.authors)];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Missing {
  readonly bytes: number;
  readonly authors: readonly Feed['author'][];
}

/** Feed by feed, so that not all of it is in memory at once. */
async function fill(full: string, lacking: string): Promise<Missing> {
  const all = { follows: () => true };
  let store = await openStore(full, { network: NETWORK });
  const last: Uint8Array[] = [];
  const authors: Feed['author'][] = [];
  for (let number = 0; number < FEEDS; number += 1) {
    const { author, envelopes } = makeFeed(number, RECORDS);
    authors.push(author);
    await store.admitAll(envelopes.slice(0, RECORDS - MISSING), all);
    last.push(...envelopes.slice(RECORDS - MISSING));
  }
  await store.close();
  await cp(full, lacking, { recursive: true });
  store = await openStore(full, { network: NETWORK });
  await store.admitAll(last, all);
  await store.close();
  return { authors, bytes: last.reduce((sum, { length }) => sum + length, 0) };
}

async function catchUp(full: string, lacking: string, { bytes, authors }: Missing): Promise<Figure[]> {
  const stores = [await openStore(full, { network: NETWORK }), await openStore(lacking, { network: NETWORK })] as const;
  let admitted = 0;
  const giver = await startNode(new Uint8Array(32).fill(1), stores[0], authors);
  const asker = await startNode(new Uint8Array(32).fill(2), stores[1], authors, () => (admitted += 1));
  const wire = await meter(Number(/tcp\/(\d+)/.exec(giver.addresses()[0] ?? '')?.[1]));
  try {
    const startedAtMs = performance.now();
    await asker.connect(`/ip4/127.0.0.1/tcp/${wire.port}/p2p/${giver.peerId}`);
    const tookMs = performance.now() - startedAtMs;
    if (admitted !== FEEDS * MISSING) throw new Error(`${admitted} records came`);
    const [catchUpBytes, roundTrips] = [wire.bytes(), asker.activity().questions];
    // Until the two have settled: the giver has asked in its turn, and gossip has its mesh.
    await asker.sync();
    await giver.sync();
    // The least of several: the heartbeats of gossip for a hundred topics are on the same wire.
    const quiet: number[] = [];
    for (let time = 0; time < QUIET_SYNCS; time += 1) {
      const before = wire.bytes();
      await asker.sync();
      quiet.push(wire.bytes() - before);
      await sleep(QUIET_MS);
    }
    return [
      { what: 'catching up on 1,000 of 100,000 records', value: tookMs, unit: 'ms' },
      { what: '  bytes beside the missing records', value: catchUpBytes / bytes, unit: 'ratio', aim: { atMost: 1.3 } },
      { what: '  round trips', value: roundTrips, unit: 'count', aim: { atMost: 4 } },
      { what: '  a sync of the two, now equal', value: Math.min(...quiet), unit: 'bytes', aim: { atMost: 1024 } },
    ];
  } finally {
    wire.close();
    await asker.stop();
    await giver.stop();
    for (const store of stores) await store.close();
  }
}

/** A TCP proxy that counts, both ways. */
async function meter(target: number) {
  let bytes = 0;
  const server = createServer((socket) => {
    const out = createConnection(target, '127.0.0.1');
    for (const [from, to] of [
      [socket, out],
      [out, socket],
    ] as const) {
      from.on('data', ({ length }: Buffer) => (bytes += length));
      from.on('error', () => to.destroy());
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { port, bytes: () => bytes, close: () => server.close() };
}

async function idleMemory(store: string, authors: readonly string[]): Promise<Figure> {
  const program = path.join(import.meta.dirname, 'idle-node.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [program, store, authors.join(',')]);
  return {
    what: 'idle node with 100,000 records, resident',
    value: Number(stdout) / 1024 / 1024,
    unit: 'MiB',
    aim: { atMost: 200 },
  };
}
