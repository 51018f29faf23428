/** The control API: a unix socket for its owner alone, strict about what it takes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { request } from 'node:http';
import path from 'node:path';
import { UsageError } from '../../src/errors.ts';
import { callNode, nodeAnswers } from '../../src/node/control-client.ts';
import { MAX_REQUEST_BYTES, startControlServer, type ControlServer } from '../../src/node/control-server.ts';
import { openHome } from '../../src/node/home.ts';
import { OPERATION_NAMES, runOperation } from '../../src/node/operations/index.ts';
import { createIdentity } from '../../src/node/identity-files.ts';
import { openSession } from '../../src/node/session.ts';
import { ROOT, type Answer } from '../support/cli.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

const signal = new AbortController().signal;

interface Reply {
  readonly status: number | undefined;
  readonly body: Answer;
}

describe('the control API', function () {
  this.timeout(30_000);
  let test: TestHome;
  let server: ControlServer;
  const calls: [string, unknown][] = [];

  before(async () => {
    test = await tempHome();
    await openHome(test.home);
    server = await startControlServer(test.home.controlSocket, async (operation, args) => {
      calls.push([operation, args]);
      if (operation === 'fail') throw new UsageError('test/no', 'no', { hint: 'do', facts: { why: 1 } });
      if (operation === 'break') throw new TypeError('a fault');
      return { operation, args };
    });
  });
  after(async () => {
    await server.close();
    await test.remove();
  });

  it('is closed only when what it began has let go of what it holds', async () => {
    const [begun, socket] = [Promise.withResolvers<void>(), `${test.home.controlSocket}.2`];
    let ended = false;
    const slow = await startControlServer(socket, async (_operation, _args, stopped) => {
      begun.resolve();
      await once(stopped, 'abort');
      // As a VM does that is told to go.
      for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      ended = true;
    });
    const called = callNode(socket)('slow', {}, signal).catch(() => undefined);
    await begun.promise;
    await slow.close();
    assert.equal(ended, true);
    await called;
  });

  const post = (url: string, body: string | Buffer, method = 'POST'): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const outgoing = request({ socketPath: server.path, path: url, method }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });

  it('is documented: docs/control-api.md lists every operation, and no other', async () => {
    const text = await readFile(path.join(ROOT, 'docs/control-api.md'), 'utf8');
    const documented = text
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name));
    assert.deepEqual(new Set(documented), new Set([...OPERATION_NAMES, 'stop']));
    assert.equal(new Set(documented).size, documented.length);
  });

  it('is for the owner alone', async () => {
    assert.equal((await stat(server.path)).mode & 0o777, 0o600);
    assert.equal((await stat(path.dirname(server.path))).mode & 0o777, 0o700);
  });

  it('answers what the operation gives, and takes no body for no arguments', async () => {
    assert.deepEqual(await post('/v1/some.thing', '{"a":1}'), {
      status: 200,
      body: { ok: { operation: 'some.thing', args: { a: 1 } } },
    });
    assert.deepEqual((await post('/v1/ping', '')).body, { ok: { operation: 'ping', args: {} } });
  });

  it('gives an error with its code, hint and facts, and the client makes it an error again', async () => {
    assert.deepEqual(await post('/v1/fail', '{}'), {
      status: 400,
      body: { error: { code: 'test/no', message: 'no', hint: 'do', facts: { why: 1 }, exitCode: 2 } },
    });
    await assert.rejects(callNode(server.path)('fail', {}, signal), { code: 'test/no', hint: 'do', exitCode: 2 });
  });

  it('says that a fault is ours', async () => {
    const { status, body } = await post('/v1/break', '{}');
    assert.deepEqual([status, body.error.code, body.error.exitCode], [500, 'internal', 1]);
  });

  for (const [what, url, body, method] of [
    ['another method', '/v1/ping', '', 'GET'],
    ['another path', '/', '{}', 'POST'],
    ['another version', '/v2/ping', '{}', 'POST'],
    ['a path with more in it', '/v1/../v1/ping', '{}', 'POST'],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const before = calls.length;
      const reply = await post(url, body, method);
      assert.deepEqual([reply.status, reply.body.error.code], [400, 'control/unknown']);
      assert.equal(calls.length, before);
    });
  }

  it('refuses a body that is not JSON', async () => {
    const reply = await post('/v1/ping', '{"a":');
    assert.deepEqual([reply.status, reply.body.error.code], [400, 'control/bad-json']);
  });

  it('takes a body of the largest size, and refuses one byte more', async () => {
    const filler = (size: number): string => JSON.stringify({ text: 'x'.repeat(size - '{"text":""}'.length) });
    assert.equal((await post('/v1/big', filler(MAX_REQUEST_BYTES))).status, 200);
    const before = calls.length;
    const reply = await post('/v1/big', filler(MAX_REQUEST_BYTES + 1));
    assert.deepEqual([reply.status, reply.body.error.code], [400, 'control/too-large']);
    assert.equal(calls.length, before);
  });

  it('lives on when a client speaks no HTTP, or leaves in the middle', async () => {
    for (const bytes of ['garbage\r\n\r\n', 'POST /v1/ping HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"a"']) {
      await new Promise<void>((resolve) => {
        const socket = createConnection(server.path, () => socket.end(bytes));
        socket.resume();
        socket.on('close', () => resolve());
        socket.on('error', () => undefined); // the server may hang up first
      });
    }
    assert.equal(await nodeAnswers(server.path), true);
  });

  it('says that nobody answers where there is no socket, or one that a killed node left', async () => {
    assert.equal(await nodeAnswers(`${server.path}.none`), false);
  });
});

describe('the operations', function () {
  this.timeout(30_000);

  it('refuse names that are not in the table, those of every object among them', async () => {
    const test = await tempHome();
    try {
      await openHome(test.home);
      await createIdentity(test.home);
      const session = await openSession(test.home);
      try {
        for (const name of ['nothing', 'toString', 'constructor', '__proto__', 'stop']) {
          await assert.rejects(runOperation(session, name, {}, signal), { code: 'control/unknown', exitCode: 2 });
        }
        for (const args of [null, [], 'text', 7]) {
          await assert.rejects(runOperation(session, 'why', args, signal), { code: 'control/bad-argument' });
        }
        const wrong: readonly (readonly [string, object])[] = [
          ['why', {}],
          ['why', { record: 7 }],
          ['why', { record: '' }],
          ['publish.patch', { base: 'sha256:short', operations: [] }],
          ['peer.add', { invitation: 'portalgun:x', addresses: 'no list' }],
          ['heal.candidates', { source: 'x', step: 'y', symptom: 'z' }],
        ];
        for (const [name, args] of wrong) {
          await assert.rejects(
            runOperation(session, name, args, signal),
            { exitCode: 2 },
            `${name} ${JSON.stringify(args)}`,
          );
        }
      } finally {
        await session.close();
      }
    } finally {
      await test.remove();
    }
  });
});
