/**
 * The control API: HTTP over a unix socket (0600) inside the home's runtime folder (0700). `POST /v1/<operation>` with
 * a JSON body answers `{ "ok": … }` or `{ "error": { code, message, … } }`. docs/control-api.md lists the operations.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { chmod, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { PortalgunError, UsageError } from '../errors.ts';

/** One request's body. Recipes are at most 48 KiB; the rest is small. */
export const MAX_REQUEST_BYTES = 1024 * 1024;

export type Call = (operation: string, args: unknown, signal: AbortSignal) => Promise<unknown>;

export interface ControlServer {
  readonly path: string;
  close(): Promise<void>;
}

export async function startControlServer(socketPath: string, call: Call): Promise<ControlServer> {
  await rm(socketPath, { force: true }); // a socket that a killed node left; a living node holds the store's lock
  const running = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    const work = answer(request, response, call).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined);
    });
    running.add(work);
    void work.then(() => running.delete(work));
  });
  server.listen(socketPath);
  await once(server, 'listening');
  await chmod(socketPath, 0o600);
  return {
    path: socketPath,
    async close() {
      await closeServer(server, socketPath);
      // Each was told by its signal: what it holds (a VM, a lock) is let go of before the node is gone.
      await Promise.all(running);
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, call: Call): Promise<void> {
  const controller = new AbortController();
  response.on('close', () => controller.abort());
  let status = 200;
  let body: unknown;
  try {
    const operation = /^\/v1\/([a-z][a-z.-]*)$/.exec(request.url ?? '')?.[1];
    if (request.method !== 'POST' || operation === undefined) {
      throw new UsageError('control/unknown', `no such operation: ${request.method} ${request.url}`);
    }
    body = { ok: (await call(operation, await readBody(request), controller.signal)) ?? null };
  } catch (error) {
    status = error instanceof PortalgunError ? 400 : 500;
    body = { error: describe(error) };
  }
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_REQUEST_BYTES) {
      throw new UsageError('control/too-large', `a request may hold at most ${MAX_REQUEST_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  try {
    return text === '' ? {} : (JSON.parse(text) as unknown);
  } catch (cause) {
    throw new UsageError('control/bad-json', 'the request body is not JSON', { cause });
  }
}

function describe(error: unknown): Record<string, unknown> {
  if (error instanceof PortalgunError) {
    const { code, message, hint, facts, exitCode } = error;
    return { code, message, hint, facts, exitCode };
  }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error), exitCode: 1 };
}

async function closeServer(server: Server, socketPath: string): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
  await rm(socketPath, { force: true });
}
