import assert from 'node:assert/strict';
import { createNodes, seqOf } from './nodes.ts';

describe('transports', () => {
  const nodes = createNodes();
  afterEach(() => nodes.clean());

  it('sync over WebSockets as over TCP, and both at once', async () => {
    const listen = ['/ip4/127.0.0.1/tcp/0/ws', '/ip4/127.0.0.1/tcp/0'];
    const author = await nodes.start({ seed: 1, listen });
    await author.write();
    for (const [seed, address] of author.exchange.addresses().entries()) {
      const reader = await nodes.start({ seed: 2 + seed, following: [author.author], listen: [] });
      await reader.exchange.connect(address);
      assert.equal(await seqOf(reader, author.author), 1);
      assert.equal(reader.exchange.peers()[0]?.address.includes('/ws'), address.includes('/ws'));
    }
    assert.equal(author.exchange.addresses().filter((address) => address.includes('/ws')).length, 1);
  });

  it('says the addresses that its owner announces', async () => {
    const announce = ['/dns4/example.org/tcp/4001'];
    const node = await nodes.start({ seed: 1, announce });
    assert.ok(node.exchange.addresses().some((address) => address.startsWith(`${announce[0]}/p2p/`)));
    assert.equal(node.exchange.reachability(), 'public');
    await assert.rejects(nodes.start({ seed: 2, announce: ['example.org'] }), { code: 'exchange/bad-address' });
  });
});
