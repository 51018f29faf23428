/** Fonts learned from kernels, VGA BIOSes and guest memory, and kept for screenshots that are read later. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Frame, Machine } from '../../../src/workshop/machine/types.ts';
import { CP437 } from '../../../src/workshop/screen/cp437.ts';
import { fontInFile } from '../../../src/workshop/screen/font-file.ts';
import { createFontLearner } from '../../../src/workshop/screen/font-learner.ts';
import { keepFont, keptFonts } from '../../../src/workshop/screen/font-store.ts';
import { kernelFont } from '../../../src/workshop/screen/kernel-font.ts';
import { KERNEL_FONT_PIECE_BYTES, KERNEL_FONT_TRIES } from '../../../src/workshop/screen/limits.ts';
import { skip } from '../../support/skip.ts';
import { seeded } from '../../support/random.ts';

const LETTER_A = Buffer.from('000010386cc6c6fec6c6c6c600000000', 'hex');

/** A made-up font in which A looks as it does everywhere. */
function fontBytes(): Buffer {
  const random = seeded(8);
  const bytes = Buffer.from(Array.from({ length: 4096 }, () => 1 + Math.floor(random() * 250)));
  bytes.fill(0, 0, 16);
  bytes.fill(0, 0x20 * 16, 0x21 * 16);
  bytes.fill(0xff, 0xdb * 16, 0xdc * 16);
  LETTER_A.copy(bytes, 0x41 * 16);
  return bytes;
}

/** Something that holds the font somewhere, behind an A that belongs to none. */
function kernel(): Buffer {
  return Buffer.concat([Buffer.alloc(5000, 7), LETTER_A, Buffer.alloc(4321, 9), fontBytes(), Buffer.alloc(999, 3)]);
}

function vmlinuz(packed: Buffer): Buffer {
  const file = Buffer.alloc(3 * 512 + 64 + packed.length + 4);
  file.write('HdrS', 0x202, 'latin1');
  file[0x1f1] = 2;
  file.writeUInt32LE(64, 0x248);
  file.writeUInt32LE(packed.length + 4, 0x24c);
  packed.copy(file, 3 * 512 + 64);
  return file;
}

describe('a kernel’s font', () => {
  it('is found by its letter A, where the rest is a font too', () => {
    const font = kernelFont(kernel());
    assert.deepEqual([font?.height, font?.glyphs.length], [16, 256]);
    assert.deepEqual(font?.glyphs[0x41], { codePoint: 0x41, width: 8, rows: [...LETTER_A] });
    assert.equal(font.glyphs[0xc4]?.codePoint, CP437.charCodeAt(0xc4));
    assert.equal(kernelFont(Buffer.concat([Buffer.alloc(5000, 7), LETTER_A, Buffer.alloc(4321, 9)])), null);
    assert.equal(kernelFont(kernel().subarray(0, -1500)), null);
  });

  it('is read from a vmlinuz, and from Debian’s VGA BIOS', async function () {
    const font = await fontInFile(vmlinuz(gzipSync(kernel())), 'vmlinuz');
    assert.deepEqual([font.name, font.glyphs.length], ['vmlinuz', 256]);
    await assert.rejects(fontInFile(vmlinuz(Buffer.from('unknown packing')), 'vmlinuz'), {
      code: 'screen/no-font-in-file',
    });
    // iPXE, memtest86+: Linux's boot protocol, of a version before the fields for a payload.
    const older = vmlinuz(Buffer.from('code'));
    older.writeUInt32LE(0xffff_ffff, 0x248);
    await assert.rejects(fontInFile(older, 'ipxe'), { code: 'screen/no-font-in-file' });
    await assert.rejects(fontInFile(Buffer.from('a letter'), 'letter.txt'), {
      code: 'screen/no-font-in-file',
      message: /letter\.txt/,
    });
    const bios = '/usr/share/seabios/vgabios-stdvga.bin';
    if (!existsSync(bios)) skip(this, `${bios} missing (Debian: seabios)`);
    const { glyphs } = await fontInFile(await readFile(bios), 'vgabios');
    assert.deepEqual(
      glyphs[0x2d]?.rows.filter((row) => row !== 0),
      [0xfe],
    );
  });

  it('is learned from the memory of a guest, across pieces, a few times at most, and not in a text mode', async () => {
    const memory = Buffer.alloc(2 * KERNEL_FONT_PIECE_BYTES);
    const reads: number[] = [];
    const machine = {
      memoryBytes: memory.length,
      readMemory: (address: number, size: number) => {
        assert.ok(address + size <= memory.length, 'there is no such memory');
        reads.push(address);
        const piece = Buffer.alloc(size);
        memory.copy(piece, 0, Math.min(memory.length, address), Math.min(memory.length, address + size));
        return Promise.resolve(piece);
      },
      vgaMemoryAddress: () => Promise.resolve(null),
    } as unknown as Machine;
    const frame = { width: 1280, height: 800 } as Frame;
    const learn = createFontLearner();
    assert.equal(await learn(machine, frame), null);
    // Half in one piece and half in the next.
    fontBytes().copy(memory, 2 ** 20 + KERNEL_FONT_PIECE_BYTES - 2000);
    assert.equal((await learn(machine, frame))?.name, 'kernel-font');
    const before = reads.length;
    assert.equal(KERNEL_FONT_TRIES, 2);
    assert.equal(await learn(machine, frame), null);
    assert.equal(await createFontLearner()(machine, { width: 720, height: 400 } as Frame), null);
    assert.equal(reads.length, before);
  });

  it('is taken from the kernel that is booted, where that can be unpacked, and told to whoever keeps it', async () => {
    const kept: string[] = [];
    const learn = createFontLearner({
      kernel: () => Promise.resolve(kernel()),
      keep: (font) => Promise.resolve(void kept.push(font.name)),
    });
    const machine = { readMemory: () => Promise.reject(new Error('not asked')) } as unknown as Machine;
    assert.equal((await learn(machine, { width: 1024, height: 768 } as Frame))?.glyphs.length, 256);
    assert.deepEqual(kept, ['kernel-font']);
  });
});

describe('kept fonts', () => {
  it('are there again, each once; what is none is passed over', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'pg-fonts-'));
    try {
      assert.deepEqual(await keptFonts(path.join(folder, 'none yet')), []);
      const font = kernelFont(kernel())!;
      await keepFont(folder, font);
      await keepFont(folder, font);
      assert.equal((await readdir(folder)).length, 1);
      await writeFile(
        path.join(folder, 'a.json'),
        '{"name": "a", "height": 16, "glyphs": [{"codePoint": 65, "width": 9}]}',
      );
      await writeFile(path.join(folder, 'b.json'), '{"name": "b"');
      assert.deepEqual(await keptFonts(folder), [font]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
