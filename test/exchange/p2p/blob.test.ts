import assert from 'node:assert/strict';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { digestHex, sha256 } from '../../../src/crypto/digest.ts';
import type { Digest } from '../../../src/crypto/digest.ts';
import { AnswerSchema, AskSchema } from '../../../src/exchange/p2p/generated/blob_pb.ts';
import type { Answer } from '../../../src/exchange/p2p/generated/blob_pb.ts';
import { createAttacker, framed } from './attacker.ts';
import { authorOfSeed, createNodes } from './nodes.ts';
import type { TestNode } from './nodes.ts';

const MAX_BYTES = 200_000;

/** Lines of text, as a manifest is. */
const TYPES = {
  lines: {
    maxBytes: MAX_BYTES,
    check(bytes: Uint8Array) {
      if (!/^(?:[\x20-\x7e]*\n)*$/.test(Buffer.from(bytes).toString('latin1'))) throw new Error('not lines of text');
    },
  },
};

function lines(bytes: number): Uint8Array {
  return Uint8Array.from(Buffer.from(`${'x'.repeat(99)}\n`.repeat(bytes / 100)));
}

describe('blobs', function () {
  this.timeout(30_000);
  const nodes = createNodes();
  const limit = (): AbortSignal => AbortSignal.timeout(25_000);
  let alice: TestNode;
  let bob: TestNode;
  beforeEach(async () => {
    alice = await nodes.start({ seed: 1, blobTypes: TYPES, following: [authorOfSeed(2)] });
    bob = await nodes.start({ seed: 2, blobTypes: TYPES, following: [alice.author] });
    await bob.exchange.connect(alice.address);
  });
  afterEach(() => nodes.clean());

  it('come whole, up to the largest size of their type', async () => {
    for (const bytes of [lines(0), lines(1000), lines(MAX_BYTES)]) {
      const digest = await alice.store.blobs.put(bytes);
      assert.deepEqual(await bob.exchange.fetchBlob(alice.author, 'lines', digest, limit()), bytes);
    }
  });

  it('are refused where they are not there, and the refusal says so', async () => {
    await assert.rejects(bob.exchange.fetchBlob(alice.author, 'lines', sha256('none'), limit()), {
      code: 'exchange/refused-by-peer',
      message: /no blob of that type/,
    });
  });

  it('are not given as a type that they are not, nor over its size', async () => {
    for (const bytes of [Uint8Array.from([0, 1, 2]), lines(MAX_BYTES + 100)]) {
      const digest = await alice.store.blobs.put(bytes);
      await assert.rejects(bob.exchange.fetchBlob(alice.author, 'lines', digest, limit()), {
        code: 'exchange/refused-by-peer',
      });
    }
  });

  it('are not asked for by a type that nobody knows, even one that objects inherit', async () => {
    for (const type of ['image', 'constructor', '__proto__']) {
      await assert.rejects(bob.exchange.fetchBlob(alice.author, type, sha256('x'), limit()), {
        code: 'exchange/no-such-blob-type',
      });
    }
  });

  it('are given only to peers of the policy', async () => {
    const digest = await alice.store.blobs.put(lines(100));
    const stranger = await nodes.start({ seed: 3, blobTypes: TYPES, following: [alice.author] });
    await stranger.exchange.connect(alice.address);
    await assert.rejects(stranger.exchange.fetchBlob(alice.author, 'lines', digest, limit()), {
      code: 'exchange/refused-by-peer',
      message: /only to peers of its policy/,
    });
  });

  it('say who cannot be reached', async () => {
    await assert.rejects(bob.exchange.fetchBlob(authorOfSeed(9), 'lines', sha256('x'), limit()), {
      code: 'exchange/unreachable',
    });
  });

  describe('from a peer that lies', () => {
    let seed = 66;
    const good = lines(1000);
    const digest = sha256(good);

    /** Asks a node that answers each request with what `respond` gives; what it was asked comes back too. */
    async function fetchFrom(respond: (offset: number) => Answer['answer'][], wanted: Digest = digest) {
      // Another liar each time: nothing of the last one's connections is left.
      seed += 1;
      const attacker = await createAttacker(seed);
      const offsets: number[] = [];
      await attacker.node.handle('/portalgun/blob/1.0.0', async (stream) => {
        const [request] = await attacker.framesOf(stream);
        const asked = fromBinary(AskSchema, request ?? new Uint8Array());
        assert.equal(Buffer.from(asked.digest).toString('hex'), digestHex(wanted));
        offsets.push(Number(asked.offset));
        for (const answer of respond(Number(asked.offset))) {
          stream.send(framed(toBinary(AnswerSchema, create(AnswerSchema, { answer }))));
        }
        await stream.close();
      });
      try {
        await bob.exchange.connect(attacker.node.getMultiaddrs()[0]?.toString() ?? '');
        const bytes = await bob.exchange.fetchBlob(authorOfSeed(seed), 'lines', wanted, limit());
        return { bytes, offsets };
      } finally {
        await attacker.stop();
      }
    }
    const start = (size: number): Answer['answer'] => ({
      case: 'start',
      value: { $typeName: 'portalgun.blob.v1.Start', size: BigInt(size) },
    });
    const chunk = (value: Uint8Array): Answer['answer'] => ({ case: 'chunk', value });

    it('are refused when the digest is another', async () => {
      const wrong = good.slice();
      wrong[0] = 0x79;
      await assert.rejects(
        fetchFrom(() => [start(1000), chunk(wrong)]),
        {
          code: 'exchange/bad-blob',
          exitCode: 3,
          message: /has the digest/,
        },
      );
    });

    it('are refused when the digest is right and the type is not', async () => {
      const binary = Uint8Array.from([0x7f, 0x45, 0x4c, 0x46]);
      await assert.rejects(
        fetchFrom(() => [start(4), chunk(binary)], sha256(binary)),
        {
          code: 'exchange/bad-blob',
          message: /not lines of text/,
        },
      );
    });

    it('are refused before they are over the cap, or longer than they say', async () => {
      await assert.rejects(
        fetchFrom(() => [start(MAX_BYTES + 1)]),
        { message: /may have 200000/ },
      );
      await assert.rejects(
        fetchFrom(() => [start(10), chunk(good)]),
        { message: /longer than its size/ },
      );
      await assert.rejects(
        fetchFrom(() => [chunk(good)]),
        { message: /without its size/ },
      );
    });

    it('go on where a stream broke off', async () => {
      const { bytes, offsets } = await fetchFrom((offset) => [
        start(1000),
        chunk(good.subarray(offset, offset === 0 ? 400 : 1000)),
      ]);
      assert.deepEqual(bytes, good);
      assert.deepEqual(offsets, [0, 400]);
    });

    it('are given up after a few streams that bring nothing', async () => {
      await assert.rejects(
        fetchFrom(() => [start(1000)]),
        {
          code: 'exchange/blob-incomplete',
          exitCode: 5,
        },
      );
    });
  });
});
