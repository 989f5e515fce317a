/* The way into the kernel and out of it, as numbered steps. docs/fault-path.md, hops 1 and 10.
 *
 * sscratch holds the current thread (struct tcb *) while user code runs, and 0 while the kernel does. Interrupts are off in
 * the kernel, which never faults: a trap that finds sscratch 0 is a kernel bug.
 */
#include "asm_offsets.h"

/* The registers of a thread in groups: op (sd or ld) to or from tcb.x, at base; register xN at N*8, the pc at 0. */
        .macro  message op, base
        \op     a0, 10*8(\base)
        \op     a1, 11*8(\base)
        \op     a2, 12*8(\base)
        \op     a3, 13*8(\base)
        \op     a4, 14*8(\base)
        \op     a5, 15*8(\base)
        .endm

        .macro  call_arguments op, base         /* beyond the message */
        \op     a6, 16*8(\base)
        \op     a7, 17*8(\base)
        .endm

        .macro  callee_saved op, base           /* with gp, which the kernel does not use either */
        \op     gp, 3*8(\base)
        \op     s0, 8*8(\base)
        \op     s1, 9*8(\base)
        \op     s2, 18*8(\base)
        \op     s3, 19*8(\base)
        \op     s4, 20*8(\base)
        \op     s5, 21*8(\base)
        \op     s6, 22*8(\base)
        \op     s7, 23*8(\base)
        \op     s8, 24*8(\base)
        \op     s9, 25*8(\base)
        \op     s10, 26*8(\base)
        \op     s11, 27*8(\base)
        .endm

        .macro  upper_temporaries op, base      /* without t0..t2, which are in use where it matters */
        \op     t3, 28*8(\base)
        \op     t4, 29*8(\base)
        \op     t5, 30*8(\base)
        \op     t6, 31*8(\base)
        .endm

        .macro  resume_low                      /* t6 = the thread to run: pc, and registers below a0 but s0, s1, gp */
        ld      t0, 0*8(t6)
        csrw    sscratch, t6
        csrw    sepc, t0
        ld      ra, 1*8(t6)
        ld      sp, 2*8(t6)
        ld      tp, 4*8(t6)
        ld      t0, 5*8(t6)
        ld      t1, 6*8(t6)
        ld      t2, 7*8(t6)
        .endm

        .section .text
        .balign 64
        .global trap_entry
trap_entry:
        /* hop 1, in four steps. 1. tp = the thread; its own tp goes to sscratch for a moment. */
        csrrw   tp, sscratch, tp
        beqz    tp, trap_from_kernel
        sd      t0, 5*8(tp)
        csrr    t0, scause

        /* 2. Save what C may use, and the pc: behind the instruction for a system call, which loses t0..t6. */
        sd      ra, 1*8(tp)
        sd      sp, 2*8(tp)
        addi    t0, t0, -CAUSE_ECALL_U
        message sd, tp
        call_arguments sd, tp
        bnez    t0, trap_other
        csrrw   t0, sscratch, zero
        csrr    t1, sepc
        sd      t0, 4*8(tp)
        addi    t1, t1, 4
        sd      t1, 0*8(tp)

        /* 3. On the hart's one stack, with tp = the hart: the fast paths (fastpath.h). They leave the kernel, or come back. */
        ld      tp, TCB_HART(tp)
        li      t0, SYS_CALL
        ld      sp, HART_KERNEL_SP(tp)
        bne     a7, t0, 1f
        call    fast_call
        j       trap_slow
1:      li      t0, SYS_PT_REPLY_RECV
        bne     a7, t0, 1f
        call    fast_pt_reply_recv
        j       trap_slow
1:      li      t0, SYS_REPLY_RECV
        bne     a7, t0, 1f
        call    fast_reply_recv
        j       trap_slow
1:      beqz    a7, sys_hart
        li      t0, SYS_PT_WRITE
        bne     a7, t0, trap_slow
        j       fast_pt_write   /* does not return */

trap_other:
        sd      t1, 6*8(tp)
        csrrw   t1, sscratch, zero
        sd      t2, 7*8(tp)
        csrr    t2, sepc
        upper_temporaries sd, tp
        sd      t1, 4*8(tp)
        sd      t2, 0*8(tp)
        ld      tp, TCB_HART(tp)
        addi    a0, t0, CAUSE_ECALL_U
        csrr    a1, stval
        ld      sp, HART_KERNEL_SP(tp)
        addi    t0, t0, CAUSE_ECALL_U - CAUSE_LOAD_PAGE
        andi    t0, t0, ~(CAUSE_LOAD_PAGE ^ CAUSE_STORE_PAGE)
        bnez    t0, 1f
        call    fast_page_fault
        j       trap_slow
1:      li      t0, CAUSE_BREAKPOINT
        bne     a0, t0, trap_slow
        call    fast_breakpoint

        /* 4. All else: save the other registers too. s0 = 0 ends backtraces. */
trap_slow:
        ld      a0, HART_CURRENT(tp)
        csrr    a1, scause
        callee_saved sd, a0
        li      s0, 0
        call    trap_handle

        /* The current thread runs on, unless there is none or another should. */
        ld      a0, HART_CURRENT(tp)
        lbu     t0, HART_RESCHED(tp)
        beqz    a0, 5f
        beqz    t0, trap_return
5:      mv      a0, tp
        call    sched_choose

        /* a0 = the thread to run, as it was saved: hop 10 for the faulting thread. */
        .global trap_return
trap_return:
        mv      t6, a0
        message ld, t6

        /* t6 = the thread to run, a0..a5 = its message: hop 5 for the worker. */
        .global trap_return_message
trap_return_message:
        resume_low
        callee_saved ld, t6
        call_arguments ld, t6
        upper_temporaries ld, t6
        sret

        /* TN_SYS_HART, all of it. */
sys_hart:
        ld      t6, HART_CURRENT(tp)
        lwu     t0, HART_INDEX(tp)
        sd      t0, 10*8(t6)

        /* t6 = the thread that called, which runs on: s0..s11 and gp are still its own. t0..t6 hold nothing of the kernel's. */
        .global trap_return_same
trap_return_same:
        resume_low
        message ld, t6
        call_arguments ld, t6
        upper_temporaries ld, t6
        sret

        /* A bug: save what there is below the stack pointer, and say so. sscratch held 0, tp is in it now. */
trap_from_kernel:
        csrrw   tp, sscratch, zero
        addi    sp, sp, -32*8
        sd      ra, 1*8(sp)
        sd      tp, 4*8(sp)
        sd      t0, 5*8(sp)
        sd      t1, 6*8(sp)
        sd      t2, 7*8(sp)
        message sd, sp
        call_arguments sd, sp
        callee_saved sd, sp
        upper_temporaries sd, sp
        addi    t0, sp, 32*8
        sd      t0, 2*8(sp)
        csrr    t0, sepc
        sd      t0, 0*8(sp)
        mv      a0, sp
        csrr    a1, scause
        csrr    a2, stval
        call    panic_kernel_trap
