/**
 * The only way out of a guest: an HTTP proxy at `10.0.2.2:3128` that leads to the places that the recipe states, and nowhere
 * else. Plain HTTP is fetched here; for everything else there is CONNECT. What goes through is counted, told, and bounded.
 */
import { createServer, request as fetchFrom, type IncomingMessage, type ServerResponse } from 'node:http';
import { pipeline, Transform, type Duplex } from 'node:stream';
import { PROXY_BYTES_MOST, PROXY_CONNECTIONS_MOST } from './limits.ts';
import type { Outside } from './outside.ts';
import { isPublicAddress } from './public-address.ts';
import type { GuestRequest } from './requests.ts';

export interface Proxy {
  take(connection: Duplex): void;
  close(): void;
}

export interface ProxyOptions {
  /** `host` (its ports 80 and 443) or `host:port`. */
  readonly allow: readonly string[];
  readonly outside: Outside;
  readonly told: (request: GuestRequest) => void;
  /** Bytes in both directions, all connections together; default `PROXY_BYTES_MOST`. */
  readonly bytesMost?: number | undefined;
}

/** Why somebody is not let through: for the guest, and for the transcript. */
class Refused extends Error {}

export function createProxy({ allow, outside, told, bytesMost = PROXY_BYTES_MOST }: ProxyOptions): Proxy {
  const open = new Set<Duplex>();
  /** On their way: their names are being looked up. */
  let coming = 0;
  let bytes = 0;

  /** A connection to a place that the recipe states, at an address that is nobody's private one. */
  async function reach(host: string, port: number): Promise<Duplex> {
    if (!isAllowed(allow, host, port)) throw new Refused('the recipe does not state it');
    if (open.size + coming >= PROXY_CONNECTIONS_MOST) throw new Refused('there are too many connections');
    if (bytes >= bytesMost) throw new Refused('the build has had all the bytes that one may have');
    coming += 1;
    const addresses = await outside.resolve(host).finally(() => (coming -= 1));
    const [address] = addresses;
    if (address === undefined) throw new Refused('the name has no address');
    const closed = addresses.find((one) => !isPublicAddress(one));
    if (closed !== undefined) throw new Refused(`its name leads to ${closed}, which is not on the public internet`);
    const socket = outside.connect(address, port);
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => undefined); // whoever uses it hears of it too
    return socket;
  }

  /** Counts what passes, and ends it where the build has had its share. */
  function counter(count: (size: number) => void): Transform {
    return new Transform({
      transform(chunk: Buffer, _encoding, done) {
        bytes += chunk.length;
        count(chunk.length);
        done(bytes > bytesMost ? new Refused('too many bytes') : null, chunk);
      },
    });
  }

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = urlOf(request.url);
    if (url === undefined) return end(response, 400, 'this is a proxy: ask it for http://HOST/…\n');
    const what = `${request.method} ${url.host}${url.pathname}`;
    const port = url.port === '' ? 80 : Number(url.port);
    try {
      const socket = await reach(url.hostname, port);
      let sizeBytes = 0;
      const upstream = fetchFrom({
        createConnection: () => socket,
        ...(request.method !== undefined && { method: request.method }),
        path: url.pathname + url.search,
        // The host that was let through, whatever the guest calls it.
        headers: { ...forwarded(request.headers), host: url.host, connection: 'close' },
      });
      pipeline(
        request,
        counter(() => undefined),
        upstream,
        () => undefined,
      );
      upstream.once('error', () => {
        if (!response.headersSent) end(response, 502, 'the other side gave no answer\n');
        else response.destroy();
      });
      upstream.once('response', (answer) => {
        response.writeHead(answer.statusCode ?? 502, forwarded(answer.headers));
        const count = counter((size) => (sizeBytes += size));
        pipeline(answer, count, response, () => {
          told({ outcome: 'passed', host: url.hostname, what: `${what}: ${answer.statusCode}`, sizeBytes });
          socket.destroy();
        });
      });
    } catch (error) {
      refuse(url.hostname, what, error);
      end(response, 403, `${wordsOf(error)}\n`);
    }
  }

  async function tunnel(request: IncomingMessage, guest: Duplex, head: Buffer): Promise<void> {
    guest.on('error', () => undefined); // the guest may hang up at any moment
    const [host = '', port = ''] = (request.url ?? '').split(':');
    const what = `CONNECT ${host}:${port}`;
    try {
      const socket = await reach(host.toLowerCase(), Number(port));
      let sizeBytes = 0;
      const count = (): Transform => counter((size) => (sizeBytes += size));
      guest.write('HTTP/1.1 200 Connection established\r\n\r\n');
      const upwards = count();
      // Not back into the guest's stream, which may have ended by now.
      if (head.length > 0) upwards.write(head);
      pipeline(guest, upwards, socket, () => undefined);
      pipeline(socket, count(), guest, () => told({ outcome: 'passed', host, what, sizeBytes }));
    } catch (error) {
      refuse(host, what, error);
      guest.end(`HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    }
  }

  function refuse(host: string, what: string, error: unknown): void {
    told({ outcome: 'refused', host, what: `${what}: ${wordsOf(error)}` });
  }

  // It listens nowhere: connections are handed to it.
  const server = createServer((request, response) => void pass(request, response));
  server.on('connect', (request, guest: Duplex, head) => void tunnel(request, guest, head));
  return {
    take(connection) {
      server.emit('connection', connection);
    },
    close() {
      server.closeAllConnections();
      for (const socket of open) socket.destroy();
    },
  };
}

export function isAllowed(allow: readonly string[], host: string, port: number): boolean {
  const named = allow.includes(`${host}:${port}`);
  return named || ((port === 80 || port === 443) && allow.includes(host));
}

/** What stands between two neighbours only (RFC 9110, 7.6.1) is not passed on. */
function forwarded(headers: IncomingMessage['headers']): IncomingMessage['headers'] {
  const own = (headers['connection'] ?? '').toLowerCase().split(/\s*,\s*/);
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name) && !own.includes(name)),
  );
}

const HOP_BY_HOP: readonly string[] = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

function urlOf(text: string | undefined): URL | undefined {
  if (text === undefined || !text.startsWith('http://')) return undefined;
  try {
    return new URL(text);
  } catch {
    return undefined; // no address: answered as such
  }
}

function end(response: ServerResponse, status: number, words: string): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(words),
  });
  response.end(words);
}

/** Of another failure (a name that does not exist) the guest is not told what this host knows. */
function wordsOf(error: unknown): string {
  return error instanceof Refused ? error.message : 'it cannot be reached';
}
