import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { readBytes } from '../../../src/workshop/image/byte-reader.ts';
import { compileRules } from '../../../src/workshop/image/normalise.ts';
import { readSockets, readTreeEntries, type TreeEntry } from '../../../src/workshop/image/tree-entries.ts';
import { makeTree, walk } from './tree.fixture.ts';
import { unescapeName } from '../../../src/workshop/image/index.ts';

const RECORD = 64 * 512;

/** Pieces of odd sizes, as a stream may come. */
function stream(bytes: Buffer, pieceBytes: number): Readable {
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, index) =>
    bytes.subarray(index * pieceBytes, (index + 1) * pieceBytes),
  );
  return Readable.from(pieces, { objectMode: true });
}

function read(bytes: Buffer, pieceBytes = 1000): Promise<readonly TreeEntry[]> {
  const options = { name: 'p1', recordBytes: RECORD, normaliser: compileRules([]) };
  return readTreeEntries(readBytes(stream(bytes, pieceBytes)), options);
}

describe('the archive of a file system', () => {
  let folder: string;
  let archive: Buffer;
  let tree: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'pg-tar-'));
    tree = makeTree(join(folder, 'tree'), 'forwards', 1_600_000_000);
    const options = ['-c', '-f', '-', '-b', '64', '--format=pax', '--sort=name', '--numeric-owner', '--mtime=@0'];
    archive = execFileSync('tar', [...options, '-C', tree, '.'], { maxBuffer: 2 ** 28 });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('reads as the tree that GNU tar read, however the stream is cut', async () => {
    const expected = walk(tree);
    for (const pieceBytes of [511, 4096, 1_000_000]) {
      const entries = await read(archive, pieceBytes);
      assert.equal(entries.length, expected.size);
      for (const { path, mode, sizeBytes, sha256 } of entries) {
        const found = expected.get(unescapeName(path.slice('p1:'.length))?.toString('latin1') ?? '');
        assert.deepEqual(
          { mode, sizeBytes, sha256 },
          { mode: found?.mode, sizeBytes: found?.sizeBytes, sha256: found?.sha256 },
          path,
        );
      }
    }
  });

  it('names the smallest path of an inode first, which is not the first in the archive', async () => {
    const entries = await read(archive);
    const at = (path: string): TreeEntry | undefined => entries.find((entry) => entry.path === path);
    const order = entries.map(({ path }) => path);
    assert.ok(order.indexOf('p1:/dir/a.c') < order.indexOf('p1:/dir.c'), 'the case is none');
    assert.equal(at('p1:/dir/a.c')?.hardLinkOf, 'p1:/dir.c');
    assert.equal(at('p1:/dir.c')?.hardLinkOf, undefined);
  });

  const header = (name: string, type: string, sizeBytes = 0): Buffer => {
    const block = Buffer.alloc(512);
    block.write(name, 0, 'latin1');
    block.write('0000644\0', 100, 'latin1');
    block.write(sizeBytes.toString(8).padStart(11, '0'), 124, 'latin1');
    block.write('        ', 148, 'latin1');
    block.write(type, 156, 'latin1');
    block.write('ustar\u000000', 257, 'latin1');
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    return block;
  };
  const archiveOf = (...blocks: readonly Buffer[]): Buffer => {
    const content = Buffer.concat(blocks);
    return Buffer.concat([content, Buffer.alloc(RECORD - (content.length % RECORD))]);
  };
  const block = (text: string): Buffer => Buffer.concat([Buffer.from(text, 'latin1')], 512);

  it('of one empty file is read', async () => {
    const [entry, second] = await read(archiveOf(header('./a', '0')));
    assert.equal(entry?.path, 'p1:/a');
    assert.equal(second, undefined);
  });

  it('of folders is read, the one that all lie in too', async () => {
    for (const root of ['.', './']) {
      const entries = await read(archiveOf(header(root, '5'), header('./a/', '5'), header('./a/.b', '0')));
      assert.deepEqual(
        entries.map(({ path }) => path),
        ['p1:/', 'p1:/a', 'p1:/a/.b'],
      );
    }
  });

  const HOSTILE: Readonly<Record<string, readonly [string, () => Buffer]>> = {
    'a path that leaves the file system': ['image/bad-answer', () => archiveOf(header('./../etc/passwd', '0'))],
    'an absolute path': ['image/bad-answer', () => archiveOf(header('/etc/passwd', '0'))],
    'a path that does not begin in the file system': [
      'image/bad-answer',
      () => archiveOf(header('.5/', '5'), header('.5/passwd', '0')),
    ],
    'a path with a zero byte': [
      'image/bad-answer',
      () => archiveOf(header('x', 'x', 15), block('15 path=./a\0bc\n'), header('./a', '0')),
    ],
    'a link to a path with a zero byte': [
      'image/bad-answer',
      () => archiveOf(header('x', 'x', 17), block('17 linkpath=a\0bc\n'), header('./a', '2')),
    ],
    'a file below a symbolic link': [
      'image/bad-answer',
      () => archiveOf(header('x', 'x', 17), block('17 linkpath=/etc\n'), header('./a', '2'), header('./a/passwd', '0')),
    ],
    'a file below nothing': ['image/bad-answer', () => archiveOf(header('./a/b', '0'))],
    'one path twice': ['image/bad-answer', () => archiveOf(header('./a', '0'), header('./a', '0'))],
    'a hard link to nothing': ['image/bad-answer', () => archiveOf(header('./a', '1'))],
    'a header with a wrong checksum': [
      'image/bad-archive',
      () => {
        const wrong = header('./a', '0');
        wrong[0] = 0x2f;
        return archiveOf(wrong);
      },
    ],
    'a type that GNU tar does not write': ['image/bad-archive', () => archiveOf(header('./a', 'Z'))],
    'an extended header without end': [
      'image/bad-archive',
      () => archiveOf(header('x', 'x', 512), block('99999 path=./a\n')),
    ],
    'an extended header with a number out of range': [
      'image/bad-archive',
      () => archiveOf(header('x', 'x', 25), block('25 size=9999999999999999\n'), header('./a', '0')),
    ],
    'an extended header above its limit': ['image/bad-archive', () => archiveOf(header('x', 'x', 4 * 1024 * 1024 + 1))],
    'one block of zeros in the middle': ['image/bad-archive', () => archiveOf(Buffer.alloc(512), header('./a', '0'))],
    'an end in the middle of a file': ['image/measure-ended', () => header('./a', '0', 100)],
    'nothing at all': ['image/measure-ended', () => Buffer.alloc(0)],
  };
  for (const [what, [code, bytes]] of Object.entries(HOSTILE)) {
    it(`is not believed with ${what}`, async () => {
      await assert.rejects(read(bytes()), { code });
    });
  }
});

describe('the list of sockets', () => {
  const read = (text: string): Promise<readonly TreeEntry[]> =>
    readSockets(readBytes(stream(Buffer.from(text, 'latin1'), 7)), 'p1');

  it('is read to its empty end', async () => {
    const entries = await read(['755 0 33\n./run/a\nb', '600 1 2\n./c', '', ''].join('\0'));
    assert.deepEqual(
      entries.map(({ path, mode, gid }) => [path, mode, gid]),
      [
        ['p1:/run/a\\x0ab', 0o755, 33],
        ['p1:/c', 0o600, 2],
      ],
    );
  });

  it('is not believed with odd records or paths, or without end', async () => {
    await assert.rejects(read('nonsense\0\0'), { code: 'image/bad-answer' });
    await assert.rejects(read('755 0 0\n./../x\0\0'), { code: 'image/bad-answer' });
    await assert.rejects(read(`755 0 0\n./${'x'.repeat(5000)}\0\0`), { code: 'image/bad-answer' });
    await assert.rejects(read('755 0 0\n./x'), { code: 'image/measure-ended' });
  });
});
