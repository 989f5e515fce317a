/* From the firmware to C, for the first hart and for the others; and two jumps that C cannot make itself.
 *
 * The firmware enters at physical addresses with translation off (SBI specification, "Hart State Management"; a0 = hart
 * id, a1 = what it was told). Code here is position-independent, so `la` gives physical addresses before translation is
 * on and virtual ones after. In the kernel tp always holds the hart's struct hart, and sscratch is 0.
 */
#include <asm_offsets.h>

#define KERNEL_BASE 0xffffffc000000000
#define SATP_SV39 (8 << 60)
#define LEAF_KERNEL 0xef /* V R W X G A D, not U */

    .section .boot, "ax"

/* The first hart: a0 = hart id, a1 = physical address of the device tree. Firmware exists that lets a hart which it is just
 * starting come here too: it finds its struct hart by its id and goes where it should have. */
    .globl _start
_start:
    csrw sie, zero
    la t0, boot_ticket
    li t1, 1
    amoswap.w t1, t1, (t0)
    bnez t1, stray
    la t0, bss_start
    la t1, bss_end
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    la tp, boot_hart
    la a2, kernel_main
    j enter_virtual

stray:
    la t0, harts
    ld a1, 0(t0)
    li t0, KERNEL_BASE
    sub a1, a1, t0 /* physical */
    la t0, hart_count
    lw t0, 0(t0)
    li t2, HART_BYTES
1:  beqz t0, park
    li t1, HART_HARTID
    add t1, t1, a1
    ld t1, 0(t1)
    beq t1, a0, boot_secondary
    add a1, a1, t2
    addi t0, t0, -1
    j 1b

/* The others: a0 = hart id, a1 = physical address of the struct hart. */
    .globl boot_secondary
boot_secondary:
    csrw sie, zero
    mv tp, a1
    /* A hart so late that it was given up must not touch the structure: another hart may use it by now. */
    li t0, 1
    addi t1, tp, HART_ONLINE
    amoswap.d t0, t0, (t1)
    bnez t0, park
    li t0, KERNEL_BASE
    add a0, a1, t0
    la a2, kernel_secondary_main

/* tp = physical struct hart, a2 = physical function to go to; a0, a1 its arguments. Every hart has Sv39; the
 * kernel's addresses are the same in the wider modes, to which mmu.c changes later. Writing satp makes the next
 * fetch fault, which leads to the virtual address in stvec: no identity mapping is needed. */
enter_virtual:
    li t2, KERNEL_BASE
    add tp, tp, t2
    add a2, a2, t2
    la t0, 1f
    add t0, t0, t2
    csrw stvec, t0
    la t0, kroot_l2
    srli t0, t0, 12
    li t1, SATP_SV39
    or t0, t0, t1
    csrw satp, t0
    .balign 4
1:  sfence.vma /* the one fence outside fence.h: there is no C yet */
    csrw sscratch, zero
    la t0, boot_trap
    csrw stvec, t0
    ld sp, HART_KERNEL_SP(tp)
    li fp, 0
    jr a2

park:
    wfi
    j park

    .text

/* Until the trap code is in place, a trap is a bug of the boot code. panic() shows scause, sepc and stval. */
    .balign 4
boot_trap:
    la a0, boot_trap_text
    call panic

/* void boot_continue(struct hart *h, void (*function)(struct hart *)): goes on as hart `h` on its own stack. */
    .globl boot_continue
boot_continue:
    mv tp, a0
    ld sp, HART_KERNEL_SP(tp)
    li fp, 0
    jr a1

/* bool boot_survives(void (*attempt)(const void *), const void *argument): false if the attempt traps. It must be a
 * leaf that changes no saved register but fp. sscratch keeps the stack for the trap's way back. */
    .globl boot_survives
boot_survives:
    addi sp, sp, -32
    sd ra, 0(sp)
    sd s0, 8(sp)
    csrr t0, stvec
    sd t0, 16(sp)
    csrw sscratch, sp
    la t0, 1f
    csrw stvec, t0
    mv t0, a0
    mv a0, a1
    jalr t0
    li a0, 1
    j 2f
    .balign 4
1:  csrr sp, sscratch
    li a0, 0
2:  csrw sscratch, zero
    ld t0, 16(sp)
    csrw stvec, t0
    ld s0, 8(sp)
    ld ra, 0(sp)
    addi sp, sp, 32
    ret

    .section .rodata
boot_trap_text:
    .asciz "trap while booting"

/* The kernel's map of physical memory: 256 pages of 1 GiB in the upper half. Root table under Sv39; under Sv48 and
 * Sv57 the last entry of the table above leads here (mmu.c). */
    .data
    .balign 4096
    .globl kroot_l2
kroot_l2:
    .zero 2048
    .set gib, 0
    .rept 256
    .quad (gib << 28) | LEAF_KERNEL
    .set gib, gib + 1
    .endr

    .section .data
    .balign 4
boot_ticket: /* taken by the first hart; not in .bss, which that one clears */
    .word 0
