/** Challenges between nodes: who is answered, how much work that costs, and what a wrong answer leads to. */
import assert from 'node:assert/strict';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { sha256, type Digest } from '../../../src/crypto/digest.ts';
import {
  ChallengeQuestion,
  challengeProtocol,
  type AnswerChallenge,
} from '../../../src/exchange/p2p/protocols/challenge.ts';
import { AnswerSchema, AskSchema } from '../../../src/exchange/p2p/generated/challenge_pb.ts';
import type { Answer } from '../../../src/exchange/p2p/generated/challenge_pb.ts';
import {
  CHALLENGE_DEADLINE_MS,
  CHALLENGE_MAX_PATHS,
  CHALLENGE_POLL_MS,
  CHALLENGE_WORK_LIMIT,
} from '../../../src/exchange/p2p/limits.ts';
import type { Asker } from '../../../src/exchange/p2p/protocol.ts';
import { authorOfSeed, createNodes, NETWORK } from './nodes.ts';

const manifest = sha256('manifest');
const nonce = new Uint8Array(32).fill(1);
const digests = [sha256('a'), sha256('b')];
const challenge = { manifest, nonce, paths: ['p1:/a', 'p1:/b'] };
const bob: Asker = { peerId: 'bob', author: authorOfSeed(2) };

function protocol(answer: AnswerChallenge | undefined, now = () => 0, troubles: Error[] = []) {
  return challengeProtocol({
    network: NETWORK,
    mayAsk: ({ author }) => author !== null,
    maySee: async (_, digest) => digest === manifest,
    answer,
    now,
    onTrouble: (_what, _peer, error) => troubles.push(error),
  });
}

interface Asked {
  readonly network?: string;
  readonly manifest?: Digest;
  readonly nonce?: Uint8Array;
  readonly paths?: readonly string[];
}

/** The first frame of the answer. */
async function ask(to: ReturnType<typeof protocol>, fields: Asked = {}, asker = bob): Promise<Answer['answer']> {
  const asked = { network: NETWORK, ...challenge, ...fields };
  const request = create(AskSchema, {
    ...asked,
    paths: [...asked.paths],
    manifest: Buffer.from(asked.manifest.slice(7), 'hex'),
  });
  for await (const frame of to.respond(toBinary(AskSchema, request), asker))
    return fromBinary(AnswerSchema, frame).answer;
  throw new Error('no answer');
}

const refusalOf = (answer: Answer['answer']): string =>
  answer.case === 'refusal' ? answer.value.detail : String(answer.case);
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** Another challenge each time. */
const another = (number: number): Asked => ({ nonce: new Uint8Array(32).fill(number) });

describe('threat 29: answering a challenge', () => {
  it('says that it works until it is done, works once, and gives the same asker the answer', async () => {
    const work = Promise.withResolvers<readonly Digest[]>();
    let begun = 0;
    const node = protocol(() => {
      begun += 1;
      return work.promise;
    });
    assert.equal((await ask(node)).case, 'working');
    assert.equal((await ask(node)).case, 'working');
    work.resolve(digests);
    await settled();
    const answer = await ask(node);
    assert.equal(answer.case, 'digests');
    assert.equal(begun, 1);
    if (answer.case === 'digests') {
      assert.deepEqual(
        answer.value.digests.map((one) => Buffer.from(one).toString('hex')),
        digests.map((one) => one.slice(7)),
      );
    }
    // What was worked out for bob is nobody else's.
    await ask(node, {}, { peerId: 'carol', author: authorOfSeed(3) });
    assert.equal(begun, 2);
  });

  it('works on one at a time, whoever asks: the next one waits', async () => {
    const work = Promise.withResolvers<readonly Digest[]>();
    let begun = 0;
    const node = protocol(() => ((begun += 1), work.promise));
    const carol = { peerId: 'carol', author: authorOfSeed(3) };
    await ask(node);
    assert.equal((await ask(node, {}, carol)).case, 'working');
    assert.equal(begun, 1);
    work.resolve(digests);
    await settled();
    await ask(node, {}, carol);
    assert.equal(begun, 2);
  });

  it('works a bounded number of times for one peer, and says when it will again', async () => {
    let [begun, time] = [0, 0];
    const node = protocol(
      async () => ((begun += 1), digests),
      () => time,
    );
    for (let number = 0; number < CHALLENGE_WORK_LIMIT.burst; number += 1) {
      await ask(node, another(number));
      await settled();
    }
    const refused = await ask(node, another(100));
    assert.match(refusalOf(refused), /at most 4 requests/);
    assert.ok(refused.case === 'refusal' && refused.value.retryAfterMs > 0);
    assert.equal(begun, CHALLENGE_WORK_LIMIT.burst);
    time = CHALLENGE_WORK_LIMIT.intervalMs;
    assert.equal((await ask(node, another(100))).case, 'working');
  });

  it('refuses whom it does not know, what it has not published, and what is no challenge, before it works', async () => {
    let begun = 0;
    const node = protocol(async () => ((begun += 1), digests));
    assert.match(refusalOf(await ask(node, {}, { peerId: 'x', author: null })), /only by peers of its policy/);
    assert.match(refusalOf(await ask(node, { network: 'elsewhere' })), /in test|this node is in/);
    assert.match(refusalOf(await ask(node, { manifest: sha256('secret') })), /has published no such build/);
    assert.match(refusalOf(await ask(node, { nonce: new Uint8Array(8) })), /nonce has 32 bytes/);
    assert.match(refusalOf(await ask(node, { paths: [] })), /1 to 64 paths/);
    const many = Array.from({ length: CHALLENGE_MAX_PATHS + 1 }, (_, index) => `p1:/${index}`);
    assert.match(refusalOf(await ask(node, { paths: many })), /1 to 64 paths/);
    assert.match(refusalOf(await ask(node, { paths: ['a', 'a'] })), /twice/);
    assert.match(refusalOf(await ask(node, { paths: ['a'.repeat(5000)] })), /more than 4096/);
    assert.match(refusalOf(await ask(protocol(undefined))), /no such build/);
    assert.equal(begun, 0);
  });

  it('says no where it cannot read the image, keeps the reason to itself, and tells its own person', async () => {
    const troubles: Error[] = [];
    const node = protocol(() => Promise.reject(new Error('the image is damaged')), undefined, troubles);
    await ask(node);
    await settled();
    assert.match(refusalOf(await ask(node)), /cannot read that image/);
    assert.deepEqual(
      troubles.map(({ message }) => message),
      ['the image is damaged'],
    );
    const without = protocol(async () => undefined);
    await ask(without);
    await settled();
    assert.match(refusalOf(await ask(without)), /does not have that image/);
  });
});

describe('asking with a challenge', () => {
  const bad = { code: 'exchange/bad-answer', exitCode: 3 };

  /** Holds the conversation with what `respond` gives for each question. */
  let now = 0;
  const question = (): ChallengeQuestion =>
    new ChallengeQuestion('them', {
      network: NETWORK,
      challenge,
      rest: async (ms) => void (now += ms),
      now: () => now,
    });

  async function talk(respond: (count: number) => Answer['answer'][], held = question()): Promise<readonly Digest[]> {
    for (let count = 1; ; count += 1) {
      const step = await held.next();
      if ('done' in step) return step.done;
      for (const answer of respond(count)) {
        await held.frame(toBinary(AnswerSchema, create(AnswerSchema, { answer })));
      }
    }
  }
  const working: Answer['answer'] = {
    case: 'working',
    value: { $typeName: 'portalgun.challenge.v1.Working', retryAfterMs: 4_000_000_000 },
  };
  const answered = (...list: Uint8Array[]): Answer['answer'] => ({
    case: 'digests',
    value: { $typeName: 'portalgun.challenge.v1.Digests', digests: list },
  });
  const [a, b] = digests.map((one) => Uint8Array.from(Buffer.from(one.slice(7), 'hex')));

  it('comes again until the answer is there', async () => {
    assert.deepEqual(await talk((count) => [count < 4 ? working : answered(a!, b!)]), digests);
  });

  it('does not wait for ever, however long the peer says that it works', async () => {
    let asked = 0;
    await assert.rejects(
      talk((count) => ((asked = count), [working])),
      { code: 'exchange/no-answer', exitCode: 5 },
    );
    assert.equal(asked, CHALLENGE_DEADLINE_MS / CHALLENGE_POLL_MS);
    // A stream that breaks after two minutes counts as two minutes.
    const held = question();
    let broke = 0;
    const slow = async (): Promise<void> => {
      for (;;) {
        await held.next();
        now += 120_000;
        broke += 1;
        held.broke(new Error('nothing came'));
      }
    };
    await assert.rejects(slow(), { code: 'exchange/no-answer' });
    assert.ok(broke <= 15, String(broke));
  });

  it('asks a node that knows no challenges once, and says so', async () => {
    const held = question();
    await held.next();
    const unsupported = Object.assign(new Error('protocol selection failed'), { name: 'UnsupportedProtocolError' });
    assert.throws(() => held.broke(unsupported), { code: 'exchange/no-answer', message: /older/ });
  });

  it('takes one digest for each path and nothing else', async () => {
    await assert.rejects(
      talk(() => [answered(a!)]),
      bad,
    );
    await assert.rejects(
      talk(() => [answered(a!, b!, a!)]),
      bad,
    );
    await assert.rejects(
      talk(() => [answered(a!, b!), answered(a!, b!)]),
      bad,
    );
    await assert.rejects(
      talk(() => [answered(a!, new Uint8Array(31))]),
      { code: 'exchange/bad-message' },
    );
    await assert.rejects(
      talk(() => [{ case: undefined }]),
      bad,
    );
  });
});

describe('a challenge over the network', () => {
  const nodes = createNodes();
  afterEach(() => nodes.clean());

  it('is answered by whoever holds it, with who asks and what is asked as it was sent', async () => {
    const told: unknown[] = [];
    const alice = await nodes.start({
      seed: 1,
      following: [authorOfSeed(2)],
      answerChallenge: async (asked, asker) => {
        told.push([asked.manifest, Buffer.from(asked.nonce).toString('hex'), asked.paths, asker]);
        return digests;
      },
    });
    const asking = await nodes.start({ seed: 2, following: [alice.author] });
    await asking.exchange.connect(alice.address);
    const request = asking.exchange.challenge(alice.author, challenge, AbortSignal.timeout(60_000));
    assert.deepEqual(await request, digests);
    assert.deepEqual(told, [[manifest, '01'.repeat(32), challenge.paths, authorOfSeed(2)]]);
  });

  it('ends when it is interrupted', async () => {
    const alice = await nodes.start({
      seed: 1,
      following: [authorOfSeed(2)],
      answerChallenge: () => new Promise(() => undefined),
    });
    const asking = await nodes.start({ seed: 2, following: [alice.author] });
    await asking.exchange.connect(alice.address);
    const stop = new AbortController();
    const waiting = asking.exchange.challenge(alice.author, challenge, stop.signal);
    setImmediate(() => stop.abort());
    await assert.rejects(waiting);
  });
});
