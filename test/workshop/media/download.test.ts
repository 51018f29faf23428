/** Downloads from a host on loopback that does everything that hosts do wrong. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, utimes } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { download, downloadSmall, type Downloaded, type Wanted } from '../../../src/workshop/media/download.ts';
import { MAX_CONNECTIONS, MAX_REDIRECTS } from '../../../src/workshop/media/limits.ts';
import { sweepPartial } from '../../../src/workshop/media/partial-file.ts';
import { mountSmallDisk } from '../../support/full-disk.ts';
import { refusal } from './refusal.ts';
import { breakOff, serve, startHost, type TestHost } from './test-host.ts';

const run = promisify(execFile);

const FILE = randomBytes(300_000);
const hex = (algorithm: string, bytes: Buffer = FILE): string => createHash(algorithm).update(bytes).digest('hex');

describe('downloading', function () {
  this.timeout(30_000);
  let host: TestHost;
  let cacheDir: string;

  beforeEach(async () => {
    host = await startHost();
    host.files.set('/file', FILE);
    cacheDir = await mkdtemp(join(tmpdir(), 'pg-download-'));
  });
  afterEach(async () => {
    await host.close();
    await rm(cacheDir, { recursive: true, force: true });
  });

  const get = (
    wanted: Partial<Wanted> = {},
    options: Partial<Parameters<typeof download>[1]> = {},
  ): Promise<Downloaded> =>
    download(
      { url: host.url('/file'), what: 'the medium iso', size: { exact: FILE.length }, ...wanted },
      { cacheDir, hosts: new Set([host.host]), onProgress: ({ done }) => host.there(done), ...options },
    );
  const partial = async (): Promise<string[]> => readdir(join(cacheDir, 'partial')).catch(() => []);
  const downloads = async (): Promise<string[]> => readdir(join(cacheDir, 'downloads')).catch(() => []);

  it('gives the file, with the digests of what came, and says how far it is', async () => {
    const told: number[] = [];
    const done = await get({}, { onProgress: (progress) => told.push(progress.done) });
    assert.deepEqual(done.digests, { sha256: hex('sha256'), sha512: hex('sha512') });
    assert.deepEqual([done.sizeBytes, done.host, done.resumed], [FILE.length, host.host, false]);
    assert.deepEqual(
      told,
      [...told].sort((a, b) => a - b),
    );
    assert.equal(told.at(-1), FILE.length);
    assert.deepEqual(await downloads(), []);
    const path = await done.keep();
    assert.deepEqual(await readFile(path), FILE);
    assert.deepEqual([await downloads(), await partial()], [[hex('sha256')], []]);
  });

  it('goes on within one run where the connection broke off, and asks for the rest only', async () => {
    host.files.set('/file', breakOff(host, FILE, 100_000));
    const done = await get();
    assert.equal(done.digests.sha256, hex('sha256'));
    assert.deepEqual(host.asked, ['/file', '/file bytes=100000-', '/file bytes=200000-']);
  });

  it('gives up a host that always breaks off, and goes on in the next run', async () => {
    host.files.set('/file', breakOff(host, FILE, 20_000));
    await refusal('media/broke-off', 5, get());
    assert.equal(host.asked.length, MAX_CONNECTIONS);
    const [left, ...others] = await partial();
    assert.match(left ?? '', /^[0-9a-f]{32}\.0-[0-9a-f]{12}\.part$/);
    assert.deepEqual([others, await downloads()], [[], []]);
    host.files.set('/file', FILE);
    host.asked.length = 0;
    const done = await get();
    assert.deepEqual([done.digests.sha256, done.resumed], [hex('sha256'), true]);
    assert.match(host.asked.join(), /^\/file bytes=[1-9]\d*-$/);
  });

  it('gives up at once a host that hangs up without an answer', async () => {
    host.files.set('/file', (_, response) => void response.destroy());
    await refusal('media/unreachable', 5, get());
    assert.equal(host.asked.length, 1);
  });

  it('begins anew where the server does not know ranges', async () => {
    host.files.set('/file', breakOff(host, FILE, 20_000));
    await refusal('media/broke-off', 5, get());
    host.files.set('/file', (_, response) => response.writeHead(200, { 'content-length': FILE.length }).end(FILE));
    const done = await get();
    assert.equal(done.digests.sha256, hex('sha256'));
  });

  it('refuses another part than it asked for', async () => {
    host.files.set('/file', breakOff(host, FILE, 20_000));
    await refusal('media/broke-off', 5, get());
    host.files.set('/file', (_, response) =>
      response.writeHead(206, { 'content-range': `bytes 0-${FILE.length - 1}/${FILE.length}` }).end(FILE),
    );
    await refusal('media/not-served', 5, get());
  });

  it('takes 416 for the end of a file of unknown size, and begins anew where the file became shorter', async () => {
    const size = { atMost: 1_000_000 };
    // The whole of it has come, and the connection breaks off instead of ending.
    const last = breakOff(host, FILE, FILE.length, FILE.length + 1);
    host.files.set('/file', (request, response) =>
      request.headers.range === undefined ? last(request, response) : serve(FILE, request, response),
    );
    assert.equal((await get({ size })).digests.sha256, hex('sha256'));
    assert.deepEqual(host.asked, ['/file', `/file bytes=${FILE.length}-`]);

    const shorter = FILE.subarray(0, 200_000);
    host.files.set('/short', breakOff(host, FILE, 30_000));
    const url = host.url('/short');
    await refusal('media/broke-off', 5, get({ size, url }));
    host.files.set('/short', shorter);
    const done = await get({ size, url });
    assert.equal(done.digests.sha256, hex('sha256', shorter));
  });

  it('threat 32: writes nothing of a file of another size than was signed for, and says who serves it', async () => {
    for (const served of [FILE.subarray(1), Buffer.concat([FILE, FILE])]) {
      host.files.set('/file', served);
      const error = await refusal('media/served-other-size', 3, get());
      assert.match(
        error.message,
        new RegExp(`${host.host} serves ${served.length} bytes .* ${FILE.length} were signed`),
      );
      assert.deepEqual(await partial(), []);
    }
  });

  it('threat 32: stops a body that goes on behind the signed size, or behind the limit', async () => {
    const endless = (_: unknown, response: ServerResponse): void => {
      const more = (): void => {
        while (!response.destroyed && response.write(FILE));
        response.once('drain', more);
      };
      more();
    };
    host.files.set('/file', endless);
    await refusal('media/served-too-much', 3, get());
    await refusal('media/served-too-much', 3, get({ size: { atMost: 1_000_000 } }));
    await refusal('media/served-too-much', 3, downloadSmall(host.url('/file'), 1000, 'the list', { hosts: new Set() }));
    assert.deepEqual([await partial(), await downloads()], [[], []]);
  });

  it('threat 32: refuses a body that ends before the signed size without saying so', async () => {
    host.files.set('/file', (_, response) => {
      response.write(FILE.subarray(0, 1000));
      response.end();
    });
    await refusal('media/served-other-size', 3, get());
    assert.deepEqual(await partial(), []);
  });

  it('threat 24: gives up a host that dawdles: before the answer, or in the body', async () => {
    const handlers: ((_: unknown, response: ServerResponse) => void)[] = [
      () => undefined,
      (_, response) => void response.writeHead(200, { 'content-length': FILE.length }).write(FILE.subarray(0, 1000)),
      (_, response) => {
        response.writeHead(200, { 'content-length': FILE.length });
        const drip = setInterval(() => response.write('x'), 5);
        response.once('close', () => clearInterval(drip));
      },
    ];
    for (const handler of handlers) {
      host.files.set('/file', handler);
      const error = await refusal('media/stalled', 5, get({}, { stallMs: 100 }));
      assert.match(error.message, new RegExp(`${host.host} brought less than`));
      await refusal('media/stalled', 5, downloadSmall(host.url('/file'), 1e6, 'x', { hosts: new Set(), stallMs: 100 }));
    }
  });

  it('follows a redirect on the stated host, and to hosts that are named, and no others', async () => {
    const other = await startHost();
    try {
      other.files.set('/file', FILE);
      host.files.set('/here', (_, response) => response.writeHead(302, { location: '/file' }).end());
      host.files.set('/there', (_, response) => response.writeHead(301, { location: other.url('/file') }).end());
      assert.equal((await get({ url: host.url('/here') })).host, host.host);
      const error = await refusal('media/redirect-refused', 3, get({ url: host.url('/there') }));
      assert.match(error.message, new RegExp(`to ${other.host}, which nothing names`));
      assert.deepEqual(other.asked, []);
      const named = await get({ url: host.url('/there') }, { hosts: new Set([host.host, other.host]) });
      assert.equal(named.host, other.host);
    } finally {
      await other.close();
    }
  });

  it('follows no redirect to another scheme, to a password, to nowhere, or in a circle', async () => {
    const to = (location: string): void =>
      void host.files.set('/file', (_, response) => response.writeHead(302, { location }).end());
    for (const location of [`https://${host.host}/file`, 'file:///etc/passwd', 'ftp://127.0.0.1/file']) {
      to(location);
      assert.match((await refusal('media/redirect-refused', 3, get())).message, /another scheme/);
    }
    to(`http://user:word@${host.host}/file`);
    assert.match((await refusal('media/redirect-refused', 3, get())).message, /password/);
    to('http://');
    assert.match((await refusal('media/redirect-refused', 3, get())).message, /no address/);
    host.asked.length = 0;
    to('/file');
    assert.match((await refusal('media/redirect-refused', 3, get())).message, /more than 5 redirects/);
    assert.equal(host.asked.length, MAX_REDIRECTS + 1);
  });

  it('says what a host answers that does not have the file, and that one cannot be reached', async () => {
    const error = await refusal('media/not-served', 5, get({ url: host.url('/none') }));
    assert.match(error.message, /answers 404/);
    await host.close();
    await refusal('media/unreachable', 5, get());
  });

  it('threat 24: gives up a host that goes over to something else than HTTP', async () => {
    host.files.set('/file', (request) =>
      request.socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n'),
    );
    await refusal('media/unreachable', 5, get());
  });

  it('says each host before it is connected to', async () => {
    const told: string[] = [];
    const onHost = async (name: string): Promise<void> => {
      told.push(`${name} after ${host.asked.length} requests`);
    };
    await get({}, { onHost });
    assert.deepEqual(told, [`${host.host} after 0 requests`]);
  });

  it('threat 38: connects to nothing on this machine or its network for a recipe of others', async () => {
    for (const url of [
      host.url('/file'),
      host.url('/file').replace('127.0.0.1', 'localhost'),
      'http://[::1]/x',
      'http://192.168.1.1/x',
    ]) {
      await refusal('media/private-address', 3, get({ url }, { publicOnly: true }));
    }
    assert.deepEqual(host.asked, []);
  });

  it('stopped by the person, keeps what has come for the next run and nothing else', async () => {
    const stop = new AbortController();
    host.files.set('/file', (_, response) => {
      response.writeHead(200, { 'content-length': FILE.length });
      response.write(FILE.subarray(0, 100_000));
    });
    const onProgress = (): void => stop.abort();
    await refusal('interrupted', 130, get({}, { signal: stop.signal, onProgress }));
    assert.equal((await partial()).length, 1);
    assert.deepEqual(await downloads(), []);
    host.files.set('/file', FILE);
    assert.equal((await get()).resumed, true);
  });

  it('goes on with what a killed process has left, and never with what a living one has', async () => {
    host.files.set('/file', (request, response) => {
      if (request.headers.range !== undefined) return serve(FILE, request, response);
      response.writeHead(200, { 'content-length': FILE.length });
      response.write(FILE.subarray(0, 100_000));
    });
    const script = `
      import { download } from ${JSON.stringify(join(import.meta.dirname, '../../../src/workshop/media/download.ts'))};
      await download(
        { url: ${JSON.stringify(host.url('/file'))}, what: 'x', size: { exact: ${FILE.length} } },
        { cacheDir: ${JSON.stringify(cacheDir)}, hosts: new Set(), onProgress: () => console.log('some') },
      );`;
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '--input-type=module-typescript', '-e', script],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    await once(child.stdout, 'data');
    // It lives: whoever wants the same file begins one of their own.
    const url = host.url('/file');
    const stop = new AbortController();
    await refusal('interrupted', 130, get({ url }, { signal: stop.signal, onProgress: () => stop.abort() }));
    assert.deepEqual(host.asked, ['/file', '/file']);
    await Promise.all(
      (await partial()).filter((name) => name.includes('.0-')).map((name) => rm(join(cacheDir, 'partial', name))),
    );
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.equal((await partial()).length, 1);
    const done = await get({ url });
    assert.deepEqual([done.resumed, done.digests.sha256], [true, hex('sha256')]);
    assert.match(host.asked[2] ?? '', /^\/file bytes=[1-9]\d*-$/);
  });

  it('leaves nothing half-made on a full disk, whether it was foreseen or not', async function () {
    await mountSmallDisk(this, cacheDir, '128k');
    try {
      const told = await refusal('media/disk-full', 5, get());
      assert.match(told.message, new RegExp(`no room for the ${FILE.length} bytes of the medium iso`));
      // Nothing says how large it is.
      host.files.set('/file', (_, response) => {
        response.write(FILE.subarray(0, 200_000));
        response.end(FILE.subarray(200_000));
      });
      await refusal('media/disk-full', 5, get({ size: { atMost: 1_000_000 } }));
      assert.deepEqual([await partial(), await downloads()], [[], []]);
    } finally {
      await run('umount', [cacheDir]);
    }
  });

  it('leaves room on the disk also where nothing says how large a file is', async function () {
    await mountSmallDisk(this, cacheDir, '26m');
    try {
      host.files.set('/file', (_, response) => {
        for (let piece = 0; piece < 12; piece += 1) response.write(Buffer.alloc(1024 * 1024));
        response.end();
      });
      await refusal('media/disk-full', 5, get({ size: { atMost: 1e9 } }));
      assert.deepEqual(await partial(), []);
    } finally {
      await run('umount', [cacheDir]);
    }
  });

  it('goes on with nothing of another file', async () => {
    host.files.set('/file', breakOff(host, FILE, 20_000));
    await refusal('media/broke-off', 5, get({ expected: 'one' }));
    host.files.set('/file', FILE);
    assert.equal((await get({ expected: 'two' })).resumed, false);
  });

  it('forgets after a week what nobody has gone on with', async () => {
    host.files.set('/file', breakOff(host, FILE, 20_000));
    await refusal('media/broke-off', 5, get());
    const [name = ''] = await partial();
    const now = Date.now();
    await utimes(join(cacheDir, 'partial', name), now / 1000, now / 1000);
    await sweepPartial(cacheDir, new Date(now + 6 * 24 * 60 * 60 * 1000));
    assert.deepEqual(await partial(), [name]);
    await sweepPartial(cacheDir, new Date(now + 8 * 24 * 60 * 60 * 1000));
    assert.deepEqual(await partial(), []);
  });
});
