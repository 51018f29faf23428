/**
 * A guest of 512 bytes: says on its first serial port what the first byte of its second sector is, writes `W` there, then
 * echoes what it is sent until `q`, and powers off.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SOURCE = String.raw`
        .code16
        .global _start
_start: xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movw $0x7c00, %sp
        movw $0x0201, %ax       # int 13h: read one sector to 0x8000
        call disk
        movw $hello, %si
1:      lodsb
        testb %al, %al
        jz 2f
        call say
        jmp 1b
2:      movb 0x8000, %al
        call say
        movb $10, %al
        call say
        movb $'W', 0x8000
        movw $0x0301, %ax       # write it back
        call disk
        movb $'>', %al
        call say
echo:   movw $0x3fd, %dx        # line status: data ready
        inb %dx, %al
        testb $1, %al
        jz echo
        movw $0x3f8, %dx
        inb %dx, %al
        cmpb $'q', %al
        je off
        call say
        jmp echo
off:    movw $0x604, %dx        # PIIX4 power management: S5
        movw $0x2000, %ax
        outw %ax, %dx
        hlt
        jmp off
disk:   movw $0x8000, %bx
        movw $0x0002, %cx       # cylinder 0, sector 2
        movw $0x0080, %dx       # head 0, first hard disk
        int $0x13
        ret
say:    pushw %ax
1:      movw $0x3fd, %dx        # line status: transmitter empty
        inb %dx, %al
        testb $0x20, %al
        jz 1b
        popw %ax
        movw $0x3f8, %dx
        outb %al, %dx
        ret
hello:  .asciz "second sector: "
        .org 510
        .word 0xaa55
`;

/** The disk: boot sector, a sector of `A`, nothing. */
export function guestDisk(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'pg-boot-'));
  try {
    const [source, object, binary] = ['boot.S', 'boot.o', 'boot.bin'].map((name) => join(folder, name));
    writeFileSync(source ?? '', SOURCE);
    execFileSync('as', ['--32', '-o', object ?? '', source ?? '']);
    execFileSync('ld', ['-m', 'elf_i386', '--oformat', 'binary', '-Ttext', '0x7c00', '-o', binary ?? '', object ?? '']);
    const boot = readFileSync(binary ?? '');
    return Buffer.concat([boot, Buffer.alloc(512, 'A'), Buffer.alloc(1024 * 1024 - 1024)]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
