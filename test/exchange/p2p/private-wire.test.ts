import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { sha256 } from '../../../src/crypto/digest.ts';
import { topicOf } from '../../../src/exchange/p2p/libp2p/gossip.ts';
import { feedCid } from '../../../src/exchange/p2p/index.ts';
import { aPatch, authorOfSeed, createNodes } from './nodes.ts';
import { startListener } from './wiretap.ts';

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
      await author.exchange.announce(secret);
      const shown = await author.write();
      await author.exchange.announce(shown);

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
