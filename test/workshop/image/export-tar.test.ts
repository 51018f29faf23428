/** What is read of a file system, written as an archive that other people's programs read. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { sha256 } from '../../../src/crypto/digest.ts';
import { readBytes } from '../../../src/workshop/image/byte-reader.ts';
import { openTarFile } from '../../../src/workshop/image/export-tar.ts';
import { dirHash1, escapeName, type ManifestEntry } from '../../../src/workshop/image/index.ts';
import { compileRules } from '../../../src/workshop/image/normalise.ts';
import { readTreeEntries } from '../../../src/workshop/image/tree-entries.ts';
import type { TarEntry } from '../../../src/workshop/image/tar-reader.ts';
import { needPrograms } from '../../support/skip.ts';
import { run } from './disks.fixture.ts';
import { pythonEntries } from './tar-entries.ts';
import { listedBy } from './tar-programs.ts';
import { makeTree } from './tree.fixture.ts';

const PLAIN: Omit<TarEntry, 'content'> = {
  kind: 'file',
  path: Buffer.from('./plain'),
  link: Buffer.alloc(0),
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  device: [0, 0],
  attributes: new Map(),
};

describe('files as an archive', () => {
  let folder: string;
  let names = 0;

  before(function () {
    needPrograms(this, 'python3', 'bsdtar');
    folder = mkdtempSync(join(tmpdir(), 'pg-export-tar-'));
  });
  after(() => folder && rmSync(folder, { recursive: true, force: true }));

  const newPath = (): string => join(folder, `archive-${(names += 1)}.tar`);

  /** What GNU tar reads of a tree, as the measuring VM's does, read and written again. */
  async function rewritten(tree: string, entries?: readonly ManifestEntry[]) {
    const options = ['-c', '-f', '-', '-b', '64', '--format=pax', '--sort=name', '--numeric-owner', '--mtime=@0'];
    return copy(execFileSync('tar', [...options, '-C', tree, '.'], { maxBuffer: 2 ** 28 }), 64 * 512, entries);
  }

  /** Of an archive of ours, as one that the measuring VM sends. */
  async function copied(archive: string, entries?: readonly ManifestEntry[]) {
    return copy(readFileSync(archive), 20 * 512, entries);
  }

  async function copy(archive: Buffer, recordBytes: number, entries?: readonly ManifestEntry[]) {
    const reading = { name: 'p1', recordBytes, normaliser: compileRules(['machine-id']) };
    const read = async (copy?: Awaited<ReturnType<typeof openTarFile>>) =>
      readTreeEntries(readBytes(Readable.from([archive], { objectMode: true })), { ...reading, copy });
    const stated = await read();
    const file = newPath();
    const tar = await openTarFile(file, { entries: entries ?? stated });
    try {
      assert.deepEqual(await read(tar), stated);
      return { file, stated, ...(await tar.finish()) };
    } finally {
      await tar.close();
    }
  }

  async function written(entries: readonly Partial<TarEntry>[], fileSystem = 'p2'): Promise<string> {
    const file = newPath();
    const all = entries.map((entry) => ({ ...PLAIN, content: noContent, ...entry }));
    const room = all.map(({ sizeBytes }, index) => ({ kind: 'file', path: String(index), sizeBytes }) as ManifestEntry);
    const tar = await openTarFile(file, { entries: room });
    for (const [index, entry] of all.entries()) {
      await tar.entry(fileSystem, entry, { path: String(index) });
      await tar.content(Buffer.alloc(entry.sizeBytes, 'x'));
    }
    await tar.finish();
    await tar.close();
    return file;
  }

  it('hold all that is stated of them, whatever they are called; a rule changes nothing of them', async () => {
    const tree = makeTree(join(folder, 'tree'), 'forwards', 1_600_000_000);
    const { file, stated } = await rewritten(tree);
    const listed = pythonEntries(file);
    assert.equal(listed.size, stated.length);
    for (const entry of stated) {
      const found = listed.get(entry.path);
      if (entry.rule === undefined) assert.deepEqual(found, entry);
      else assert.equal(found?.sha256, sha256(readFileSync(join(tree, 'etc/machine-id'))));
    }
    assert.equal(stated.filter(({ rule }) => rule !== undefined).length, 1);
  });

  for (const program of ['tar', 'bsdtar'] as const) {
    it(`are read by ${program} as they are stated`, async () => {
      const { file, stated } = await rewritten(makeTree(join(folder, program), 'forwards', 1_600_000_000));
      const listed = listedBy(program, file);
      for (const entry of stated) if (entry.rule === undefined) assert.deepEqual(listed.get(entry.path), entry);
      assert.equal(listed.size, stated.length);
    });
  }

  it('have the same bytes, written in another order, with holes for zeros, in whole records', async () => {
    const [one, two] = [
      await rewritten(makeTree(join(folder, 'one'), 'forwards', 1_600_000_000)),
      await rewritten(makeTree(join(folder, 'two'), 'backwards', 1_600_000_000)),
    ];
    assert.deepEqual(readFileSync(one.file), readFileSync(two.file));
    assert.equal(one.sha256, two.sha256);
    assert.equal(`sha256:${run('sha256sum', [one.file]).slice(0, 64)}`, one.sha256);
    const { size, blocks } = statSync(one.file);
    assert.equal(size, one.sizeBytes);
    assert.equal(size % 10_240, 0);
    assert.ok(size > 3_000_000 && blocks * 512 < 1_000_000, `${size} bytes in ${blocks} blocks`);
  });

  it('unpack with tar into what dirHash1 is of', async () => {
    const { file, stated } = await rewritten(makeTree(join(folder, 'packed'), 'forwards', 1_600_000_000));
    const to = join(folder, 'unpacked');
    mkdirSync(to);
    run('tar', ['-xf', file, '-C', to, '--no-same-owner']);
    const script =
      'find p1 -type f ! -path p1/etc/machine-id -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum';
    const sum = execFileSync('sh', ['-c', script], { cwd: to, encoding: 'utf8' });
    assert.equal(`sha256:${sum.slice(0, 64)}`, dirHash1(stated));
  });

  it('keep devices, owners beyond the field, long names and links, attributes of any bytes, and ACLs', async () => {
    const long = Buffer.from(`./${'d'.repeat(90)}/${'n'.repeat(200)}\u00e9\n`);
    const attributes = new Map([
      ['user.odd=%name', Buffer.from([0, 0xff, 0x0a, 0x3d])],
      ['acl.access', Buffer.from('user::rw-\ngroup::r--\n')],
      ['security.capability', Buffer.from('0100000200200000000000000000000000000000', 'hex')],
    ]);
    const file = await written([
      { kind: 'directory', path: Buffer.from('./'), mode: 0o755 },
      { kind: 'character', path: Buffer.from('./tty'), device: [5, 1] },
      { kind: 'block', path: Buffer.from('./disk'), device: [259, 1_048_575] },
      { path: long, uid: 3_000_000_000, gid: 2_097_152, sizeBytes: 700, attributes },
      { kind: 'hardlink', path: Buffer.from('./again'), link: long },
      { kind: 'symlink', path: Buffer.from('./link'), link: Buffer.from([...Buffer.from('t'.repeat(150)), 0xff]) },
      { kind: 'directory', path: Buffer.from('./dir/'), mode: 0o1777 },
    ]);
    const listed = pythonEntries(file);
    const named = `p2:/${escapeName(long.subarray(2))}`;
    const netstrings = [...attributes]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([name, value]) => [Buffer.from(name), value])
      .flatMap((piece) => [Buffer.from(`${piece.length}:`), piece, Buffer.from(',')]);
    const found = listed.get(named);
    assert.deepEqual(
      [found?.uid, found?.gid, found?.sizeBytes, found?.sha256, found?.xattrs, found?.hardLinkOf],
      [3_000_000_000, 2_097_152, 700, sha256('x'.repeat(700)), sha256(Buffer.concat(netstrings)), 'p2:/again'],
    );
    assert.deepEqual(
      [listed.get('p2:/tty')?.device, listed.get('p2:/disk')?.device],
      [
        [5, 1],
        [259, 1_048_575],
      ],
    );
    assert.equal(listed.get('p2:/link')?.linkTarget, `${'t'.repeat(150)}\\xff`);
    assert.deepEqual([listed.get('p2:/dir')?.mode, listed.get('p2:/')?.mode], [0o1777, 0o755]);
    assert.equal(listed.get('p2:/again')?.sha256, found?.sha256);
    for (const program of ['tar', 'bsdtar'] as const) {
      const read = listedBy(program, file);
      for (const [name, { xattrs: _, ...entry }] of listed) assert.deepEqual(read.get(name), entry, program);
      assert.equal(read.size, listed.size);
    }
  });

  it('threat 35: unpack below the folder of their file system, and nowhere else', async () => {
    const file = await written([{ path: Buffer.from('./-rf') }, { path: Buffer.from('./etc') }], 'p1');
    assert.equal(run('tar', ['-tf', file]), 'p1/-rf\np1/etc\n');
  });

  it('have the attributes that the manifest names, and no others', async () => {
    const attributes = new Map([
      ['acl.access', Buffer.from('user::rw-\n')],
      ['user.large', Buffer.alloc(60_000, 'x')],
    ]);
    // The same as an ACL, or whatever else somebody writes there: no manifest names it.
    const sent = new Map([...attributes, ['system.posix_acl_access', Buffer.from('anything')]]);
    const directory = { kind: 'directory', path: Buffer.from('.'), mode: 0o755 } as const;
    const one = { path: Buffer.from('./one'), attributes: sent };
    const again = { kind: 'hardlink', path: Buffer.from('./two'), link: one.path } as const;
    const whole = [directory, one, { ...again, attributes: sent }];
    const { stated, file } = await copied(await written(whole, '.'));
    const listed = pythonEntries(file);
    for (const name of ['p1:/one', 'p1:/two']) assert.equal(listed.get(name)?.xattrs, stated[1]?.xattrs, name);
    assert.ok(!readFileSync(file).includes('system.posix_acl_access'));
    // With its second name they need not come again.
    await copied(await written([directory, one, again], '.'), stated);
    for (const others of [
      new Map(),
      new Map([...attributes, ['user.more', Buffer.alloc(1)]]),
      new Map([...attributes, ['user.large', Buffer.alloc(60_001, 'x')]]),
    ]) {
      const { stated: other } = await copied(await written([directory, { ...one, attributes: others }, again], '.'));
      const refused = { code: 'image/export-too-large', exitCode: 1, message: /p1:\/one$/, hint: /verify --measure/ };
      await assert.rejects(copied(await written(whole, '.'), other), refused);
    }
  });

  it('are no more than the manifest names, in number and in bytes', async () => {
    const tree = makeTree(join(folder, 'more'), 'forwards', 1_600_000_000);
    const { stated } = await rewritten(tree);
    const refused = { code: 'image/export-too-large', exitCode: 1 };
    await assert.rejects(rewritten(tree, stated.slice(1)), refused);
    const smaller = stated.map((entry) => ({ ...entry, sizeBytes: entry.path === 'p1:/sparse' ? 0 : entry.sizeBytes }));
    await assert.rejects(
      rewritten(
        tree,
        smaller.filter(({ rule }) => rule === undefined),
      ),
      refused,
    );
    await assert.rejects(
      rewritten(
        tree,
        stated.map((entry) => ({ ...entry, kind: 'fifo' as const, rule: 'x' })),
      ),
      refused,
    );
  });
});

async function* noContent(): AsyncGenerator<Buffer, void, undefined> {}
