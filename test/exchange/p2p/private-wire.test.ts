import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { identify } from '@libp2p/identify';
import { ping } from '@libp2p/ping';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { sha256 } from '../../../src/crypto/digest.ts';
import { dhtService } from '../../../src/exchange/p2p/libp2p/discovery.ts';
import { topicOf } from '../../../src/exchange/p2p/libp2p/gossip.ts';
import { feedCid } from '../../../src/exchange/p2p/index.ts';
import { lawlessGossip, onLoopback } from './foreign-node.ts';
import { aPatch, authorOfSeed, createNodes, seedOf } from './nodes.ts';

/** A node beside the author’s that keeps every byte which comes to it, after noise. */
async function startListener(topic: string) {
  const heard: Uint8Array[] = [];
  const muxer = yamux();
  const node = await createLibp2p({
    ...(await onLoopback(seedOf(40))),
    streamMuxers: [
      () => {
        const factory = muxer();
        const create = factory.createStreamMuxer.bind(factory);
        factory.createStreamMuxer = (stream) => {
          stream.addEventListener('message', ({ data }) => heard.push(data.subarray()));
          return create(stream);
        };
        return factory;
      },
    ],
    services: {
      identify: identify(),
      ping: ping(),
      dht: dhtService(),
      pubsub: lawlessGossip(),
    },
  });
  node.services.pubsub.subscribe(topic);
  return {
    node,
    heard(needle: string | Uint8Array): boolean {
      const bytes = typeof needle === 'string' ? Buffer.from(needle) : needle;
      return Buffer.concat(heard).includes(Buffer.concat([bytes]));
    },
  };
}

describe('a private scope on the wire', function () {
  this.timeout(60_000);
  const nodes = createNodes();
  afterEach(() => nodes.clean());

  it('threat 25: shows in no byte of identify, gossip or the DHT', async () => {
    const listener = await startListener(topicOf(authorOfSeed(1)));
    try {
      const scope = '5f3c9d1e2a4b6c8d5f3c9d1e2a4b6c8d';
      const author = await nodes.start({
        seed: 1,
        bootstrap: listener.node.getMultiaddrs().map(String),
      });
      const secret = await author.store.append({ seed: author.seed }, scope, aPatch('for-us-alone', sha256('s')));
      await nodes.until(() => listener.node.services.pubsub.getSubscribers(topicOf(author.author)).length > 0);
      const shown = await author.write();
      await author.exchange.announce(shown);
      await assert.rejects(author.exchange.announce(secret), { code: 'exchange/private-scope' });

      // What is public has come, by each of the three ways: so what is private would have been heard.
      await nodes.until(() => listener.heard('patch 1 1'));
      await nodes.until(() => listener.heard(feedCid(author.author).multihash.bytes));
      assert.ok(listener.heard('/portalgun/sync/1.0.0'), 'identify');
      await author.exchange.sync();
      const named = createHash('sha256').update(scope).digest();
      const needles = [scope, Buffer.from(scope, 'hex'), named, 'for-us-alone', secret.id.slice('sha256:'.length)];
      for (const needle of [...needles, Buffer.from(secret.id.slice('sha256:'.length), 'hex')]) {
        assert.ok(!listener.heard(needle), `${String(needle)} was heard`);
      }
    } finally {
      await listener.node.stop();
    }
  });
});
