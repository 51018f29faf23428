import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { create, toBinary } from '@bufbuild/protobuf';
import { sha256 } from '../../../src/crypto/digest.ts';
import { AnswerSchema, EndSchema, RecordsSchema } from '../../../src/exchange/p2p/generated/sync_pb.ts';
import { SYNC_PROTOCOL } from '../../../src/exchange/p2p/sync/messages.ts';
import { signRecord } from '../../../src/exchange/record/index.ts';
import { HOLD_MAX_BYTES } from '../../../src/exchange/store/index.ts';
import { draft } from '../record/author.ts';
import { createAttacker, framed } from './attacker.ts';
import { authorOfSeed, createNodes, NETWORK, seedOf } from './nodes.ts';

const MIB = 1024 * 1024;
/** 36 MiB of records in all, each of nearly the largest size. */
const [ROUNDS, PER_ROUND] = [4, 150];

/** What is alive, not what is waiting to be collected. */
function usedBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('this Node cannot be told to collect garbage');
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe('a node’s memory', function () {
  this.timeout(120_000);
  const nodes = createNodes();
  afterEach(() => nodes.clean());

  it('threat 24: stays bounded while a peer whom it follows sends all that it can and begins all that it can', async () => {
    const attacker = await createAttacker(66);
    try {
      const bob = await nodes.start({ seed: 2, following: [authorOfSeed(66)] });
      // Each is signed by an author whom bob follows, and none of them follows on another: all would be held.
      const link = { network: NETWORK, author: authorOfSeed(66), scope: 'public', recovery: 0, epoch: 0 };
      const filling = 'x'.repeat(60_000);
      const frames = Array.from({ length: ROUNDS * PER_ROUND }, (_, n) => {
        const { envelope } = signRecord(
          seedOf(66),
          { ...link, seq: 3 + 2 * n, prev: sha256(`none ${n}`) },
          draft(`${n} ${filling}`),
        );
        const value = create(RecordsSchema, { envelopes: [envelope] });
        return framed(toBinary(AnswerSchema, create(AnswerSchema, { answer: { case: 'records', value } })));
      });
      const end = create(AnswerSchema, { answer: { case: 'end', value: create(EndSchema, { more: true }) } });
      await attacker.node.handle(SYNC_PROTOCOL, async (stream) => {
        // Others each time: what is held already would be known.
        for (const frame of [...frames.splice(0, PER_ROUND), framed(toBinary(AnswerSchema, end))]) {
          if (!stream.send(frame)) await stream.onDrain();
        }
        await stream.close();
      });
      const before = usedBytes() - frames.reduce((sum, { length }) => sum + length, 0);
      await bob.exchange.connect(attacker.node.getMultiaddrs()[0]?.toString() ?? '');
      const held = (): number => bob.admissions.filter(({ result }) => result === 'held').length;
      while (frames.length > 0) await bob.exchange.sync();
      await nodes.until(() => held() === ROUNDS * PER_ROUND);
      // And requests of which the last byte never comes, on as many streams as it gets.
      for (const protocol of [SYNC_PROTOCOL, '/portalgun/symptom/1.0.0', '/portalgun/blob/1.0.0']) {
        for (let n = 0; n < 64; n += 1) {
          const stream = await attacker.open(bob.address, protocol).catch(() => undefined);
          if (stream?.status === 'open') stream.send(framed(new Uint8Array(60_000)).subarray(0, 59_000));
        }
      }
      const grown = usedBytes() - before;
      // What is held, what the streams may hold, and what belongs to neither.
      const bound = 2 * HOLD_MAX_BYTES + 16 * MIB;
      assert.ok(
        grown < bound,
        `${Math.round(grown / MIB)} MiB more than before, after ${held()} records that were sent`,
      );
      assert.equal(await bob.store.head(authorOfSeed(66), 'public'), undefined);
    } finally {
      await attacker.stop();
    }
  });
});
