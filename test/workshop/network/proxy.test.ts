/** The way out of a guest: to the places that the recipe states, at public addresses, counted and told. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { Duplex, duplexPair } from 'node:stream';
import { PROXY_CONNECTIONS_MOST } from '../../../src/workshop/network/limits.ts';
import type { Outside } from '../../../src/workshop/network/outside.ts';
import { createProxy, isAllowed } from '../../../src/workshop/network/proxy.ts';
import type { GuestRequest } from '../../../src/workshop/network/requests.ts';
import { paperGuest } from './paper-guest.ts';

const PUBLIC = '93.184.215.14';

describe('the proxy of a guest', () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });

  /** Names lead to the addresses that are given; a connection to any address ends at `port` of this host. */
  function outsideOf(addresses: Readonly<Record<string, readonly string[]>>, port: number) {
    const connected: string[] = [];
    const outside: Outside = {
      resolve: (host) => Promise.resolve(addresses[host] ?? Promise.reject(new Error('no such name'))),
      connect: (address, to) => {
        connected.push(`${address}:${to}`);
        return connect(port, '127.0.0.1');
      },
    };
    return { outside, connected };
  }

  async function listening(server: ReturnType<typeof createTcpServer>): Promise<number> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close());
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  function guestOf(allow: readonly string[], outside: Outside, bytesMost?: number) {
    const told: GuestRequest[] = [];
    const proxy = createProxy({ allow, outside, told: (request) => told.push(request), bytesMost });
    const guest = paperGuest({ ports: { 3128: (one) => proxy.take(one) }, refused: () => undefined });
    closers.push(
      () => proxy.close(),
      () => guest.close(),
    );
    const ask = async (text: string): Promise<string> =>
      String(await guest.exchange(Buffer.from(text.replaceAll('\n', '\r\n')), { port: 3128, waits: true }));
    return { told, ask };
  }

  it('fetches over HTTP what the recipe states, in the name of the host that was let through', async () => {
    const heard: unknown[] = [];
    const port = await listening(
      createServer((request, response) => {
        heard.push([request.url, request.headers['host'], request.headers['proxy-connection']]);
        response.end('the package');
      }),
    );
    const { outside, connected } = outsideOf({ 'deb.example.org': [PUBLIC] }, port);
    const { told, ask } = guestOf(['deb.example.org'], outside);
    const answer = await ask(
      'GET http://deb.example.org/a?b=1 HTTP/1.1\nHost: evil.example\nProxy-Connection: close\nConnection: close\n\n',
    );
    assert.match(answer, /^HTTP\/1\.1 200 OK[\s\S]*the package/);
    assert.deepEqual(heard, [['/a?b=1', 'deb.example.org', undefined]]);
    assert.deepEqual(connected, [`${PUBLIC}:80`]);
    assert.deepEqual(told, [
      { outcome: 'passed', host: 'deb.example.org', what: 'GET deb.example.org/a: 200', sizeBytes: 11 },
    ]);
  });

  it('lets bytes through both ways after CONNECT', async () => {
    const port = await listening(
      createTcpServer((socket) =>
        socket.on('data', (data) => socket.end(Buffer.concat([Buffer.from('echo '), Buffer.from(data)]))),
      ),
    );
    const { outside, connected } = outsideOf({ 'deb.example.org': [PUBLIC] }, port);
    const { told, ask } = guestOf(['deb.example.org:8443'], outside);
    const answer = await ask('CONNECT deb.example.org:8443 HTTP/1.1\nHost: x\n\nhello');
    assert.match(answer, /200 Connection established\r\n\r\necho hello$/);
    assert.deepEqual(connected, [`${PUBLIC}:8443`]);
    while (told.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(told, [
      { outcome: 'passed', host: 'deb.example.org', what: 'CONNECT deb.example.org:8443', sizeBytes: 15 },
    ]);
  });

  it('lets through after CONNECT what a guest has sent at once, and nothing after it', async () => {
    const port = await listening(
      createTcpServer({ allowHalfOpen: true }, (socket) => {
        const heard: Buffer[] = [];
        socket.on('data', (data) => heard.push(Buffer.from(data)));
        socket.on('end', () => socket.end(Buffer.concat([Buffer.from('echo '), ...heard])));
      }),
    );
    const { outside } = outsideOf({ 'deb.example.org': [PUBLIC] }, port);
    const proxy = createProxy({ allow: ['deb.example.org'], outside, told: () => undefined });
    closers.push(() => proxy.close());
    const answer: Buffer[] = [];
    const guest = new Duplex({
      allowHalfOpen: true,
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => done(void answer.push(chunk)),
    });
    proxy.take(guest);
    guest.push('CONNECT deb.example.org:443 HTTP/1.1\r\nHost: x\r\n\r\nhello');
    guest.push(null);
    await once(guest, 'finish');
    assert.match(Buffer.concat(answer).toString(), /200 Connection established\r\n\r\necho hello$/);
  });

  it('threat 38: leads to no host and no port that the recipe does not state', async () => {
    const { outside, connected } = outsideOf({ 'deb.example.org': [PUBLIC], 'other.example': [PUBLIC] }, 1);
    const { told, ask } = guestOf(['deb.example.org'], outside);
    for (const line of [
      'GET http://other.example/ HTTP/1.1',
      'GET http://deb.example.org:8080/ HTTP/1.1',
      'GET http://deb.example.org.other.example/ HTTP/1.1',
      'GET http://deb.example.org@other.example/ HTTP/1.1',
      'GET http://127.0.0.1/ HTTP/1.1',
      'GET http://[::1]/ HTTP/1.1',
      'CONNECT other.example:443 HTTP/1.1',
      'CONNECT deb.example.org:22 HTTP/1.1',
      'CONNECT 127.0.0.1:443 HTTP/1.1',
    ])
      assert.match(await ask(`${line}\nHost: deb.example.org\nConnection: close\n\n`), /^HTTP\/1\.1 403/, line);
    assert.match(await ask('GET /here HTTP/1.1\nHost: deb.example.org\nConnection: close\n\n'), /^HTTP\/1\.1 400/);
    assert.deepEqual(connected, []);
    assert.equal(told.filter(({ outcome }) => outcome === 'refused').length, 9);
  });

  it('threat 38: a name that leads, also, to an address around here is not followed', async () => {
    for (const address of ['127.0.0.1', '192.168.1.1', '169.254.169.254', '::1', 'fe80::1', '::ffff:10.0.0.1']) {
      const { outside, connected } = outsideOf({ 'deb.example.org': [PUBLIC, address] }, 1);
      const { told, ask } = guestOf(['deb.example.org'], outside);
      assert.match(await ask('GET http://deb.example.org/ HTTP/1.1\nHost: x\nConnection: close\n\n'), /403/, address);
      assert.match(told[0]?.what ?? '', /is not on the public internet/);
      assert.deepEqual(connected, []);
    }
  });

  it('lets no more bytes through than one build may have', async () => {
    const port = await listening(createServer((_, response) => response.end('x'.repeat(5_000))));
    const { outside } = outsideOf({ 'deb.example.org': [PUBLIC] }, port);
    const { told, ask } = guestOf(['deb.example.org'], outside, 4_000);
    await ask('GET http://deb.example.org/big HTTP/1.1\nHost: x\nConnection: close\n\n');
    assert.match(await ask('GET http://deb.example.org/more HTTP/1.1\nHost: x\nConnection: close\n\n'), /403/);
    assert.match(told.at(-1)?.what ?? '', /all the bytes that one may have/);
  });

  it('threat 38: has so many connections to the outside and no more, also where all are asked for at once', async () => {
    const name = Promise.withResolvers<readonly string[]>();
    const sockets: Duplex[] = [];
    const connectTo = (): Duplex => {
      const [socket] = duplexPair();
      sockets.push(socket);
      return socket;
    };
    const told: GuestRequest[] = [];
    const outside: Outside = { resolve: () => name.promise, connect: connectTo };
    const proxy = createProxy({ allow: ['deb.example.org'], outside, told: (request) => told.push(request) });
    closers.push(() => proxy.close());
    const ask = async (): Promise<string> => {
      const [guest, ours] = duplexPair();
      proxy.take(ours);
      guest.write('CONNECT deb.example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n');
      return String(((await once(guest, 'data')) as [Buffer])[0]);
    };
    const asked = Array.from({ length: PROXY_CONNECTIONS_MOST }, ask);
    // The last one is answered before any of the others is there.
    assert.match(await ask(), /^HTTP\/1\.1 403/);
    assert.match(told[0]?.what ?? '', /there are too many connections/);
    name.resolve([PUBLIC]);
    for (const answer of await Promise.all(asked)) assert.match(answer, /^HTTP\/1\.1 200/);
    assert.match(await ask(), /^HTTP\/1\.1 403/);
    assert.equal(sockets.length, PROXY_CONNECTIONS_MOST);
    const [first] = sockets;
    assert.ok(first);
    first.destroy();
    await once(first, 'close');
    assert.match(await ask(), /^HTTP\/1\.1 200/);
  });

  it('says that a name cannot be reached, and not why', async () => {
    const { outside } = outsideOf({}, 1);
    const { told, ask } = guestOf(['deb.example.org'], outside);
    assert.match(
      await ask('GET http://deb.example.org/ HTTP/1.1\nHost: x\nConnection: close\n\n'),
      /it cannot be reached/,
    );
    assert.deepEqual(told, [
      { outcome: 'refused', host: 'deb.example.org', what: 'GET deb.example.org/: it cannot be reached' },
    ]);
  });

  it('knows the ports of a place: both of the web, or the one that is stated', () => {
    assert.ok(isAllowed(['a.org'], 'a.org', 443) && !isAllowed(['a.org'], 'a.org', 8080));
    assert.ok(isAllowed(['a.org:8080'], 'a.org', 8080) && !isAllowed(['a.org:8080'], 'a.org', 80));
  });
});
