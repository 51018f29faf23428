/** Limits of the network's edge that show in no test of what they belong to. docs/limits.md lists all of them. */
import assert from 'node:assert/strict';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Libp2p } from '@libp2p/interface';
import type { KadDHT } from '@libp2p/kad-dht';
import { sha256 } from '../../../src/crypto/digest.ts';
import {
  AnswerSchema as BlobAnswerSchema,
  AskSchema as BlobAskSchema,
} from '../../../src/exchange/p2p/generated/blob_pb.ts';
import { RefusalCode } from '../../../src/exchange/p2p/generated/refusal_pb.ts';
import { createDiscovery } from '../../../src/exchange/p2p/libp2p/discovery.ts';
import {
  BLOB_TYPE_MAX_LENGTH,
  FIND_MAX_PROVIDERS,
  SYNC_MAX_BYTES,
  SYNC_MAX_REMEMBERED_MARKS,
  SYNC_MAX_ROUNDS,
  SYNC_TOKEN_MAX_BYTES,
} from '../../../src/exchange/p2p/limits.ts';
import type { Participant } from '../../../src/exchange/p2p/participant.ts';
import type { Mark } from '../../../src/exchange/p2p/sync/logic.ts';
import { decodeAnswer, encodeAnswer, encodeAsk, SYNC_PROTOCOL } from '../../../src/exchange/p2p/sync/messages.ts';
import { authorIdOf, type VerifiedRecord } from '../../../src/exchange/record/index.ts';
import { LevelStore } from '../../../src/exchange/store/level-store.ts';
import { Disk } from '../../simulator/disk.ts';
import { createMemo } from '../../simulator/shared.ts';
import { draft } from '../record/author.ts';
import { loneParticipant } from './lone-participant.ts';
import { authorOfSeed, NETWORK, seedOf } from './nodes.ts';

const memo = createMemo();
const AUTHOR = authorOfSeed(1);

async function participantOf(seed: number, blobTypes = {}) {
  const store = await LevelStore.over(new Disk(), NETWORK, memo);
  return { store, participant: loneParticipant({ seed, store, carried: [AUTHOR], nonce: seed, blobTypes }) };
}

async function answersTo(participant: Participant, protocol: string, ask: Uint8Array): Promise<Uint8Array[]> {
  const answering = participant.answering.get(protocol) ?? assert.fail(protocol);
  return Array.fromAsync(answering(ask, { peerId: 'asker', author: authorOfSeed(9) }));
}

const nothingYet = { recovery: 0, epoch: 0, seq: 0, id: null, signed: null, frozen: false, rivals: 0 } as const;
const asking = (marks: readonly Mark[], since?: Uint8Array): Uint8Array =>
  encodeAsk({ network: NETWORK, marks, since, dropped: [] });

describe('limits of a sync', function () {
  this.timeout(60_000);

  it('are so many bytes an answer, which says that there is more, and the next brings it', async () => {
    const { store, participant } = await participantOf(1);
    const each = 60_000;
    const count = Math.ceil((1.25 * SYNC_MAX_BYTES) / each);
    for (let n = 0; n < count; n += 1)
      await store.append({ seed: seedOf(1) }, 'public', draft(`${n} ${'x'.repeat(each)}`));
    const { store: other, participant: asker } = await participantOf(2);
    const question = asker.syncWith('answerer');
    const sizes: number[] = [];
    for (let step = await question.next(); 'ask' in step; step = await question.next()) {
      let bytes = 0;
      for (const frame of await answersTo(participant, SYNC_PROTOCOL, step.ask)) {
        const answer = decodeAnswer(frame);
        if (answer.case === 'records') for (const { length } of answer.value.envelopes) bytes += length;
        await question.frame(frame);
      }
      sizes.push(bytes);
    }
    assert.ok(sizes.length >= 2 && sizes.every((bytes) => bytes <= SYNC_MAX_BYTES), sizes.join());
    assert.ok(sizes[0]! > SYNC_MAX_BYTES - 2 * each, 'no less than fits');
    assert.equal((await other.head(AUTHOR, 'public'))?.seq, count);
  });

  it('are so many answers of one peer that always has one more', async () => {
    const { store } = await participantOf(1);
    const records: VerifiedRecord[] = [];
    for (let n = 0; n < SYNC_MAX_ROUNDS + 8; n += 1) {
      records.push(await store.append({ seed: seedOf(1) }, 'public', draft(String(n))));
    }
    const { participant: asker } = await participantOf(2);
    const question = asker.syncWith('without end');
    for (const { envelope } of records) {
      const step = await question.next();
      if ('done' in step) {
        assert.equal(step.done, SYNC_MAX_ROUNDS);
        return;
      }
      await question.frame(
        encodeAnswer({ case: 'records', value: { $typeName: 'portalgun.sync.v1.Records', envelopes: [envelope] } }),
      );
      await question.frame(
        encodeAnswer({
          case: 'end',
          value: { $typeName: 'portalgun.sync.v1.End', more: true, token: new Uint8Array() },
        }),
      );
    }
    assert.fail('it went on for as long as there was more');
  });

  it('are so many bytes of a token, which nobody gives out larger', async () => {
    const { participant } = await participantOf(1);
    const code = async (length: number): Promise<RefusalCode | undefined> => {
      const [frame] = await answersTo(participant, SYNC_PROTOCOL, asking([], new Uint8Array(length)));
      const answer = decodeAnswer(frame ?? new Uint8Array());
      return answer.case === 'refusal' ? answer.value.code : undefined;
    };
    assert.equal(await code(SYNC_TOKEN_MAX_BYTES), RefusalCode.FORGOTTEN);
    assert.equal(await code(SYNC_TOKEN_MAX_BYTES + 1), RefusalCode.TOO_LARGE);
  });

  it('are so many marks of one peer that are remembered: with one more it says them all each time', async () => {
    const { participant } = await participantOf(1);
    const mark = (n: number): Mark => ({
      ...nothingYet,
      author: authorIdOf(Buffer.from(sha256(`key ${n}`).slice(7), 'hex')),
    });
    const all = Array.from({ length: SYNC_MAX_REMEMBERED_MARKS + 1 }, (_, n) => mark(n));
    let token: Uint8Array | undefined;
    const tell = async (marks: readonly Mark[]): Promise<number> => {
      const answer = decodeAnswer((await answersTo(participant, SYNC_PROTOCOL, asking(marks, token))).at(-1)!);
      assert.ok(answer.case === 'end');
      token = answer.value.token;
      return token.length;
    };
    for (let from = 0; from < SYNC_MAX_REMEMBERED_MARKS; from += 256)
      assert.ok((await tell(all.slice(from, from + 256))) > 0);
    assert.equal(await tell(all.slice(-1)), 0);
  });
});

describe('limits of other questions', () => {
  it('are so many characters of a blob’s type, even where there is one of that name', async () => {
    const names = [BLOB_TYPE_MAX_LENGTH, BLOB_TYPE_MAX_LENGTH + 1].map((length) => 'x'.repeat(length));
    const type = { maxBytes: 10, check: () => undefined };
    const { store, participant } = await participantOf(1, Object.fromEntries(names.map((name) => [name, type])));
    const digest = await store.blobs.put(Buffer.from('a blob'));
    const outcomes: (string | undefined)[] = [];
    for (const name of names) {
      const ask = create(BlobAskSchema, {
        network: NETWORK,
        type: name,
        digest: Uint8Array.from(Buffer.from(digest.slice('sha256:'.length), 'hex')),
      });
      const [frame] = await answersTo(participant, '/portalgun/blob/1.0.0', toBinary(BlobAskSchema, ask));
      outcomes.push(fromBinary(BlobAnswerSchema, frame ?? new Uint8Array()).answer.case);
    }
    assert.deepEqual(outcomes, ['start', 'refusal']);
  });

  it('are so many nodes that are tried for one feed, however many say that they carry it', async () => {
    let told = 0;
    const node = {
      peerId: { toString: () => 'this node' },
      contentRouting: {
        async *findProviders() {
          for (;;) yield { id: { toString: () => `liar ${(told += 1)}` }, multiaddrs: [] };
        },
      },
    } as unknown as Libp2p;
    const discovery = createDiscovery(node, {} as KadDHT, Date.now, () => undefined);
    const found = await Array.fromAsync(discovery.find(AUTHOR, new AbortController().signal));
    assert.equal(found.length, FIND_MAX_PROVIDERS);
  });
});
