import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../../src/crypto/digest.ts';
import { writeCpio } from '../../../src/workshop/image/cpio.ts';
import { buildMeasuringTools, type ToolPackage } from '../../../src/workshop/image/index.ts';
import { moduleName, moduleOrder, readModinfo } from '../../../src/workshop/image/kernel-modules.ts';
import { FILE_SYSTEM_MODULES, MEASURE_MODULES } from '../../../src/workshop/image/measure-init.ts';

/** A 64-bit ELF file with nothing but a section `.modinfo`. */
function module(modinfo: string): Buffer {
  const names = Buffer.from('\0.modinfo\0.shstrtab\0', 'latin1');
  const info = Buffer.from(modinfo, 'latin1');
  const elf = Buffer.alloc(64 + names.length + info.length + 3 * 64);
  const table = 64 + names.length + info.length;
  elf.writeUInt32BE(0x7f454c46, 0);
  elf.set([2, 1, 1], 4);
  elf.writeBigUInt64LE(BigInt(table), 0x28);
  elf.writeUInt16LE(64, 0x3a);
  elf.writeUInt16LE(3, 0x3c);
  elf.writeUInt16LE(2, 0x3e);
  names.copy(elf, 64);
  info.copy(elf, 64 + names.length);
  const section = (index: number, name: number, offset: number, size: number): void => {
    elf.writeUInt32LE(name, table + index * 64);
    elf.writeBigUInt64LE(BigInt(offset), table + index * 64 + 0x18);
    elf.writeBigUInt64LE(BigInt(size), table + index * 64 + 0x20);
  };
  section(1, 1, 64 + names.length, info.length);
  section(2, 10, 64, names.length);
  return elf;
}

function toolPackage(name: string, files: Readonly<Record<string, Buffer>>): ToolPackage {
  return {
    name,
    sha256: sha256(name),
    async *files(wanted) {
      for (const [path, data] of Object.entries(files)) if (wanted(path)) yield { path, data };
    },
  };
}

const bytes = (text: string): Buffer => Buffer.from(text);

function packages(): ToolPackage[] {
  const modules = Object.fromEntries(
    [...MEASURE_MODULES, ...Object.values(FILE_SYSTEM_MODULES).flat()].map((name) => [
      `lib/modules/6.1/kernel/${name.replaceAll('_', '-')}.ko`,
      module(`license=GPL\0depends=${name === 'ext4' ? 'mbcache' : ''}\0`),
    ]),
  );
  return [
    toolPackage('kernel', {
      'boot/vmlinuz-6.1': bytes('kernel'),
      ...modules,
      'lib/modules/6.1/kernel/fs/mbcache.ko': module('depends=\0'),
    }),
    toolPackage('busybox', { 'bin/busybox': bytes('busybox'), 'usr/share/doc/busybox': bytes('not wanted') }),
    toolPackage('tar', { 'usr/bin/tar': bytes('tar') }),
    toolPackage('dmsetup', { 'sbin/dmsetup': bytes('dmsetup') }),
    toolPackage('libraries', {
      'lib/x86_64-linux-gnu/libc.so.6': bytes('libc'),
      'lib/x86_64-linux-gnu/libm.so.6': bytes('libm'),
      'lib/x86_64-linux-gnu/libdevmapper.so.1.02.1': bytes('libdevmapper'),
      'usr/lib/x86_64-linux-gnu/libudev.so.1.7.5': bytes('libudev'),
      'lib/x86_64-linux-gnu/ld-linux-x86-64.so.2': bytes('ld'),
      'usr/lib/x86_64-linux-gnu/libacl.so.1.1.2301': bytes('libacl'),
      'usr/lib/x86_64-linux-gnu/libpcre2-8.so.0.11.2': bytes('libpcre2'),
      'lib/x86_64-linux-gnu/libselinux.so.1': bytes('libselinux'),
    }),
  ];
}

describe('the measuring initramfs', () => {
  let cacheDir: string;
  beforeEach(async () => {
    cacheDir = await mkdtemp(join(tmpdir(), 'pg-initramfs-'));
  });
  afterEach(() => rm(cacheDir, { recursive: true, force: true }));

  it('is the same for the same packages, in whatever order, and another for others', async () => {
    const first = await buildMeasuringTools({ packages: packages(), cacheDir: join(cacheDir, 'a') });
    const second = await buildMeasuringTools({ packages: packages().toReversed(), cacheDir: join(cacheDir, 'b') });
    assert.equal(first.initrd, second.initrd);
    assert.equal(first.kernel, sha256('kernel'));
    assert.equal(first.initrd, sha256(await readFile(first.initrdPath)));
    const [kernel, , ...others] = packages();
    assert.ok(kernel);
    const other = [kernel, toolPackage('busybox 2', { 'bin/busybox': bytes('newer') }), ...others];
    const third = await buildMeasuringTools({ packages: other, cacheDir: join(cacheDir, 'a') });
    assert.notEqual(third.initrd, first.initrd);
  });

  it('is made once, and again where the cache was damaged', async () => {
    const first = await buildMeasuringTools({ packages: packages(), cacheDir });
    const unread = packages().map((each): ToolPackage => ({
      ...each,
      files: () => {
        throw new Error('unpacked again');
      },
    }));
    assert.deepEqual(await buildMeasuringTools({ packages: unread, cacheDir }), first);
    await writeFile(first.initrdPath, 'damaged');
    await assert.rejects(buildMeasuringTools({ packages: unread, cacheDir }), /unpacked again/);
    assert.deepEqual(await buildMeasuringTools({ packages: packages(), cacheDir }), first);
    assert.equal(sha256(await readFile(first.initrdPath)), first.initrd);
    assert.equal((await readdir(cacheDir)).length, 3);
  });

  it('says what the packages lack', async () => {
    for (const [index, message] of [
      /kernel/,
      /busybox/,
      /tar/,
      /dmsetup/,
      /libc\.so\.6.*libdevmapper.*ld-linux/,
    ].entries()) {
      const some = packages().filter((_, at) => at !== index);
      await assert.rejects(buildMeasuringTools({ packages: some, cacheDir }), {
        code: 'image/tools-incomplete',
        exitCode: 5,
        message,
      });
    }
    const two = [...packages(), toolPackage('kernel 2', { 'boot/vmlinuz-6.2': bytes('kernel') })];
    await assert.rejects(buildMeasuringTools({ packages: two, cacheDir }), {
      code: 'image/tools-incomplete',
      message: /one kernel/,
    });
  });

  it('loads what a module needs before it', () => {
    const needs: Readonly<Record<string, readonly string[]>> = {
      ext4: ['jbd2', 'mbcache'],
      jbd2: ['crc'],
      crc: [],
      mbcache: ['crc'],
    };
    assert.deepEqual(
      moduleOrder(['ext4', 'crc'], (name) => needs[name]),
      ['crc', 'jbd2', 'mbcache', 'ext4'],
    );
    assert.throws(() => moduleOrder(['xfs'], (name) => needs[name]), { code: 'image/module-missing', message: /xfs/ });
    assert.throws(() => moduleOrder(['a'], () => ['a']), { code: 'image/module-missing' });
  });

  it('reads needs out of modules, and takes nothing else for one', () => {
    assert.equal(readModinfo(module('license=GPL\0depends=a,b\0')).get('depends'), 'a,b');
    assert.equal(moduleName('kernel/crypto/crc32c-intel.ko'), 'crc32c_intel');
    assert.throws(() => readModinfo(Buffer.alloc(100)), { code: 'image/bad-module' });
    assert.throws(() => readModinfo(Buffer.from('\ufd37zXZ')), { code: 'image/bad-module' });
  });

  it('is a cpio archive of the kernel’s form', () => {
    const archive = writeCpio([
      { path: 'bin', kind: 'directory' },
      { path: 'bin/sh', kind: 'symlink', target: 'busybox', mode: 0o777 },
      { path: 'a', kind: 'file', data: bytes('xyz') },
    ]);
    assert.equal(archive.length % 512, 0);
    // newc: magic, inode, mode 0100644, uid, gid, one link, time 0, three bytes.
    const at = archive.indexOf('0707010000000300008 1a4'.replace(' ', ''));
    assert.ok(at >= 0 && at % 4 === 0);
    assert.equal(archive.toString('latin1', at + 22, at + 62), '0000000000000000000000010000000000000003');
    assert.ok(archive.includes('TRAILER!!!\0'));
  });
});
