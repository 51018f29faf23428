/** Both sides of a sync on real stores, with nothing between them. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { sha256 } from '../../../src/crypto/digest.ts';
import { SYNC_FULL_EVERY, SYNC_MAX_MARKS } from '../../../src/exchange/p2p/limits.ts';
import { MarkMemory } from '../../../src/exchange/p2p/sync/mark-memory.ts';
import type { Participant } from '../../../src/exchange/p2p/participant.ts';
import { decodeAsk, SYNC_PROTOCOL } from '../../../src/exchange/p2p/sync/messages.ts';
import type { AuthorId } from '../../../src/exchange/record/index.ts';
import { LevelStore } from '../../../src/exchange/store/level-store.ts';
import { Disk } from '../../simulator/disk.ts';
import { createMemo } from '../../simulator/shared.ts';
import { loneParticipant } from './lone-participant.ts';
import { aPatch, authorOfSeed, NETWORK, seedOf } from './nodes.ts';

const memo = createMemo();
let starts = 0;

async function node(self: number, carried: AuthorId[], disk = new Disk()) {
  const store = await LevelStore.over(disk, NETWORK, memo);
  const make = (): Participant =>
    loneParticipant({
      seed: self,
      store,
      carried,
      nonce: (starts += 1),
      now: () => Date.UTC(2026, 10, 27) + starts,
    });
  const one = {
    store,
    carried,
    participant: make(),
    restart(): void {
      one.participant = make();
    },
  };
  return one;
}

type Node = Awaited<ReturnType<typeof node>>;

interface Talk {
  readonly admitted: number;
  readonly roundTrips: number;
  readonly bytes: number;
  readonly asks: readonly Uint8Array[];
}

/** `asker` syncs with `answerer`. Between two others it is under other names: each pair has its own memory. */
async function talk(asker: Node, answerer: Node, from = 'asker', to = 'answerer'): Promise<Talk> {
  const question = asker.participant.syncWith(to);
  const asks: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const step = await question.next();
    if ('done' in step) return { admitted: step.done, roundTrips: asks.length, bytes, asks };
    asks.push(step.ask);
    bytes += step.ask.length;
    const answering = answerer.participant.answering.get(SYNC_PROTOCOL);
    assert.ok(answering !== undefined);
    for await (const frame of answering(step.ask, { peerId: from, author: null })) {
      bytes += frame.length;
      await question.frame(frame);
    }
  }
}

function marksIn(ask: Uint8Array | undefined): number {
  const read = decodeAsk(ask ?? new Uint8Array());
  assert.ok('marks' in read);
  return read.marks.length;
}

async function write(to: Node, author: number, count = 1): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const head = await to.store.head(authorOfSeed(author), 'public');
    await to.store.append(
      { seed: seedOf(author) },
      'public',
      aPatch(`${author} ${(head?.seq ?? 0) + 1}`, sha256('symptom')),
    );
  }
}

async function marks({ store, carried }: Node) {
  return Promise.all(carried.map(async (author) => (await store.head(author, 'public'))?.seq ?? 0));
}

describe('a sync', function () {
  this.timeout(60_000);
  const authors = Array.from({ length: 100 }, (_, number) => authorOfSeed(100 + number));

  it('of equal nodes who have spoken before says next to nothing, however many feeds they carry', async () => {
    const [alice, bob] = [await node(1, authors), await node(2, authors)];
    for (let number = 0; number < 100; number += 1) await write(alice, 100 + number);
    const first = await talk(bob, alice);
    assert.equal(first.admitted, 100);
    assert.equal(first.roundTrips, 1);
    const second = await talk(bob, alice);
    assert.deepEqual([second.admitted, second.roundTrips], [0, 1]);
    assert.ok(second.bytes < 100, `${second.bytes} bytes`);
    await write(alice, 150);
    const third = await talk(bob, alice);
    assert.deepEqual([third.admitted, third.roundTrips], [1, 1]);
    assert.ok(third.bytes < 1500, `${third.bytes} bytes for one record`);
    // Whoever was set back says all of it once more, in one more round trip.
    alice.restart();
    const fourth = await talk(bob, alice);
    assert.deepEqual([fourth.admitted, fourth.roundTrips], [0, 2]);
    assert.ok((await talk(bob, alice)).bytes < 100);
  });

  it('tells which feeds are carried no more, and which newly', async () => {
    const [alice, bob] = [await node(1, authors), await node(2, authors.slice(0, 2))];
    await write(alice, 100);
    await write(alice, 102);
    assert.equal((await talk(bob, alice)).admitted, 1);
    bob.carried.push(authors[2]!);
    assert.equal((await talk(bob, alice)).admitted, 1);
    bob.carried.splice(0, 1);
    const ask = (await talk(bob, alice)).asks[0];
    const read = decodeAsk(ask ?? new Uint8Array());
    assert.ok('dropped' in read);
    assert.deepEqual(read.dropped, [authors[0]]);
  });

  it('says everything again after so many exchanges, should the two have come to differ', async () => {
    const [alice, bob] = [await node(1, authors.slice(0, 3)), await node(2, authors.slice(0, 3))];
    const said: number[] = [];
    for (let n = 0; n <= SYNC_FULL_EVERY; n += 1) {
      said.push(marksIn((await talk(bob, alice)).asks[0]));
      // Not a test of the rate: time passes.
      starts += 10_000;
    }
    assert.equal(said[0], 3);
    assert.ok(said.slice(1, SYNC_FULL_EVERY).every((count) => count === 0));
    assert.equal(said[SYNC_FULL_EVERY], 3);
  });

  it('of more feeds than one question may name takes several, with and without a memory', async () => {
    const many = Array.from({ length: SYNC_MAX_MARKS * 2 + 1 }, (_, number): AuthorId => {
      return `ed25519:${number.toString(16).padStart(64, '0')}`;
    });
    const last = authors[0]!;
    const [alice, bob] = [await node(1, [last]), await node(2, [...many, last])];
    await write(alice, 100);
    const { admitted, asks } = await talk(bob, alice);
    assert.equal(admitted, 1);
    assert.deepEqual(asks.map(marksIn), [SYNC_MAX_MARKS, SYNC_MAX_MARKS, 2]);
    assert.deepEqual((await talk(bob, alice)).asks.map(marksIn), [0]);
  });

  it('brings everything that the other has, whatever came in between by other ways, restarts included', async () => {
    const carried = authors.slice(0, 4);
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant('write' as const),
          feed: fc.nat(3),
          count: fc.integer({ min: 1, max: 3 }),
        }),
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('sync' as const), from: fc.nat(2), to: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), who: fc.nat(2) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        // The first one writes; the other two hear of it from it or from each other.
        const nodes = [await node(1, carried), await node(2, carried), await node(3, carried)] as const;
        for (const one of steps) {
          starts += 60_000;
          if (one.do === 'write') await write(nodes[0], 100 + one.feed, one.count);
          if (one.do === 'restart') nodes[one.who]?.restart();
          if (one.do !== 'sync' || one.from === one.to) continue;
          const [asker, answerer] = [nodes[one.from]!, nodes[one.to]!];
          await talk(asker, answerer, `node ${one.from}`, `node ${one.to}`);
          const [has, mayHave] = [await marks(asker), await marks(answerer)];
          assert.ok(
            has.every((seq, index) => seq >= (mayHave[index] ?? 0)),
            `${String(has)} after a sync with ${String(mayHave)}`,
          );
        }
      }),
      { seed: 20261127, numRuns: 60 },
    );
  });

  it('remembers a bounded number of marks, of whoever was heard last', () => {
    const memory = new MarkMemory(10);
    const said = (count: number) => ({
      token: new Uint8Array(),
      exchanges: 0,
      marks: new Map(
        authors
          .slice(0, count)
          .map((author) => [
            author,
            { author, recovery: 0, epoch: 0, seq: 0, id: null, signed: null, frozen: false, rivals: 0 },
          ]),
      ),
    });
    memory.put('a', said(4));
    memory.put('b', said(4));
    memory.put('a', said(4));
    memory.put('c', said(4));
    assert.equal(memory.get('b'), undefined);
    assert.ok(memory.get('a') !== undefined && memory.get('c') !== undefined);
    assert.equal(memory.size, 8);
    memory.put('d', said(11));
    assert.equal(memory.size, 0);
  });

  it('threat 19: remembers a bounded number of peers, though they say no marks', () => {
    const memory = new MarkMemory(10);
    const nothing = { token: new Uint8Array(), exchanges: 0, marks: new Map() };
    const peers = Array.from({ length: 50 }, (_, index) => `peer ${index}`);
    for (const peer of peers) memory.put(peer, nothing);
    assert.deepEqual(
      peers.filter((peer) => memory.get(peer) !== undefined),
      peers.slice(-10),
    );
  });
});
