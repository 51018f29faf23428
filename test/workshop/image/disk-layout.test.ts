import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { withoutDiskIds } from '../../../src/workshop/image/disk-id.ts';
import { type Partition, type PartitionContent, planRegions } from '../../../src/workshop/image/disk-layout.ts';
import { recogniseFileSystem } from '../../../src/workshop/image/file-system-head.ts';

const SECTOR = 512;

/** An ext superblock: 8192 blocks of 1 KiB, unmounted cleanly. */
function extHead(change: (superblock: Buffer) => void = () => {}): Buffer {
  const head = Buffer.alloc(4096);
  const superblock = head.subarray(1024);
  superblock.writeUInt32LE(8192, 0x4);
  superblock.writeUInt16LE(0xef53, 0x38);
  superblock.writeUInt16LE(1, 0x3a);
  change(superblock);
  return head;
}

const place = { name: 'p1', sizeBytes: 16 * 1024 * 1024 };

describe('a file system is recognised', () => {
  it('by its superblock, without its boot sector and what lies behind its end', () => {
    const head = recogniseFileSystem(extHead(), place);
    assert.deepEqual(head, { type: 'ext4', mountOptions: 'ro,noload', bootBytes: 1024, endBytes: 8192 * 1024 });
  });

  it('with 64-bit block numbers', () => {
    const head = recogniseFileSystem(
      extHead((superblock) => {
        superblock.writeUInt32LE(0x80, 0x60);
        superblock.writeUInt32LE(1, 0x150);
      }),
      { name: 'p1', sizeBytes: 2 ** 43 },
    );
    assert.equal(head?.endBytes, (2 ** 32 + 8192) * 1024);
  });

  it('never where there is only noise', () => {
    assert.equal(recogniseFileSystem(Buffer.alloc(4096, 0x5a), place), undefined);
    assert.equal(recogniseFileSystem(Buffer.alloc(100), place), undefined);
  });

  const DIRTY: Readonly<Record<string, (superblock: Buffer) => void>> = {
    'a journal that was not written back': (superblock) => superblock.writeUInt32LE(0x4, 0x60),
    'no clean unmount': (superblock) => superblock.writeUInt16LE(0, 0x3a),
    'files that were being deleted': (superblock) => superblock.writeUInt32LE(12, 0xe8),
    'a file of orphans in use': (superblock) => superblock.writeUInt32LE(0x10000, 0x64),
  };
  for (const [what, change] of Object.entries(DIRTY)) {
    it(`and refused with ${what}`, () => {
      assert.throws(() => recogniseFileSystem(extHead(change), place), {
        code: 'image/dirty-file-system',
        exitCode: 3,
      });
    });
  }

  it('and refused when it claims more than its partition', () => {
    assert.throws(() => recogniseFileSystem(extHead(), { name: 'p1', sizeBytes: 8192 * 1024 - 1 }), {
      code: 'image/bad-file-system',
      exitCode: 3,
    });
  });
});

const ext = (endBytes: number): PartitionContent => ({
  kind: 'tree',
  head: { type: 'ext4', mountOptions: 'ro', bootBytes: 1024, endBytes },
});

describe('a disk is divided', () => {
  it('so that every byte belongs to exactly one part, whatever its partitions', () => {
    const sector = fc.integer({ min: 1, max: 2000 });
    const partitions = fc.array(fc.record({ gap: fc.nat(50), size: sector, used: fc.nat(100), files: fc.boolean() }), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(partitions, fc.nat(60), (wanted, tail) => {
        const heads = new Map<number, PartitionContent>();
        let at = 1;
        const list = wanted.map(({ gap, size, used, files }, index): Partition => {
          const offset = (at + gap) * SECTOR;
          const sizeBytes = (size + 2) * SECTOR;
          at += gap + size + 2;
          const endBytes = Math.max(1024, Math.floor((sizeBytes * used) / 100));
          if (files) heads.set(index + 1, ext(endBytes));
          return { number: index + 1, offset, sizeBytes };
        });
        const sizeBytes = (at + tail) * SECTOR;
        let end = 0;
        for (const region of planRegions({ sizeBytes, partitions: list }, heads, Buffer.alloc(4096))) {
          assert.equal(region.offset, end);
          end += region.sizeBytes;
        }
        assert.equal(end, sizeBytes);
      }),
    );
  });

  it('and refused where file systems overlap or reach beyond the end', () => {
    const heads = new Map([
      [1, ext(8192)],
      [2, ext(8192)],
    ]);
    const overlapping = [
      { number: 1, offset: 512, sizeBytes: 8192 },
      { number: 2, offset: 4096, sizeBytes: 8192 },
    ];
    const odd = { code: 'image/odd-layout', exitCode: 3 };
    assert.throws(() => planRegions({ sizeBytes: 65536, partitions: overlapping }, heads, Buffer.alloc(4096)), odd);
    const beyond = [{ number: 1, offset: 512, sizeBytes: 65536 }];
    assert.throws(() => planRegions({ sizeBytes: 65536, partitions: beyond }, new Map(), Buffer.alloc(4096)), odd);
    const many = Array.from({ length: 129 }, (_, index) => ({ number: index + 1, offset: 512, sizeBytes: 0 }));
    assert.throws(() => planRegions({ sizeBytes: 65536, partitions: many }, new Map(), Buffer.alloc(4096)), odd);
  });
});

describe('disk ids', () => {
  it('of a partition table are the only bytes that do not count', () => {
    const counts = (role: Parameters<typeof withoutDiskIds>[0], bytes: Buffer): number[] => {
      const changed = Buffer.from(bytes.map((byte) => byte ^ 0xff));
      if (role === 'gpt-header') changed.write('EFI PART', 'latin1');
      const kept = withoutDiskIds(role, changed);
      return [...kept.keys()].filter((index) => kept[index] !== changed[index]);
    };
    const range = (from: number, length: number): number[] => Array.from({ length }, (_, index) => from + index);
    assert.deepEqual(counts('mbr', Buffer.alloc(512)), range(440, 4));
    assert.deepEqual(counts('gpt-header', Buffer.alloc(512)), [...range(16, 4), ...range(56, 16), ...range(88, 4)]);
    assert.deepEqual(counts('gpt-table', Buffer.alloc(256)), [...range(16, 16), ...range(144, 16)]);
  });

  it('of a FAT count where there is no extended boot signature', () => {
    const boot = Buffer.alloc(512, 0x11);
    boot.writeUInt16LE(512, 11);
    assert.deepEqual(withoutDiskIds('fat-boot', boot), boot);
    boot[38] = 0x29;
    assert.deepEqual([...withoutDiskIds('fat-boot', boot).subarray(38, 44)], [0x29, 0, 0, 0, 0, 0x11]);
  });
});
