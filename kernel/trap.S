/* The way into the kernel and out of it, as numbered steps. docs/fault-path.md, hops 1 and 10.
 *
 * sscratch holds the current thread (struct tcb *) while user code runs, and 0 while the kernel does. Interrupts are off in
 * the kernel, which never faults: a trap that finds sscratch 0 is a kernel bug.
 */
#include "asm_offsets.h"

        .section .text
        .balign 64
        .global trap_entry
trap_entry:
        /* hop 1, in three steps. 1. tp = the thread; its own tp goes to sscratch for a moment. */
        csrrw   tp, sscratch, tp
        beqz    tp, trap_from_kernel

        /* 2. Save x1..x31, and the pc. */
        sd      ra, 1*8(tp)
        sd      sp, 2*8(tp)
        sd      gp, 3*8(tp)
        sd      t0, 5*8(tp)
        sd      t1, 6*8(tp)
        sd      t2, 7*8(tp)
        sd      s0, 8*8(tp)
        sd      s1, 9*8(tp)
        sd      a0, 10*8(tp)
        sd      a1, 11*8(tp)
        sd      a2, 12*8(tp)
        sd      a3, 13*8(tp)
        sd      a4, 14*8(tp)
        sd      a5, 15*8(tp)
        sd      a6, 16*8(tp)
        sd      a7, 17*8(tp)
        sd      s2, 18*8(tp)
        sd      s3, 19*8(tp)
        sd      s4, 20*8(tp)
        sd      s5, 21*8(tp)
        sd      s6, 22*8(tp)
        sd      s7, 23*8(tp)
        sd      s8, 24*8(tp)
        sd      s9, 25*8(tp)
        sd      s10, 26*8(tp)
        sd      s11, 27*8(tp)
        sd      t3, 28*8(tp)
        sd      t4, 29*8(tp)
        sd      t5, 30*8(tp)
        sd      t6, 31*8(tp)
        csrrw   t0, sscratch, zero
        csrr    t1, sepc
        sd      t0, 4*8(tp)
        sd      t1, 0*8(tp)

        /* 3. On the hart's one stack, with tp = the hart. s0 = 0 ends backtraces. */
        mv      a0, tp
        csrr    a1, scause
        ld      tp, TCB_HART(tp)
        ld      sp, HART_KERNEL_SP(tp)
        li      s0, 0
        call    trap_handle

        /* 4. The current thread runs on, unless there is none or another should. */
        ld      a0, HART_CURRENT(tp)
        lbu     t0, HART_RESCHED(tp)
        beqz    a0, 5f
        beqz    t0, trap_return
5:      mv      a0, tp
        call    sched_choose

        /* 5. a0 = the thread to run: hop 10 for the faulting thread, before it hop 5 for the worker. */
        .global trap_return
trap_return:
        ld      t0, 0*8(a0)
        csrw    sscratch, a0
        csrw    sepc, t0
        ld      ra, 1*8(a0)
        ld      sp, 2*8(a0)
        ld      gp, 3*8(a0)
        ld      tp, 4*8(a0)
        ld      t0, 5*8(a0)
        ld      t1, 6*8(a0)
        ld      t2, 7*8(a0)
        ld      s0, 8*8(a0)
        ld      s1, 9*8(a0)
        ld      a1, 11*8(a0)
        ld      a2, 12*8(a0)
        ld      a3, 13*8(a0)
        ld      a4, 14*8(a0)
        ld      a5, 15*8(a0)
        ld      a6, 16*8(a0)
        ld      a7, 17*8(a0)
        ld      s2, 18*8(a0)
        ld      s3, 19*8(a0)
        ld      s4, 20*8(a0)
        ld      s5, 21*8(a0)
        ld      s6, 22*8(a0)
        ld      s7, 23*8(a0)
        ld      s8, 24*8(a0)
        ld      s9, 25*8(a0)
        ld      s10, 26*8(a0)
        ld      s11, 27*8(a0)
        ld      t3, 28*8(a0)
        ld      t4, 29*8(a0)
        ld      t5, 30*8(a0)
        ld      t6, 31*8(a0)
        ld      a0, 10*8(a0)
        sret

        /* A bug: save what there is below the stack pointer, and say so. sscratch held 0, tp is in it now. */
trap_from_kernel:
        csrrw   tp, sscratch, zero
        addi    sp, sp, -32*8
        sd      ra, 1*8(sp)
        sd      gp, 3*8(sp)
        sd      tp, 4*8(sp)
        sd      t0, 5*8(sp)
        sd      t1, 6*8(sp)
        sd      t2, 7*8(sp)
        sd      s0, 8*8(sp)
        sd      s1, 9*8(sp)
        sd      a0, 10*8(sp)
        sd      a1, 11*8(sp)
        sd      a2, 12*8(sp)
        sd      a3, 13*8(sp)
        sd      a4, 14*8(sp)
        sd      a5, 15*8(sp)
        sd      a6, 16*8(sp)
        sd      a7, 17*8(sp)
        sd      s2, 18*8(sp)
        sd      s3, 19*8(sp)
        sd      s4, 20*8(sp)
        sd      s5, 21*8(sp)
        sd      s6, 22*8(sp)
        sd      s7, 23*8(sp)
        sd      s8, 24*8(sp)
        sd      s9, 25*8(sp)
        sd      s10, 26*8(sp)
        sd      s11, 27*8(sp)
        sd      t3, 28*8(sp)
        sd      t4, 29*8(sp)
        sd      t5, 30*8(sp)
        sd      t6, 31*8(sp)
        addi    t0, sp, 32*8
        sd      t0, 2*8(sp)
        csrr    t0, sepc
        sd      t0, 0*8(sp)
        mv      a0, sp
        csrr    a1, scause
        csrr    a2, stval
        call    panic_kernel_trap
