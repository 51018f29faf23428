import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import type { Listener, Transport } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { WebSocketServer } from 'ws';
import { boundedDialler, boundedListener } from '../../../src/exchange/p2p/libp2p/websockets.ts';
import { MAX_PENDING_CONNECTIONS, WEBSOCKET_MESSAGE_MAX_BYTES } from '../../../src/exchange/p2p/limits.ts';
import { eventually } from '../../support/node.ts';
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

  /** What one that is dialled over a WebSocket sees of a node that dials it, once it has sent this. */
  async function dialledBy(send: Uint8Array | undefined) {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
    try {
      await once(server, 'listening');
      const seen = new Promise<{ code: number; extensions: string | undefined }>((resolve) => {
        server.on('connection', (socket, { headers }) => {
          socket.on('close', (code) => resolve({ code, extensions: headers['sec-websocket-extensions'] }));
          socket.on('error', () => undefined);
          if (send === undefined) socket.close();
          else socket.send(send);
        });
      });
      const node = await nodes.start({ seed: 3, listen: [] });
      const dialling = node.exchange.connect(`/ip4/127.0.0.1/tcp/${listeningAt(server)}/ws`);
      await assert.rejects(dialling, { code: 'exchange/unreachable' });
      return await seen;
    } finally {
      server.close();
    }
  }

  it('threat 24: take no larger one from whom they have dialled either, and none that is compressed', async () => {
    const { code, extensions } = await dialledBy(new Uint8Array(WEBSOCKET_MESSAGE_MAX_BYTES + 1));
    assert.equal(code, 1009);
    assert.equal(extensions, undefined, 'a message of one size could become one of another');
    assert.notEqual((await dialledBy(new Uint8Array(WEBSOCKET_MESSAGE_MAX_BYTES))).code, 1009);
  });

  it('threat 24: leave no connection open that came to nothing, whoever has dialled', async () => {
    assert.equal((await dialledBy(Uint8Array.of(2, 0, 0))).code, 1006, 'no line of a handshake');
    assert.equal((await dialledBy(undefined)).code, 1005);
    const server = new WebSocketServer({ noServer: true });
    const http = createHttpServer();
    boundedListener(Object.assign(new EventTarget(), { wsServer: server, server: http }) as unknown as Listener);
    http.on('upgrade', (request, socket, head) => {
      // As the transport resets one.
      server.handleUpgrade(request, socket, head, (connected) => connected.close(1006));
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const socket = new WebSocket(`ws://127.0.0.1:${listeningAt(http)}`);
    const [{ code }] = (await once(socket, 'close')) as [CloseEvent];
    assert.equal(code, 1006);
    http.close();
  });

  it('threat 24: hang up on who connects and asks for no WebSocket, and on who comes beside too many of them', async () => {
    const node = await nodes.start({ seed: 1, listen: ['/ip4/127.0.0.1/tcp/0/ws'] });
    const silent: Socket[] = [];
    const another = async (): Promise<Socket> => {
      const socket = connect(portOf(node.address), '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    };
    while (silent.length < MAX_PENDING_CONNECTIONS) silent.push(await another());
    const first = await Promise.race([
      ended(await another()).then(() => 'the one beside them'),
      ...silent.map((socket) => ended(socket).then(() => 'one of them')),
    ]);
    assert.equal(first, 'the one beside them');
    for (const socket of silent) socket.destroy();
    const reader = await nodes.start({ seed: 2, listen: [] });
    await eventually(
      () => reader.exchange.connect(node.address).then(...both),
      (connected) => connected,
    );
  });

  it('threat 24: end in time what asks for no WebSocket, said or not, and nothing that has become one', async () => {
    const server = new WebSocketServer({ noServer: true });
    const http = createHttpServer((_request, response) => response.end());
    const fake = Object.assign(new EventTarget(), { wsServer: server, server: http }) as unknown as Listener;
    boundedListener(fake, { most: 3, timeoutMs: 300 });
    const made = new Promise<void>((resolve) => {
      http.on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head, () => resolve()));
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const port = listeningAt(http);
    const socket = new WebSocket(`ws://127.0.0.1:${port}`);
    await Promise.all([made, once(socket, 'open')]);
    for (const said of ['', 'GET / HTTP/1.1\r\nHost: he', 'GET / HTTP/1.1\r\nHost: here\r\n\r\n']) {
      const other = connect(port, '127.0.0.1');
      other.write(said);
      await ended(other);
    }
    // It was there before all of them.
    assert.equal(socket.readyState, WebSocket.OPEN);
    const closed = once(socket, 'close');
    socket.close();
    for (const one of server.clients) one.terminate();
    await closed;
    http.close();
  });

  it('threat 24: are given up in the middle of dialling when whoever asked goes', async () => {
    const silent = createServer();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const asking = new AbortController();
    const node = await nodes.start({ seed: 3, listen: [] });
    const connected = once(silent, 'connection') as Promise<[Socket]>;
    const dialling = node.exchange.connect(`/ip4/127.0.0.1/tcp/${listeningAt(silent)}/ws`, asking.signal);
    const [socket] = await connected;
    socket.resume();
    asking.abort();
    await assert.rejects(dialling, { code: 'interrupted' });
    if (!socket.closed) await once(socket, 'close');
    silent.close();
  });

  it('miss at once what an update of libp2p has taken away', () => {
    const listener = (options: object) => Object.assign(new EventTarget(), options) as unknown as Listener;
    const wsServer = new WebSocketServer({ noServer: true });
    for (const options of [
      {},
      { wsServer: {} },
      { wsServer: { options: {} } },
      { wsServer },
      { wsServer, server: {} },
    ]) {
      assert.throws(() => boundedListener(listener(options)), { code: 'exchange/websockets-changed' });
    }
    const transport = new EventTarget() as unknown as Transport;
    assert.throws(() => boundedDialler(transport), { code: 'exchange/websockets-changed' });
  });

  it('says the addresses that its owner announces', async () => {
    const announce = ['/dns4/example.org/tcp/4001'];
    const node = await nodes.start({ seed: 1, announce });
    assert.ok(node.exchange.addresses().some((address) => address.startsWith(`${announce[0]}/p2p/`)));
    assert.equal(node.exchange.reachability(), 'public');
    await assert.rejects(nodes.start({ seed: 2, announce: ['example.org'] }), { code: 'exchange/bad-address' });
  });
});

/** However: closed, or reset. */
const ended = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.on('error', () => undefined).once('close', () => resolve());
    socket.resume();
  });

const both = [() => true, () => false] as const;

function listeningAt(server: { address(): unknown }): number {
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null && 'port' in address);
  return Number(address.port);
}

function portOf(address: string): number {
  return Number(
    multiaddr(address)
      .getComponents()
      .find(({ name }) => name === 'tcp')?.value,
  );
}
