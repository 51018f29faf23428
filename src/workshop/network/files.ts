/** HTTP for the guest: the files that the recipe serves at this moment, and nothing else. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { HOST } from './index.ts';
import type { GuestRequest } from './requests.ts';

export interface FileServer {
  /** From now on the guest finds `content` under this name. */
  serve(name: string, content: string): void;
  take(connection: Duplex): void;
  close(): void;
}

export function createFileServer(told: (request: GuestRequest) => void): FileServer {
  const files = new Map<string, Buffer>();
  // It listens nowhere: connections are handed to it.
  const server: Server = createServer((request, response) => answer(request, response, files, told));
  return {
    serve(name, content) {
      files.set(name, Buffer.from(content));
    },
    take(connection) {
      server.emit('connection', connection);
    },
    close() {
      server.closeAllConnections();
    },
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  files: ReadonlyMap<string, Buffer>,
  told: (request: GuestRequest) => void,
): void {
  const name = nameIn(request.url ?? '');
  if (request.method !== 'GET' && request.method !== 'HEAD') return end(response, 405, 'only GET and HEAD\n');
  const content = name === undefined ? undefined : files.get(name);
  if (name === undefined || content === undefined) {
    told({ outcome: 'missing', host: HOST, what: name ?? request.url ?? '' });
    return end(response, 404, 'the recipe serves no such file\n');
  }
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': content.length });
  if (request.method === 'HEAD') return void response.end();
  // `finish`: all of it is on its way. A guest that hangs up in the middle has not fetched it.
  response.once('finish', () => told({ outcome: 'served', host: HOST, what: name, sizeBytes: content.length }));
  response.end(content);
}

function end(response: ServerResponse, status: number, words: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(words),
  });
  response.end(words);
}

/** The path without its query and its dots (an installer asks for `/d-i/bookworm/./preseed.cfg`). */
function nameIn(url: string): string | undefined {
  try {
    return decodeURIComponent(new URL(url, 'http://guest').pathname.slice(1));
  } catch {
    return undefined; // no path: nothing has such a name
  }
}
