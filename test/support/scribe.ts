/**
 * The scribe: the smallest guest that a recipe can make an image with, in a second. It boots from a CD, and writes to its
 * disk what the keys say: `f` a FAT file system with two files, `t` the time of day into one of them, `b` the time of day
 * into the boot sector, `h` and `d` the same with the hour alone, `o` powers off.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { digestHex, sha256 } from '../../src/crypto/digest.ts';
import { run } from '../workshop/image/disks.fixture.ts';
import { needBuilds } from './grub.ts';
import { needPrograms } from './skip.ts';

/** Sectors of the file system that are not zeros; the program's own sector comes before them. */
const WRITTEN = 32;
const SECTOR = 512;
const DISK_BYTES = 1024 * 1024;
const UNSTAMPED = 'stamped at --:--:--\n';

const SOURCE = String.raw`
        .code16
        .global _start
        .set    IMAGE, 0x7e00
        .set    BUFFER, 0x0600
_start: ljmp    $0, $begin
begin:  xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        movw    $0x0003, %ax            # int 10h: text mode, and a clean screen
        int     $0x10
        movw    $ready, %si
        call    print
again:  xorw    %ax, %ax                # int 16h: wait for a key
        int     $0x16
        cmpb    $'f', %al
        je      format
        movb    $1, exact
        cmpb    $'t', %al
        je      stamp
        cmpb    $'b', %al
        je      boot
        movb    $0, exact
        cmpb    $'h', %al
        je      stamp
        cmpb    $'d', %al
        je      boot
        cmpb    $'o', %al
        jne     again
off:    movw    $0x604, %dx             # PIIX4 power management: S5
        movw    $0x2000, %ax
        outw    %ax, %dx
        hlt
        jmp     off

format: movw    $${WRITTEN}, %bp
        movw    $IMAGE, buffer
        movw    $0, lba
1:      call    write
        addw    $${SECTOR}, buffer
        incw    lba
        decw    %bp
        jnz     1b
        movw    $formatted, %si
        call    print
        jmp     again

stamp:  movw    place, %ax              # the file's sector, and the time behind "stamped at "
        movw    $11, %di
        movw    $stamped, %si
        jmp     timed
boot:   xorw    %ax, %ax                # the boot sector, and the time in what would be its program
        movw    $300, %di
        movw    $booted, %si
timed:  pushw   %si
        movw    %ax, lba
        movw    $BUFFER, buffer
        addw    $BUFFER, %di
        movw    $0x4200, %ax            # int 13h: read
        call    disk
        movb    $0x02, %ah              # int 1Ah: the clock, in BCD
        int     $0x1a
        cmpb    $0, exact
        jne     1f
        xorb    %cl, %cl                # the hour alone
        xorb    %dh, %dh
1:      movb    %ch, %al
        call    digits
        movb    $':', %al
        stosb
        movb    %cl, %al
        call    digits
        movb    $':', %al
        stosb
        movb    %dh, %al
        call    digits
        call    write
        popw    %si
        call    print
        jmp     again

digits: movb    %al, %ah
        shrb    $4, %al
        addb    $'0', %al
        stosb
        movb    %ah, %al
        andb    $15, %al
        addb    $'0', %al
        stosb
        ret
write:  movw    $0x4300, %ax            # int 13h: write
disk:   movw    $packet, %si
        movb    $0x80, %dl
        int     $0x13
        jc      failed
        ret
failed: movw    $broken, %si
        call    print
        jmp     again
print:  lodsb
        testb   %al, %al
        jz      1f
        movb    $0x0e, %ah
        movw    $7, %bx
        int     $0x10
        jmp     print
1:      ret

ready:  .asciz  "scribe is ready\r\n"
formatted: .asciz "files are written\r\n"
stamped: .asciz "time is written\r\n"
booted: .asciz  "boot sector is written\r\n"
broken: .asciz  "the disk failed\r\n"
exact:  .byte   0
        .balign 4
packet: .byte   16, 0
        .word   1
buffer: .word   IMAGE, 0
lba:    .word   0, 0, 0, 0
        .org    510
place:  .word   0
`;

/** Skips where none can be made and built. */
export async function needScribe(context: Mocha.Context): Promise<void> {
  needPrograms(context, 'as', 'ld', 'mkfs.fat', 'mcopy');
  await needBuilds(context);
}

export interface ScribeRecipe {
  readonly name: string;
  /** Reproducible: the guest's clock begins at a fixed time, and only the hour is written. */
  readonly reproducible: boolean;
  /** Its normaliser rules, in YAML; absent: none. */
  readonly normalise?: string;
}

/** Recipe and medium, in `folder`. Resolves with the recipe's path. */
export function writeScribe(folder: string, { name, reproducible, normalise }: ScribeRecipe): string {
  const iso = makeIso();
  writeFileSync(path.join(folder, 'scribe.iso'), iso);
  const file = path.join(folder, `${name}.yaml`);
  writeFileSync(
    file,
    [
      'recipe: 1',
      `name: ${name}`,
      'version: 1.0.0',
      'media:',
      `  iso: { file: ./scribe.iso, sha256: '${digestHex(sha256(iso))}', unverified: allow }`,
      'machine: { arch: x86_64, memory: 64M, firmware: bios, disks: [{ id: root, size: 1M }], network: none, keyboard: us }',
      ...(reproducible ? ['reproducible: { source_date_epoch: 1767225600, clock: fixed }'] : []),
      'watch:',
      '  - { id: disk, when: { text: the disk failed }, fail: the disk cannot be written }',
      'steps:',
      '  - id: files',
      '    when: { text: scribe is ready }',
      '    do: [{ key: f }]',
      '    expect: { text: files are written }',
      '    checkpoint: true',
      '  - id: time',
      `    do: [{ key: ${reproducible ? 'h' : 't'} }]`,
      '    expect: { text: time is written }',
      '    checkpoint: true',
      '  - id: boot-sector',
      `    do: [{ key: ${reproducible ? 'd' : 'b'} }]`,
      '    expect: { text: boot sector is written }',
      '    checkpoint: true',
      '  - id: power-off',
      '    do: [{ key: o }]',
      '    expect: { event: shutdown }',
      'outputs:',
      '  - { disk: root, as: image }',
      ...(normalise === undefined ? [] : [`normalise: ${normalise}`]),
      '',
    ].join('\n'),
  );
  return file;
}

/** The same bytes each time. */
function makeIso(): Buffer {
  const work = mkdtempSync(path.join(tmpdir(), 'pg-scribe-'));
  try {
    const at = (name: string): string => path.join(work, name);
    writeFileSync(at('program.s'), SOURCE);
    execFileSync('as', ['--32', '-o', at('program.o'), at('program.s')]);
    execFileSync('ld', [
      '-m',
      'elf_i386',
      '-Ttext',
      '0x7c00',
      '--oformat',
      'binary',
      '-o',
      at('program'),
      at('program.o'),
    ]);
    const program = readFileSync(at('program'));
    const fat = makeFat(at);
    if (program.length !== SECTOR) throw new Error(`the program has ${program.length} bytes`);
    program.writeUInt16LE(fat.indexOf(UNSTAMPED) / SECTOR, SECTOR - 2);
    if (!fat.subarray(WRITTEN * SECTOR).every((byte) => byte === 0)) throw new Error('the file system reaches further');
    return elTorito(Buffer.concat([program, fat.subarray(0, WRITTEN * SECTOR)]));
  } finally {
    rmSync(work, { recursive: true });
  }
}

function makeFat(at: (name: string) => string): Buffer {
  writeFileSync(at('fat'), Buffer.alloc(DISK_BYTES));
  run('mkfs.fat', ['--invariant', '-a', '-F', '12', '-f', '1', '-r', '16', '-R', '1', '-s', '4', at('fat')]);
  for (const [name, content] of [
    ['STAMP.TXT', UNSTAMPED],
    ['NAME.TXT', 'the scribe\n'],
  ] as const) {
    writeFileSync(at(name), content);
    // A fixed time, or the directory, and with it the medium, would be another each time.
    run('touch', ['-d', '2024-01-01 00:00:00 UTC', at(name)]);
    run('mcopy', ['-m', '-i', at('fat'), at(name), `::/${name}`]);
  }
  return readFileSync(at('fat'));
}

/** A CD of nothing but a boot image ("El Torito" specification 1.0, no emulation). */
function elTorito(image: Buffer): Buffer {
  const block = 2048;
  const [record, end, catalog, content] = [17, 18, 19, 20];
  const disc = Buffer.alloc((content + Math.ceil(image.length / block)) * block);
  disc.write('\u0001CD001\u0001', 16 * block, 'latin1');
  disc.write('\u0000CD001\u0001EL TORITO SPECIFICATION', record * block, 'latin1');
  disc.writeUInt32LE(catalog, record * block + 0x47);
  disc.write('\u00ffCD001\u0001', end * block, 'latin1');
  // Validation entry: the words add up to 0. Then the default entry: bootable, no emulation, at segment 0 (07C0h).
  const validation = [0x0001, 0xaa55];
  disc.writeUInt16LE(validation[0] ?? 0, catalog * block);
  disc.writeUInt16LE(validation[1] ?? 0, catalog * block + 30);
  disc.writeUInt16LE(0x10000 - ((0x0001 + 0xaa55) & 0xffff), catalog * block + 28);
  disc.writeUInt8(0x88, catalog * block + 32);
  disc.writeUInt16LE(image.length / SECTOR, catalog * block + 38);
  disc.writeUInt32LE(content, catalog * block + 40);
  image.copy(disc, content * block);
  return disc;
}
