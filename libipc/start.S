/* Where a client begins. a0: struct tn_start (tenon/client.h). */
#define TN_START_STACK_TOP 24 /* offsetof(struct tn_start, stack_top), asserted in start.c */

    .section .text._start, "ax"
    .globl _start
    .type _start, @function
_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    ld sp, TN_START_STACK_TOP(a0)
    andi sp, sp, -16
    li fp, 0 /* backtraces end here */
    li ra, 0
    tail tn_client_start

/* The C library has dummies of its own for some of these; a reference from here makes the linker find ours first. */
    .section .tenon.prefer, "", @progbits
    .dword sbrk
    .dword stdout
    .dword _exit
    .dword __retarget_lock_acquire_recursive
