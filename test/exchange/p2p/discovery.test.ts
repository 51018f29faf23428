import assert from 'node:assert/strict';
import { feedCid } from '../../../src/exchange/p2p/index.ts';
import { authorOfSeed, createNodes, seqOf } from './nodes.ts';

describe('finding a feed in the DHT', function () {
  this.timeout(60_000);
  const nodes = createNodes();
  afterEach(() => nodes.clean());

  it('works for a third node while the author is offline', async () => {
    const bootstrapNode = await nodes.start({ seed: 20, role: 'bootstrap' });
    const bootstrap = [bootstrapNode.address];
    const author = await nodes.start({ seed: 1, bootstrap });
    await author.write();
    const carrier = await nodes.start({ seed: 2, bootstrap, following: [author.author] });
    await carrier.exchange.connect(author.address);
    assert.equal(await seqOf(carrier, author.author), 1);
    await author.stop();

    // It knows one address, and the author's id.
    const seeker = await nodes.start({ seed: 3, bootstrap, following: [author.author] });
    const limit = AbortSignal.timeout(50_000);
    await nodes.until(async () => (await seeker.exchange.findFeed(author.author, limit)) > 0);
    assert.equal(await seqOf(seeker, author.author), 1);
    assert.ok(seeker.exchange.peers().some((peer) => peer.author === carrier.author));
    assert.equal(await seqOf(bootstrapNode, author.author), 0, 'a bootstrap node has no content of its own');
  });

  it('finds nothing where nobody carries the feed', async () => {
    const bootstrapNode = await nodes.start({ seed: 20, role: 'bootstrap' });
    const seeker = await nodes.start({ seed: 3, bootstrap: [bootstrapNode.address] });
    await nodes.until(() => seeker.exchange.peers().length === 1);
    assert.equal(await seeker.exchange.findFeed(authorOfSeed(1), AbortSignal.timeout(50_000)), 0);
  });

  it('looks for a feed under a key that depends on the author alone', () => {
    assert.equal(feedCid(authorOfSeed(1)).toString(), feedCid(authorOfSeed(1)).toString());
    assert.notEqual(feedCid(authorOfSeed(1)).toString(), feedCid(authorOfSeed(2)).toString());
    assert.equal(feedCid(authorOfSeed(1)).code, 0x55);
    assert.equal(feedCid(authorOfSeed(1)).multihash.code, 0x12);
  });
});
