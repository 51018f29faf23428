import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Listener } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { bounded } from '../../../src/exchange/p2p/libp2p/websockets.ts';
import { WEBSOCKET_MESSAGE_MAX_BYTES } from '../../../src/exchange/p2p/limits.ts';
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

  it('threat 24: take no message over a WebSocket that is larger than noise makes', async () => {
    const node = await nodes.start({ seed: 1, listen: ['/ip4/127.0.0.1/tcp/0/ws'] });
    const port = portOf(node.address);
    const closedWith = async (bytes: number): Promise<number> => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}`);
      const closed = new Promise<number>((resolve) => socket.addEventListener('close', ({ code }) => resolve(code)));
      socket.addEventListener('open', () => socket.send(new Uint8Array(bytes)));
      return closed;
    };
    // RFC 6455, section 7.4.1: "a message that is too big for it to process".
    assert.equal(await closedWith(WEBSOCKET_MESSAGE_MAX_BYTES + 1), 1009);
    assert.notEqual(await closedWith(WEBSOCKET_MESSAGE_MAX_BYTES), 1009, 'it is read, and is no handshake');
  });

  it('threat 24: hang up on who sends what is no message, and serve others', async () => {
    const node = await nodes.start({ seed: 1, listen: ['/ip4/127.0.0.1/tcp/0/ws'] });
    const key = Buffer.alloc(16, 1).toString('base64');
    const headers = ['Host: here', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'];
    const upgrade = ['GET / HTTP/1.1', ...headers, `Sec-WebSocket-Key: ${key}`, '', ''].join('\r\n');
    // Not masked; no such opcode; a reserved bit; a control frame in parts; 2^63 bytes.
    for (const bytes of [
      [0x82, 0x01, 0x00],
      [0x83, 0x80, 0, 0, 0, 0],
      [0xc2, 0x80, 0, 0, 0, 0],
      [0x09, 0x80, 0, 0, 0, 0],
      [0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ]) {
      const socket = connect(portOf(node.address), '127.0.0.1');
      socket.write(upgrade);
      await once(socket, 'data');
      socket.write(Uint8Array.from(bytes));
      await once(socket, 'close');
      socket.destroy();
    }
    const reader = await nodes.start({ seed: 2, listen: [] });
    await reader.exchange.connect(node.address);
  });

  it('miss at once what an update of libp2p has taken away', () => {
    const listener = (options: object) => Object.assign(new EventTarget(), options) as unknown as Listener;
    for (const options of [{}, { wsServer: {} }, { wsServer: { options: {} } }]) {
      assert.throws(() => bounded(listener(options)), { code: 'exchange/websockets-changed' });
    }
  });

  it('says the addresses that its owner announces', async () => {
    const announce = ['/dns4/example.org/tcp/4001'];
    const node = await nodes.start({ seed: 1, announce });
    assert.ok(node.exchange.addresses().some((address) => address.startsWith(`${announce[0]}/p2p/`)));
    assert.equal(node.exchange.reachability(), 'public');
    await assert.rejects(nodes.start({ seed: 2, announce: ['example.org'] }), { code: 'exchange/bad-address' });
  });
});

function portOf(address: string): number {
  return Number(
    multiaddr(address)
      .getComponents()
      .find(({ name }) => name === 'tcp')?.value,
  );
}
