import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { topicOf } from '../../../src/exchange/p2p/libp2p/gossip.ts';
import { RefusalCode } from '../../../src/exchange/p2p/generated/refusal_pb.ts';
import {
  AnswerSchema,
  AskSchema,
  EndSchema,
  MarkSchema,
  RecordsSchema,
} from '../../../src/exchange/p2p/generated/sync_pb.ts';
import {
  MAX_CONNECTIONS_PER_PEER,
  RATE_LIMITS,
  REQUEST_MAX_BYTES,
  SYNC_MAX_MARKS,
  SYNC_MAX_REFUSED,
} from '../../../src/exchange/p2p/limits.ts';
import { authorKeyBytes, signRecord } from '../../../src/exchange/record/index.ts';
import { sha256 } from '../../../src/crypto/digest.ts';
import { createAttacker, framed } from './attacker.ts';
import type { Attacker } from './attacker.ts';
import { aPatch, authorOfSeed, createNodes, NETWORK, seedOf, seqOf } from './nodes.ts';
import type { TestNode } from './nodes.ts';

const OURS = [
  '/portalgun/sync/1.0.0',
  '/portalgun/group-sync/1.0.0',
  '/portalgun/symptom/1.0.0',
  '/portalgun/blob/1.0.0',
];

/** The same bytes on every run. */
function noiseBytes(length: number, name: string): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, n) =>
    createHash('sha256').update(`${name} ${n}`).digest(),
  );
  return Uint8Array.from(Buffer.concat(blocks).subarray(0, length));
}

describe('a peer that sends garbage', function () {
  this.timeout(60_000);
  const nodes = createNodes();
  let attacker: Attacker;
  let alice: TestNode;
  let bob: TestNode;

  beforeEach(async () => {
    attacker = await createAttacker(66);
    alice = await nodes.start({ seed: 1, mayAsk: () => true });
    bob = await nodes.start({ seed: 2, following: [alice.author], mayAsk: () => true });
    await bob.exchange.connect(alice.address);
  });
  afterEach(async () => {
    await attacker.stop();
    await nodes.clean();
  });

  /** What follows any attack: the others go on as if nothing had been. */
  async function othersGoOn(): Promise<void> {
    const record = await alice.write();
    await alice.exchange.announce(record);
    await nodes.until(async () => (await bob.store.get(record.id)) !== undefined);
  }

  for (const protocol of OURS) {
    it(`is refused on ${protocol}: random bytes, wrong messages, oversize frames`, async () => {
      const sent = [
        noiseBytes(10_000, 'raw'),
        Uint8Array.from(Array.from({ length: 20 }, () => 0xff)),
        framed(noiseBytes(500, 'framed')),
        framed(noiseBytes(REQUEST_MAX_BYTES + 1, 'oversize')),
        framed(new Uint8Array(0)),
      ];
      for (const [index, bytes] of sent.entries()) {
        const stream = await attacker.open(bob.address, protocol);
        stream.send(bytes);
        const frames = await attacker.framesOf(stream);
        // At most one frame, which says no.
        assert.ok(frames.length <= 1, `attack ${index} was answered with ${frames.length} frames`);
      }
      await nodes.until(() => bob.troubles.filter(({ what }) => what === `answering ${protocol}`).length >= 3);
      await othersGoOn();
    });
  }

  it('disturbs nobody with random bytes on the protocols of libp2p', async () => {
    for (const protocol of ['/meshsub/1.2.0', '/portalgun/kad/1.0.0', '/ipfs/id/1.0.0']) {
      for (const bytes of [noiseBytes(10_000, protocol), framed(noiseBytes(2000, protocol))]) {
        const stream = await attacker.open(bob.address, protocol);
        stream.send(bytes);
        await stream.close();
      }
    }
    await othersGoOn();
  });

  it('threat 21: is heard again if it is trusted: rate-limited perhaps, banned never', async () => {
    const carol = await nodes.start({
      seed: 3,
      following: [alice.author],
      trusted: () => [{ author: authorOfSeed(66), addresses: [] }],
    });
    await attacker.node.dial(multiaddr(carol.address));
    const topic = topicOf(alice.author);
    const { pubsub } = attacker.node.services;
    await nodes.until(() => pubsub.getSubscribers(topic).length === 1);
    for (let n = 0; n < 5; n += 1) await pubsub.publish(topic, noiseBytes(300, `bad ${n}`));
    await nodes.until(() => carol.admissions.filter(({ result }) => result === 'refused').length === 5);
    // Scores are kept for a heartbeat; after three of them a ban would hold.
    for (let n = 0; n < 3; n += 1) {
      await new Promise((resolve) => pubsub.addEventListener('gossipsub:heartbeat', resolve, { once: true }));
    }
    const record = await alice.write();
    await pubsub.publish(topic, record.envelope);
    await nodes.until(async () => (await carol.store.get(record.id)) !== undefined);
  });

  it('cannot hold the node up with streams on which nothing, or only half a request, ever comes', async () => {
    for (const protocol of OURS) {
      for (let n = 0; n < 4; n += 1) {
        const stream = await attacker.open(bob.address, protocol);
        if (n % 2 === 0) stream.send(Uint8Array.from([0x80]));
      }
    }
    await othersGoOn();
  });

  it('threat 24: cannot be answered on more streams at once than one peer may have, whatever its connections', async () => {
    for (const protocol of OURS) {
      for (let n = 0; n < 16; n += 1) await attacker.open(alice.address, protocol).catch(() => undefined);
    }
    await nodes.until(() => alice.troubles.some(({ error }) => error.code === 'exchange/too-many-streams'));
    await othersGoOn();
  });

  it('threat 24: cannot have more connections than one peer may', async () => {
    const one = await createAttacker(67);
    try {
      const dials = Array.from({ length: MAX_CONNECTIONS_PER_PEER * 3 }, () =>
        one.node.dial(multiaddr(bob.address), { force: true }),
      );
      await Promise.allSettled(dials);
      const own = (): number =>
        bob.exchange.peers().filter(({ peerId }) => peerId === one.node.peerId.toString()).length;
      await nodes.until(() => own() <= MAX_CONNECTIONS_PER_PEER && own() > 0);
      await othersGoOn();
    } finally {
      await one.stop();
    }
  });

  it('cannot open more streams at once than one connection may', async () => {
    const streams: Stream[] = [];
    for (let n = 0; n < 64; n += 1) {
      const stream = await attacker.open(bob.address, '/portalgun/sync/1.0.0').catch(() => undefined);
      if (stream === undefined) break;
      streams.push(stream);
    }
    await nodes.until(() => streams.some(({ status }) => status !== 'open') || streams.length < 64);
    await othersGoOn();
  });

  it('is told the limit when it asks too often, and nobody else is limited', async () => {
    const request = framed(toBinary(AskSchema, create(AskSchema, { network: NETWORK })));
    let refused: ReturnType<typeof fromBinary<typeof AnswerSchema>>['answer'] | undefined;
    for (let n = 0; n <= RATE_LIMITS.sync.burst + 20 && refused === undefined; n += 1) {
      const stream = await attacker.open(bob.address, '/portalgun/sync/1.0.0');
      stream.send(request);
      await stream.close();
      const [frame] = await attacker.framesOf(stream);
      const { answer } = fromBinary(AnswerSchema, frame ?? new Uint8Array());
      if (answer.case === 'refusal') refused = answer;
    }
    assert.equal(refused?.case, 'refusal');
    assert.equal(refused.value.code, RefusalCode.RATE_LIMITED);
    assert.match(refused.value.detail, new RegExp(`at most ${RATE_LIMITS.sync.burst} requests`));
    assert.ok(refused.value.retryAfterMs > 0);
    await alice.write();
    assert.equal(await bob.exchange.sync(), 1);
  });

  it('is told how many feeds one request may name', async () => {
    const marks = Array.from({ length: SYNC_MAX_MARKS + 1 }, () => create(MarkSchema, { author: new Uint8Array(32) }));
    const stream = await attacker.open(bob.address, '/portalgun/sync/1.0.0');
    stream.send(framed(toBinary(AskSchema, create(AskSchema, { network: NETWORK, marks }))));
    const [frame] = await attacker.framesOf(stream);
    const { answer } = fromBinary(AnswerSchema, frame ?? new Uint8Array());
    assert.equal(answer.case === 'refusal' ? answer.value.code : undefined, RefusalCode.TOO_LARGE);
  });

  it('threat 22: gets no more for a small question than the feeds that it names', async () => {
    await alice.write();
    const ask = async (author: Uint8Array): Promise<(string | undefined)[]> => {
      const stream = await attacker.open(alice.address, '/portalgun/sync/1.0.0');
      const marks = [create(MarkSchema, { author })];
      stream.send(framed(toBinary(AskSchema, create(AskSchema, { network: NETWORK, marks }))));
      await stream.close();
      return (await attacker.framesOf(stream)).map((frame) => fromBinary(AnswerSchema, frame).answer.case);
    };
    assert.deepEqual(await ask(authorKeyBytes(bob.author)), ['end']);
    assert.deepEqual(await ask(authorKeyBytes(alice.author)), ['records', 'heads', 'end']);
  });

  it('threat 23: is left when it answers a sync with garbage, with strangers, or without end', async () => {
    const stranger = signRecord(
      seedOf(77),
      { network: NETWORK, author: authorOfSeed(77), scope: 'public', recovery: 0, epoch: 0, seq: 1, prev: null },
      aPatch('stranger', sha256('s')),
    );
    const answerWith = (...answers: Parameters<typeof create<typeof AnswerSchema>>[1][]) =>
      answers.map((answer) => framed(toBinary(AnswerSchema, create(AnswerSchema, answer))));
    const bad = Array.from({ length: SYNC_MAX_REFUSED + 1 }, (_, n) => noiseBytes(100, `bad ${n}`));
    const behaviours: { name: string; code: string; frames: Uint8Array[] }[] = [
      { name: 'raw bytes', code: 'exchange/bad-message', frames: [framed(noiseBytes(100, 'x'))] },
      {
        name: 'a stranger',
        code: '',
        frames: answerWith(
          { answer: { case: 'records', value: create(RecordsSchema, { envelopes: [stranger.envelope] }) } },
          { answer: { case: 'end', value: create(EndSchema, { more: true }) } },
        ),
      },
      {
        name: 'bad records',
        code: 'exchange/bad-records',
        frames: answerWith({ answer: { case: 'records', value: create(RecordsSchema, { envelopes: bad }) } }),
      },
    ];
    let behaviour = behaviours[0];
    await attacker.node.handle('/portalgun/sync/1.0.0', async (stream) => {
      for (const frame of behaviour?.frames ?? []) stream.send(frame);
      await stream.close();
    });
    const address = attacker.node.getMultiaddrs()[0]?.toString() ?? '';
    for (behaviour of behaviours) {
      const before = bob.troubles.length;
      if (behaviour.code === '') await bob.exchange.connect(address);
      else await assert.rejects(bob.exchange.connect(address), { code: 'exchange/unreachable' }, behaviour.name);
      if (behaviour.code !== '') {
        const { code } = behaviour;
        assert.equal(await bob.exchange.sync(), 0);
        await nodes.until(() => bob.troubles.slice(before).some(({ error }) => error.code === code));
      }
    }
    assert.equal(await seqOf(bob, authorOfSeed(77)), 0);
    // Two such answers have used up what a stranger may cost: for a time it is not even asked.
    await assert.rejects(bob.exchange.connect(address), { message: /at most 32 refused records at once/ });
    await othersGoOn();
  });

  it('threat 24: does not keep a sync with all peers from its end, and is heard on', async () => {
    const carol = await nodes.start({ seed: 3, following: [alice.author], timing: { strangerWaitMs: 1 } });
    const asked: Stream[] = [];
    await attacker.node.handle('/portalgun/sync/1.0.0', (stream) => void asked.push(stream));
    await attacker.node.dial(multiaddr(carol.address));
    await nodes.until(() => asked.length > 0);
    await carol.exchange.connect(alice.address);
    await alice.write();
    assert.equal(await carol.exchange.sync(), 1, 'a friend is waited for');
    assert.deepEqual(
      asked.map(({ status }) => status),
      ['open'],
    );
  });

  it('can relay a record on gossip first without hurting it, and cannot forge one', async () => {
    const carol = await nodes.start({ seed: 3, following: [alice.author] });
    await attacker.node.dial(multiaddr(carol.address));
    const topic = topicOf(alice.author);
    const { pubsub } = attacker.node.services;
    await nodes.until(() => pubsub.getSubscribers(topic).length === 1);

    await pubsub.publish(topic, noiseBytes(300, 'gossip'));
    await nodes.until(() => carol.admissions.some((one) => one.result === 'refused' && one.reason === 'bad-encoding'));

    const link = { network: NETWORK, scope: 'public', recovery: 0, epoch: 0, seq: 1, prev: null };
    const own = signRecord(seedOf(66), { ...link, author: authorOfSeed(66) }, aPatch('own', sha256('s')));
    await pubsub.publish(topic, own.envelope);
    await nodes.until(() =>
      carol.admissions.some((one) => one.result === 'refused' && one.reason === 'unknown-author'),
    );

    const record = await alice.write();
    await pubsub.publish(topic, record.envelope);
    await nodes.until(async () => (await carol.store.get(record.id)) !== undefined);
  });
});
