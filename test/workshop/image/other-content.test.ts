import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { recogniseFileSystem } from '../../../src/workshop/image/file-system-head.ts';
import { HEAD_BYTES } from '../../../src/workshop/image/limits.ts';
import { recogniseOther, TAIL_BYTES } from '../../../src/workshop/image/other-content.ts';
import { needPrograms } from '../../support/skip.ts';
import { emptyDisk, readBytes, run } from './disks.fixture.ts';

const MIB = 1024 * 1024;
const SIZE = 32 * MIB;
const MD_MAGIC = 0xa92b4efc;

type Found = readonly (readonly [number, number, string | undefined])[] | undefined;

function found(head: Buffer, tail: Buffer, sizeBytes: number): Found {
  return recogniseOther(head, tail, sizeBytes)?.map((part) => [part.offset, part.sizeBytes, part.holds]);
}

describe('what a partition holds that is no file system', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'pg-other-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const make = (name: string, sizeBytes = SIZE): string => emptyDisk(path.join(folder, name), sizeBytes);
  const inFile = (file: string): Found => {
    const { size } = statSync(file);
    return found(readBytes(file, 0, HEAD_BYTES), readBytes(file, size - TAIL_BYTES, TAIL_BYTES), size);
  };

  for (const version of [1, 2]) {
    it(`is the header of LUKS${version}, and what is encrypted, where cryptsetup says that it begins`, function () {
      needPrograms(this, 'cryptsetup');
      const file = make(`luks${version}`);
      const fast = version === 1 ? [] : ['--pbkdf', 'pbkdf2'];
      run(
        'cryptsetup',
        ['-q', 'luksFormat', '--type', `luks${version}`, ...fast, '--pbkdf-force-iterations', '1000', file, '-'],
        'x',
      );
      const dump = run('cryptsetup', ['luksDump', file]);
      const start =
        version === 1
          ? Number(/Payload offset:\s*(\d+)/.exec(dump)?.[1]) * 512
          : Number(/offset: (\d+) \[bytes\]/.exec(dump)?.[1]);
      assert.ok(start > 0 && start < SIZE);
      assert.deepEqual(inFile(file), [
        [0, start, `luks${version}-header`],
        [start, SIZE - start, `luks${version}-data`],
      ]);
    });
  }

  it('is one piece where the header of LUKS does not say where its data begin, or says what cannot be', function () {
    needPrograms(this, 'cryptsetup');
    const file = make('luks');
    run('cryptsetup', ['-q', 'luksFormat', '--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', file, '-'], 'x');
    const good = readBytes(file, 0, HEAD_BYTES);
    const changes: readonly ((head: Buffer) => void)[] = [
      (head) => head.writeBigUInt64BE(2n ** 60n, 8),
      (head) => head.writeBigUInt64BE(0n, 8),
      (head) => head.fill(0x7b, 4096),
      (head) =>
        head.write(head.toString('latin1', 4096).replace('"offset":"16777216"', '"offset":"99999999"'), 4096, 'latin1'),
    ];
    for (const change of changes) {
      const head = Buffer.from(good);
      change(head);
      assert.deepEqual(found(head, Buffer.alloc(TAIL_BYTES), SIZE), [[0, SIZE, 'luks2-header']]);
    }
  });

  // Linux drivers/md/md.c, super_90_load and super_1_load: where each version has its superblock.
  const odd = SIZE - 512 * 3;
  const MD: Readonly<Record<string, readonly [number, number]>> = {
    '1.1, at the beginning': [0, 1],
    '1.2, 4 KiB from it': [4096, 1],
    '1.0, at least 8 KiB before the end, at a multiple of 4 KiB': [SIZE - 12 * 1024, 1],
    '0.90, the last 64 KiB but one': [SIZE - 128 * 1024, 0],
  };
  for (const [what, [offset, major]] of Object.entries(MD)) {
    it(`is a member of a RAID, version ${what}`, () => {
      const bytes = Buffer.alloc(odd);
      bytes.writeUInt32LE(MD_MAGIC, offset);
      bytes.writeUInt32LE(major, offset + 4);
      const look = (): Found => found(bytes.subarray(0, HEAD_BYTES), bytes.subarray(odd - TAIL_BYTES), odd);
      assert.deepEqual(look(), [[0, odd, 'md-member']]);
      bytes.writeUInt32LE(7, offset + 4);
      assert.equal(look(), undefined);
    });
  }

  it('is one of the devices of a btrfs: none of them alone holds the files', function () {
    needPrograms(this, 'mkfs.btrfs');
    const files = ['one', 'two'].map((name) => make(name, 128 * MIB));
    run('mkfs.btrfs', ['-q', '-d', 'raid1', '-m', 'raid1', ...files]);
    for (const file of files) {
      const size = 128 * MIB;
      assert.equal(recogniseFileSystem(readBytes(file, 0, HEAD_BYTES), { name: 'p1', sizeBytes: size }), undefined);
      assert.deepEqual(inFile(file), [[0, size, 'btrfs-member']]);
    }
  });

  it('is room for what does not fit into memory', function () {
    needPrograms(this, 'mkswap');
    const file = make('swap');
    run('chmod', ['600', file]);
    run('mkswap', ['-q', file]);
    assert.deepEqual(inFile(file), [[0, SIZE, 'swap']]);
  });

  it('is not known where there is nothing to tell it by, however short it is', () => {
    const noise = execFileSync('head', ['-c', String(HEAD_BYTES), process.execPath], { maxBuffer: MIB });
    assert.equal(found(noise, noise, noise.length), undefined);
    const luks = Buffer.concat([Buffer.from('LUKS\u00ba\u00be\u0000\u0002', 'latin1')]);
    for (const length of [0, 1, 8, 511, 4095]) {
      const short = Buffer.alloc(length);
      luks.copy(short);
      assert.equal(found(short, short, length), undefined);
    }
  });
});
