/** A host on loopback that serves what a test tells it to, well or badly, and remembers what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface TestHost {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  url(path: string): string;
  /** What each path answers; a Buffer or text is served with ranges, as a good server does. */
  readonly files: Map<string, Buffer | string | Handler>;
  /** `/path`, or `/path bytes=7-`. */
  readonly asked: string[];
  /** Does something when the client says that it has so many bytes. */
  whenThere(bytes: number, act: () => void): void;
  /** The client has so many bytes. */
  there(bytes: number): void;
  close(): Promise<void>;
}

export async function startHost(): Promise<TestHost> {
  const files = new Map<string, Buffer | string | Handler>();
  const asked: string[] = [];
  let waiting: { readonly bytes: number; readonly act: () => void } | undefined;
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    const { range } = request.headers;
    asked.push(range === undefined ? path : `${path} ${range}`);
    const file = files.get(path);
    if (file === undefined) return void response.writeHead(404).end();
    if (typeof file === 'function') return file(request, response);
    serve(Buffer.from(file), request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const host = `127.0.0.1:${port}`;
  return {
    host,
    url: (path) => `http://${host}${path}`,
    files,
    asked,
    whenThere: (bytes, act) => (waiting = { bytes, act }),
    there: (bytes) => {
      if (waiting && bytes >= waiting.bytes) waiting.act();
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** As a good server does: the whole, a part from some byte on, or 416 where there is nothing. */
export function serve(file: Buffer, request: IncomingMessage, response: ServerResponse): void {
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (request.headers.range === undefined) {
    response.writeHead(200, { 'content-length': file.length }).end(file);
  } else if (from >= file.length) {
    response.writeHead(416, { 'content-range': `bytes */${file.length}` }).end();
  } else {
    const rest = file.subarray(from);
    response
      .writeHead(206, {
        'content-length': rest.length,
        'content-range': `bytes ${from}-${file.length - 1}/${file.length}`,
      })
      .end(rest);
  }
}

/**
 * Serves `bytes` of the file from where it was asked, and hangs up when the client says that it has them: what is on its way
 * when a connection ends is lost, more or less of it.
 */
export function breakOff(host: TestHost, file: Buffer, bytes: number, total = file.length): Handler {
  return (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const head = { 'content-length': total - from, 'content-range': `bytes ${from}-${total - 1}/${total}` };
    response.writeHead(request.headers.range === undefined ? 200 : 206, head);
    const part = file.subarray(from, from + bytes);
    host.whenThere(from + part.length, () => response.destroy());
    response.write(part);
  };
}
