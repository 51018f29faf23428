/*
 * A guest of one sector for tests: it reads nothing from its keyboard until a byte comes over the serial line; from then on it
 * sends on what the keyboard says, byte by byte. Where that byte is an "r" it only has the keyboard controller translate nothing
 * any more, as guests may that want the keyboard's own codes, says "r", and waits for the next one.
 *
 *   as -o sector.o late-reader.S && ld -Ttext 0x7c00 --oformat binary -o sector.bin sector.o
 */
        .code16
        .text
start:
        cli
        movb    $'!', %al
        call    send
waits:
        movw    $0x3fd, %dx
        inb     %dx, %al
        testb   $1, %al
        jz      waits
        movw    $0x3f8, %dx
        inb     %dx, %al
        cmpb    $'r', %al
        jne     reads
        movb    $0x60, %al
        outb    %al, $0x64
        movb    $0x04, %al
        outb    %al, $0x60
        movb    $'r', %al
        call    send
        jmp     waits
reads:
        inb     $0x64, %al
        testb   $1, %al
        jz      reads
        inb     $0x60, %al
        call    send
        jmp     reads
send:
        movb    %al, %bl
        movw    $0x3fd, %dx
busy:
        inb     %dx, %al
        testb   $0x20, %al
        jz      busy
        movb    %bl, %al
        movw    $0x3f8, %dx
        outb    %al, %dx
        ret
        .org    510
        .word   0xaa55
