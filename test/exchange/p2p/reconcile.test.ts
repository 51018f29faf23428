import assert from 'node:assert/strict';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { sha256 } from '../../../src/crypto/digest.ts';
import { AnswerSchema, AskSchema, EntriesSchema } from '../../../src/exchange/p2p/generated/reconcile_pb.ts';
import type { Answer } from '../../../src/exchange/p2p/generated/reconcile_pb.ts';
import { RECONCILE_MAX_DIFFERENCES, RECONCILE_MESSAGE_BYTES } from '../../../src/exchange/p2p/limits.ts';
import { ListQuestion, RECONCILE_PROTOCOL } from '../../../src/exchange/p2p/protocols/reconcile.ts';
import { answerMessage, ItemSet } from '../../../src/exchange/reconcile/index.ts';
import { createAttacker, framed } from './attacker.ts';
import { authorOfSeed, createNodes, NETWORK } from './nodes.ts';
import type { TestNode } from './nodes.ts';

const linesOf = (bytes: Uint8Array): Uint8Array[] =>
  Buffer.from(bytes)
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line, 'latin1'));

/** Lines of text, as a manifest is; and a text, which is no list. */
const TYPES = {
  lines: {
    maxBytes: 4_000_000,
    check(bytes: Uint8Array) {
      if (!/^(?:[\x20-\x7e]*\n)*$/.test(Buffer.from(bytes).toString('latin1'))) throw new Error('not lines of text');
    },
    entries: linesOf,
  },
  text: { maxBytes: 1000, check: () => undefined },
};

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `entry number ${from + index}`);
const bytesOf = (lines: readonly string[]): Uint8Array => Buffer.from(`${lines.join('\n')}\n`, 'latin1');
const textOf = (entries: readonly Uint8Array[]): string[] => entries.map((one) => Buffer.from(one).toString()).sort();

describe('comparing lists', function () {
  this.timeout(60_000);
  const nodes = createNodes();
  const limit = (): AbortSignal => AbortSignal.timeout(50_000);
  let alice: TestNode;
  let bob: TestNode;
  beforeEach(async () => {
    alice = await nodes.start({ seed: 1, blobTypes: TYPES, following: [authorOfSeed(2)] });
    bob = await nodes.start({ seed: 2, blobTypes: TYPES, following: [alice.author] });
    await bob.exchange.connect(alice.address);
  });
  afterEach(() => nodes.clean());

  it('finds what only one side has, and fetches nothing else', async () => {
    const [theirs, own] = [numbered(3, 5000), [...numbered(0, 2500), ...numbered(2502, 5000)]];
    const digest = await alice.store.blobs.put(bytesOf(theirs));
    const entries = own.map((line) => Buffer.from(line));
    const { onlyHere, onlyThere } = await bob.exchange.compareList(alice.author, 'lines', digest, entries, limit());
    assert.deepEqual(new Set(onlyHere.map((index) => own[index])), new Set(numbered(0, 3)));
    assert.deepEqual(textOf(onlyThere), numbered(2500, 2502));
  });

  it('finds nothing where nothing differs, whatever the order', async () => {
    const digest = await alice.store.blobs.put(bytesOf(numbered(0, 100)));
    const entries = numbered(0, 100).map((line) => Buffer.from(line));
    const answer = await bob.exchange.compareList(alice.author, 'lines', digest, entries.toReversed(), limit());
    assert.deepEqual(answer, { onlyHere: [], onlyThere: [] });
  });

  it('fetches many entries in several answers', async () => {
    const theirs = numbered(0, 4000);
    const digest = await alice.store.blobs.put(bytesOf(theirs));
    const { onlyThere } = await bob.exchange.compareList(alice.author, 'lines', digest, [], limit());
    assert.deepEqual(textOf(onlyThere), theirs.toSorted());
  });

  it('gives up, and says so, where two lists have next to nothing in common', async () => {
    const digest = await alice.store.blobs.put(bytesOf(numbered(0, RECONCILE_MAX_DIFFERENCES + 1)));
    await assert.rejects(bob.exchange.compareList(alice.author, 'lines', digest, [], limit()), {
      code: 'exchange/too-different',
    });
  });

  it('is refused for what is not there, is no list, or is not for this asker', async () => {
    const list = await alice.store.blobs.put(bytesOf(numbered(0, 10)));
    const other = await alice.store.blobs.put(Buffer.from([0, 1, 2]));
    const refused = { code: 'exchange/refused-by-peer' };
    await assert.rejects(bob.exchange.compareList(alice.author, 'lines', sha256('none'), [], limit()), refused);
    await assert.rejects(bob.exchange.compareList(alice.author, 'lines', other, [], limit()), refused);
    await assert.rejects(bob.exchange.compareList(alice.author, 'text', list, [], limit()), refused);
    await assert.rejects(bob.exchange.compareList(alice.author, 'nothing', list, [], limit()), {
      code: 'exchange/no-such-blob-type',
    });
    const stranger = await nodes.start({ seed: 3, blobTypes: TYPES, following: [alice.author] });
    await stranger.exchange.connect(alice.address);
    await assert.rejects(stranger.exchange.compareList(alice.author, 'lines', list, [], limit()), {
      ...refused,
      message: /only with peers of its policy/,
    });
  });

  it('is not told of a list that no record names which it may see, whichever way it asks', async () => {
    const named = await alice.store.blobs.put(bytesOf(numbered(0, 10)));
    await alice.stop();
    const carol = await nodes.start({
      seed: 4,
      blobTypes: TYPES,
      following: [bob.author],
      maySee: async (asker, digest) => asker === bob.author && digest === named,
    });
    const dave = await nodes.start({ seed: 5, blobTypes: TYPES, following: [carol.author] });
    await dave.exchange.connect(carol.address);
    const hidden = await carol.store.blobs.put(bytesOf(numbered(0, 11)));
    await carol.store.blobs.put(bytesOf(numbered(0, 10)));
    await bob.stop();
    const again = await nodes.start({ seed: 2, blobTypes: TYPES, following: [carol.author] });
    await again.exchange.connect(carol.address);
    const notFound = { code: 'exchange/refused-by-peer', message: /no (list|blob) of that type/ };
    const own = numbered(0, 10).map((line) => Buffer.from(line));
    await assert.rejects(again.exchange.compareList(carol.author, 'lines', hidden, own, limit()), notFound);
    await assert.rejects(again.exchange.fetchBlob(carol.author, 'lines', hidden, limit()), notFound);
    assert.deepEqual(await again.exchange.compareList(carol.author, 'lines', named, own, limit()), {
      onlyHere: [],
      onlyThere: [],
    });
  });

  it('refuses a request with too many ids, and one with a message that cannot be read', async () => {
    const digest = await alice.store.blobs.put(bytesOf(numbered(0, 10)));
    const attacker = await createAttacker(2);
    const ask = async (question: object): Promise<string> => {
      const stream = await attacker.open(alice.address, RECONCILE_PROTOCOL);
      const request = {
        network: NETWORK,
        type: 'lines',
        digest: Buffer.from(digest.slice(7), 'hex'),
        question,
      };
      stream.send(framed(toBinary(AskSchema, create(AskSchema, request as object))));
      const [frame] = await attacker.framesOf(stream);
      const { answer } = fromBinary(AnswerSchema, frame ?? new Uint8Array());
      return answer.case === 'refusal' ? answer.value.detail : String(answer.case);
    };
    await bob.exchange.stop(); // the attacker has bob's key
    try {
      const ids = Array.from({ length: 1025 }, () => new Uint8Array(32));
      assert.match(
        await ask({ case: 'wanted', value: { $typeName: 'portalgun.reconcile.v1.Wanted', ids } }),
        /more than 1024/,
      );
      assert.match(await ask({ case: 'message', value: Uint8Array.of(0x61, 1) }), /cannot be read/);
      assert.match(await ask({ case: undefined }), /nothing is asked/);
    } finally {
      await attacker.stop();
    }
  });
});

describe('comparing lists with a peer that lies', () => {
  const wanted = { network: 'n', type: 'lines', digest: sha256('their list') };
  const own = numbered(0, 100).map((line) => Buffer.from(line));
  const theirs = new ItemSet(numbered(1, 101).map((line) => ({ id: Buffer.from(sha256(line).slice(7), 'hex') })));

  /** Holds the conversation with what `respond` gives for each question. */
  async function talk(
    respond: (asked: string, message: Uint8Array) => Answer['answer'][],
    maxBytes = 1_000_000,
  ): Promise<unknown> {
    const question = new ListQuestion('them', wanted, own, maxBytes);
    for (;;) {
      const step = await question.next();
      if ('done' in step) return step.done;
      const { question: asked } = fromBinary(AskSchema, step.ask);
      const message = asked.case === 'message' ? asked.value : new Uint8Array();
      for (const answer of respond(asked.case ?? '', message)) {
        await question.frame(toBinary(AnswerSchema, create(AnswerSchema, { answer })));
      }
    }
  }
  const entries = (...lines: string[]): Answer['answer'] => ({
    case: 'entries',
    value: create(EntriesSchema, { entries: lines.map((line) => Buffer.from(line)) }),
  });
  const honest = (message: Uint8Array): Answer['answer'] => ({
    case: 'message',
    value: answerMessage(theirs, message, RECONCILE_MESSAGE_BYTES),
  });
  const bad = { code: 'exchange/bad-list', exitCode: 3 };

  it('ends well with one that does not lie', async () => {
    const answer = await talk((asked, message) =>
      asked === 'message' ? [honest(message)] : [entries('entry number 100')],
    );
    assert.deepEqual(answer, {
      onlyHere: [0],
      onlyThere: [Buffer.from('entry number 100')].map((one) => Uint8Array.from(one)),
    });
  });

  it('takes no more bytes of entries than a list of that type may have', async () => {
    const size = 'entry number 100'.length;
    const respond = (asked: string, message: Uint8Array) =>
      asked === 'message' ? [honest(message)] : [entries('entry number 100')];
    await talk(respond, size);
    await assert.rejects(talk(respond, size - 1), bad);
  });

  it('takes no entry that it did not ask for, in place of one or beside it', async () => {
    for (const lines of [
      ['something else'],
      ['entry number 100', 'something else'],
      ['entry number 100', 'entry number 100'],
    ]) {
      await assert.rejects(
        talk((asked, message) => (asked === 'message' ? [honest(message)] : [entries(...lines)])),
        bad,
      );
    }
  });

  it('ends where the peer does not answer, answers twice, or something else', async () => {
    await assert.rejects(
      talk(() => []),
      { ...bad, message: /did not answer/ },
    );
    await assert.rejects(
      talk((_, message) => [honest(message), honest(message)]),
      { ...bad, message: /not asked/ },
    );
    await assert.rejects(
      talk(() => [entries('x')]),
      { ...bad, message: /not asked/ },
    );
    await assert.rejects(
      talk((asked, message) => (asked === 'message' ? [honest(message)] : [])),
      { ...bad, message: /did not send/ },
    );
  });

  it('ends after a bounded number of messages that lead nowhere', async () => {
    let count = 0;
    const nowhere = (): Answer['answer'][] => {
      count += 1;
      // One fingerprint over everything, another one each time: it always differs.
      return [{ case: 'message', value: Uint8Array.of(0x61, 0, 0, 1, ...new Uint8Array(16).fill(count)) }];
    };
    await assert.rejects(talk(nowhere), { ...bad, message: /more than 64 messages/ });
    assert.equal(count, 64);
  });

  it('takes no memory for ten million ids that are claimed and not there', async () => {
    // One range up to the end of everything, a list of 10,000,000 ids, and the first of them.
    const claim = Buffer.concat([Uint8Array.of(0x61, 0, 0, 2, 0x84, 0xe2, 0xad, 0x00), new Uint8Array(32)]);
    await assert.rejects(
      talk(() => [{ case: 'message', value: claim }]),
      { code: 'reconcile/bad-message', message: /ends too early/ },
    );
  });

  it('ends where more differences are claimed than are worth it', async () => {
    let count = 0;
    const claims = (): Answer['answer'][] => {
      const ids = Array.from({ length: 1400 }, () => Buffer.from(sha256(`made up ${(count += 1)}`).slice(7), 'hex'));
      // A list of ids and then a fingerprint, so that it goes on.
      const list = Buffer.concat([Uint8Array.of(0x61, 1, 1, 0x80, 2, 0x8a, 0x78), ...ids]);
      return [{ case: 'message', value: Buffer.concat([list, Uint8Array.of(0, 0, 1), new Uint8Array(16)]) }];
    };
    await assert.rejects(talk(claims), { code: 'exchange/too-different' });
    assert.ok(count < RECONCILE_MAX_DIFFERENCES + 2 * 1400);
  });
});
