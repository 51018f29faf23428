/*
 * The accelerator probe: firmware of 64 KiB that does what an operating system does first, and tells how far it came.
 * probe-rom.ts holds its assembled bytes; a test assembles this file and compares.
 *
 *   as -o rom.o probe-rom.S && ld -Ttext 0 --oformat binary -o rom.bin rom.o
 *
 * Each stage writes one letter to QEMU's debug console (port 0xe9):
 *   R  real mode: the reset vector was reached
 *   L  long mode: page tables, control registers and descriptors work
 *   W  twenty million loops with a memory operand
 *   C  200 CPUID instructions, each an exit to the hypervisor
 *   P  1000 port reads, likewise
 *   S  256 reloads of CR3, SSE, 16 MiB of fresh memory
 * Then it writes 0x10 to the isa-debug-exit device at port 0xf4, and QEMU exits with 2 * 0x10 + 1 = 33.
 *
 * QEMU maps the ROM at 0xffff0000 and again below 1 MiB. Intel SDM volume 3: 9.1.4 (first instruction), 9.8.5 (IA-32e
 * mode), 4.5 (4-level paging).
 */
        .set    CONSOLE, 0xe9
        .set    EXIT, 0xf4
        .set    ROM, 0xffff0000
        /* Physical addresses: tables at 4 KiB pages 1 to 4, the stack below 0x7000, scratch above it. */
        .set    PML4, 0x1000
        .set    PDPT, 0x2000
        .set    LOW_DIRECTORY, 0x3000
        .set    HIGH_DIRECTORY, 0x4000
        .set    STACK, 0x7000
        .set    SCRATCH, 0x8000
        .set    PRESENT_WRITABLE, 0x3
        .set    LARGE_PAGE, 0x83

        .macro  tell letter
        movb    $\letter, %al
        outb    %al, $CONSOLE
        .endm

        .text
rom:
        .code16
real_mode:
        cli
        cld
        tell    'R'
        xorw    %ax, %ax
        movw    %ax, %ss
        movw    %ax, %es
        movw    $STACK, %sp

        /* Four empty tables. */
        movw    $PML4, %di
        movw    $(4 * 4096 / 2), %cx
        rep stosw

        movl    $(PDPT + PRESENT_WRITABLE), %es:PML4
        movl    $(LOW_DIRECTORY + PRESENT_WRITABLE), %es:PDPT
        /* The fourth gigabyte, whose last large page holds this ROM. */
        movl    $(HIGH_DIRECTORY + PRESENT_WRITABLE), %es:(PDPT + 3 * 8)
        movl    $(0xffe00000 + LARGE_PAGE), %es:(HIGH_DIRECTORY + 511 * 8)

        /* The first gigabyte, one to one. */
        movw    $LOW_DIRECTORY, %di
        movl    $LARGE_PAGE, %eax
        movw    $512, %cx
map:
        movl    %eax, %es:(%di)
        addl    $0x200000, %eax
        addw    $8, %di
        loop    map

        lgdtl   %cs:(descriptors_pointer - rom)
        /* CR4: PAE, OSFXSR, OSXMMEXCPT. */
        movl    %cr4, %eax
        orl     $0x620, %eax
        movl    %eax, %cr4
        movl    $PML4, %eax
        movl    %eax, %cr3
        /* EFER.LME */
        movl    $0xc0000080, %ecx
        rdmsr
        orl     $0x100, %eax
        wrmsr
        /* CR0: PG, MP, PE on; EM off. */
        movl    %cr0, %eax
        andl    $0xfffffffb, %eax
        orl     $0x80000003, %eax
        movl    %eax, %cr0
        ljmpl   $8, $(ROM + long_mode - rom)

        .code64
long_mode:
        movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    $STACK, %esp
        tell    'L'

        movl    $20000000, %ecx
work:
        addq    %rcx, SCRATCH
        decl    %ecx
        jnz     work
        tell    'W'

        movl    $200, %esi
identify:
        xorl    %eax, %eax
        cpuid
        decl    %esi
        jnz     identify
        tell    'C'

        movl    $1000, %ecx
read_port:
        inb     $0x80, %al
        decl    %ecx
        jnz     read_port
        tell    'P'

        movl    $256, %ecx
reload:
        movq    %cr3, %rax
        movq    %rax, %cr3
        movq    0x200000, %rbx
        decl    %ecx
        jnz     reload
        pxor    %xmm0, %xmm0
        movdqu  %xmm0, SCRATCH
        movl    $0x400000, %edi
        movl    $4096, %ecx
touch_page:
        movq    %rdi, (%rdi)
        addq    $4096, %rdi
        decl    %ecx
        jnz     touch_page
        tell    'S'

        movb    $0x10, %al
        outb    %al, $EXIT
halt:
        hlt
        jmp     halt

        .balign 8
descriptors:
        .quad   0
        .quad   0x00af9a000000ffff      /* code, 64 bits */
        .quad   0x00cf92000000ffff      /* data */
descriptors_pointer:
        .word   3 * 8 - 1
        .long   ROM + descriptors - rom

        /* The reset vector: a near jump to the start. */
        .org    0xfff0
        .code16
        .byte   0xe9
        .word   rom - (. + 2)
        .org    0x10000
