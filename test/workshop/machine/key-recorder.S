/*
 * A guest of one sector for tests: for each key it writes all keys so far to the second sector of the disk that it was booted
 * from, shows the key on the screen, and sends it over the serial line. That comes last: who has it may look for the others.
 *
 *   as -o sector.o key-recorder.S && ld -Ttext 0x7c00 --oformat binary -o sector.bin sector.o
 */
        .set    KEYS, 0x7e00
        .code16
        .text
start:
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        movb    %dl, drive
        movw    $KEYS, %di
        sti
again:
        /* BIOS: wait for a key, its character in AL. */
        xorw    %ax, %ax
        int     $0x16
        stosb
        pushw   %ax
        /* BIOS: write one sector, number 2 of the first track. */
        movw    $0x0301, %ax
        movw    $KEYS, %bx
        movw    $2, %cx
        movb    $0, %dh
        movb    drive, %dl
        int     $0x13
        popw    %ax
        pushw   %ax
        movb    $0x0e, %ah
        movw    $7, %bx
        int     $0x10
        popw    %ax
        movw    $0x3f8, %dx
        outb    %al, %dx
        jmp     again
drive:
        .byte   0
        .org    510
        .word   0xaa55
