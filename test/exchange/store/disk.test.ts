import assert from 'node:assert/strict';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { Level } from 'level';
import { sha256 } from '../../../src/crypto/digest.ts';
import { openStore } from '../../../src/exchange/store/index.ts';
import { digestsNamed } from '../../../src/exchange/record/named.ts';
import { ids, namedKeysIn } from './named-keys.ts';
import { at, draft, feed, NETWORK, newAuthor } from '../record/author.ts';
import { temporaryStores } from './folder.ts';

const APPENDER = path.join(import.meta.dirname, 'appender.ts');
const everybody = { follows: () => true };

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** What a child acknowledged: `[seq, id]`, in order. */
async function acknowledgedUntil(child: Child, enough: (lines: number) => boolean): Promise<[number, string][]> {
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (enough(text.split('\n').length - 1)) child.kill('SIGKILL');
  });
  await once(child, 'close');
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line): [number, string] => [Number(line.split(' ')[0]), line.split(' ')[1] ?? '']);
}

describe('threat 26: kill -9 while writing', () => {
  const stores = temporaryStores();

  it('loses nothing that was acknowledged, five times in a row', async function () {
    this.timeout(180_000);
    const folder = await stores.path();
    const author = newAuthor();
    const acknowledged: [number, string][] = [];
    for (let round = 1; round <= 5; round++) {
      const child = spawn(process.execPath, [APPENDER, folder, Buffer.from(author.seed).toString('hex'), '3000'], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const lines = await acknowledgedUntil(child, (count) => count >= 17 * round);
      assert.equal(child.signalCode, 'SIGKILL', 'it was killed in the middle');
      acknowledged.push(...lines);

      const store = await openStore(folder, { network: NETWORK });
      const records = await store.range(author.id, 'public', 0, 10_000);
      const stored = new Map(records.map(({ link, id }) => [link.seq, id as string]));
      for (const [seq, id] of acknowledged)
        assert.equal(stored.get(seq), id, `record ${seq} of round ${round} is lost`);
      assert.deepEqual(
        [...stored.keys()],
        Array.from(stored.keys(), (_, index) => index + 1),
        'the feed has no gap',
      );
      assert.deepEqual(await store.frozen(), [], 'no fork came of it');
      assert.equal((await store.head(author.id, 'public'))?.seq, records.length);
      for (const record of records) {
        const found = await ids(store.naming(digestsNamed(record.statement)[0] ?? sha256(''), () => true));
        assert.deepEqual(found, [record.id], `by its symptom, record ${record.link.seq} of round ${round}`);
      }
      await store.close();
      assert.equal(
        (await namedKeysIn(folder)).length,
        records.length,
        'nothing is named by a record that is not there',
      );
    }
    assert.ok(acknowledged.length >= 17 + 34 + 51);
  });

  it('writes each batch with one sync', async () => {
    const calls: unknown[] = [];
    const original = Object.getOwnPropertyDescriptor(Level.prototype, '_batch');
    assert.ok(original);
    const store = await stores.open();
    const spied = function (this: unknown, operations: unknown, options: unknown): unknown {
      calls.push(options);
      return Reflect.apply(original.value, this, [operations, options]);
    };
    Object.defineProperty(Level.prototype, '_batch', { ...original, value: spied });
    try {
      const author = newAuthor();
      await store.admitAll(
        feed(author, 50).map(({ envelope }) => envelope),
        everybody,
      );
    } finally {
      Object.defineProperty(Level.prototype, '_batch', original);
    }
    assert.equal(calls.length, 1);
    assert.ok(
      at(calls, 0) !== null && typeof at(calls, 0) === 'object' && Reflect.get(Object(at(calls, 0)), 'sync') === true,
    );
  });
});

describe('a disk that takes no more', () => {
  const stores = temporaryStores();

  it('is a clear error, and everything acknowledged before is there', async function () {
    this.timeout(180_000);
    const folder = await stores.path();
    const author = newAuthor();
    // A limit on the size of a file fails a write like a full disk does, and needs no privileges.
    const command = `trap '' XFSZ; ulimit -f 200; exec "$0" "$@"`;
    const seed = Buffer.from(author.seed).toString('hex');
    const child = spawn('bash', ['-c', command, process.execPath, APPENDER, folder, seed, '20000'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const acknowledged = await acknowledgedUntil(child, () => false);
    assert.equal(child.exitCode, 1);
    assert.match(errors, /^store\/io: The store .* could not be read or written: .*File too large/);
    assert.ok(acknowledged.length > 0);

    const store = await stores.openAt(folder);
    const records = await store.range(author.id, 'public', 0, 10_000);
    assert.deepEqual(
      records.slice(0, acknowledged.length).map(({ link, id }) => [link.seq, id]),
      acknowledged,
    );
    assert.equal((await store.append(author, 'public', draft('again'))).link.seq, records.length + 1);
  });
});

describe('opening a store', () => {
  const stores = temporaryStores();

  it('that another process or part holds says so, and what to do', async () => {
    const folder = await stores.path();
    await stores.openAt(folder);
    await assert.rejects(openStore(folder, { network: NETWORK }), {
      code: 'store/locked',
      exitCode: 5,
      hint: /node is running/,
    });
  });

  it('of a newer version, or of none that ever was, is refused, and left as it is', async () => {
    const folder = await stores.path();
    await (await stores.openAt(folder)).close();
    for (const version of ['4', '0', '1.5', '', 'two']) {
      const raw = new Level(folder);
      await raw.put('meta\0version', version);
      await raw.close();
      await assert.rejects(openStore(folder, { network: NETWORK }), {
        code: 'store/newer-version',
        message: new RegExp(`layout ${version};.*reads 3`),
      });
      const after = new Level(folder);
      assert.equal(await after.get('meta\0version'), version);
      await after.close();
    }
  });

  it('of another network is refused', async () => {
    const folder = await stores.path();
    await (await stores.openAt(folder)).close();
    await assert.rejects(openStore(folder, { network: 'elsewhere' }), {
      code: 'store/other-network',
      message: /"test".*"elsewhere"/,
    });
  });

  it('in a place that is a file is a clear error', async () => {
    const folder = await stores.path();
    await writeFile(folder, 'not a store');
    await assert.rejects(openStore(folder, { network: NETWORK }), { code: 'store/io' });
  });

  it('whose files are damaged is a clear error, at once or when the damage is met', async () => {
    const folder = await stores.path();
    const store = await stores.openAt(folder);
    const author = newAuthor();
    await store.admitAll(
      feed(author, 20).map(({ envelope }) => envelope),
      everybody,
    );
    await store.close();
    for (const name of await readdir(folder)) {
      if (name.startsWith('MANIFEST'))
        await writeFile(path.join(folder, name), Buffer.alloc((await stat(path.join(folder, name))).size, 1));
    }
    await assert.rejects(openStore(folder, { network: NETWORK }), { code: /^store\/(damaged|io)$/ });
  });

  it('damaged inside an entry is said when it is read, and does not pass for a record', async () => {
    const folder = await stores.path();
    const author = newAuthor();
    const [first, second] = feed(author, 2);
    assert.ok(first && second);
    const before = await stores.openAt(folder);
    await before.admitAll([first.envelope, second.envelope], everybody);
    await before.close();
    const raw = new Level<string, Uint8Array>(folder, { valueEncoding: 'view' });
    await raw.put(`record\0${first.id}`, second.envelope);
    await raw.put(`record\0${second.id}`, Buffer.from('rubbish'));
    await raw.close();
    const store = await stores.openAt(folder);
    await assert.rejects(store.get(first.id), { code: 'store/damaged', exitCode: 3 });
    await assert.rejects(store.get(second.id), { code: 'store/damaged', exitCode: 3 });
    await assert.rejects(store.range(author.id, 'public', 0, 10), { code: 'store/damaged', exitCode: 3 });
  });

  it('that was closed answers so', async () => {
    const store = await stores.open();
    await store.close();
    await assert.rejects(store.get(sha256('x')), { code: 'store/closed' });
    await assert.rejects(store.append(newAuthor(), 'public', draft('x')), { code: 'store/closed' });
  });

  it('closes only when those who wait for a write have their answer', async () => {
    const folder = await stores.path();
    const store = await stores.openAt(folder);
    const author = newAuthor();
    const writing = store.append(author, 'public', draft('x'));
    await Promise.all([store.close(), writing]);
    const again = await stores.openAt(folder);
    assert.deepEqual(await again.get((await writing).id), await writing);
  });
});

describe('notes and blobs', () => {
  const stores = temporaryStores();

  it('notes are kept by key, listed by prefix, and deleted', async () => {
    const folder = await stores.path();
    const store = await stores.openAt(folder);
    await store.notes.put('inbox/a', { decided: 'accept' });
    await store.notes.put('inbox/b', null);
    await store.notes.put('inbox', 1);
    await store.notes.put('peer/x', ['y']);
    await store.close();
    const again = await stores.openAt(folder);
    assert.deepEqual(await again.notes.get('inbox/a'), { decided: 'accept' });
    assert.equal(await again.notes.get('nothing'), undefined);
    assert.deepEqual(await again.notes.list('inbox/'), [
      ['inbox/a', { decided: 'accept' }],
      ['inbox/b', null],
    ]);
    assert.deepEqual(await again.notes.list('inbox'), [
      ['inbox', 1],
      ['inbox/a', { decided: 'accept' }],
      ['inbox/b', null],
    ]);
    assert.equal((await again.notes.list('')).length, 4);
    await again.notes.delete('inbox/a');
    assert.equal(await again.notes.get('inbox/a'), undefined);
  });

  it('notes that are no JSON, too large or oddly named are refused', async () => {
    const store = await stores.open();
    await assert.rejects(store.notes.put('a', undefined), { code: 'store/bad-note' });
    await assert.rejects(store.notes.put('a', 'x'.repeat(1024 * 1024)), { code: 'store/bad-note' });
    await store.notes.put('a', 'x'.repeat(1024 * 1024 - 2));
    await assert.rejects(store.notes.put('a\0b', 1), { code: 'store/bad-key' });
    await assert.rejects(store.notes.get('a\ud800'), { code: 'store/bad-key' });
  });

  it('blobs go by their digest', async () => {
    const store = await stores.open();
    const blob = Buffer.from('a manifest');
    const digest = await store.blobs.put(blob);
    assert.equal(digest, sha256(blob));
    assert.deepEqual(Buffer.from((await store.blobs.get(digest)) ?? []), blob);
    assert.equal(await store.blobs.get(sha256('another')), undefined);
  });

  it('a blob that changed on the disk is not given out', async () => {
    const folder = await stores.path();
    const store = await stores.openAt(folder);
    const digest = await store.blobs.put(Buffer.from('a manifest'));
    await store.close();
    const raw = new Level(folder);
    await raw.put(`blob\0${digest}`, 'another manifest');
    await raw.close();
    await assert.rejects((await stores.openAt(folder)).blobs.get(digest), { code: 'store/damaged', exitCode: 3 });
  });
});
