/* Where a client begins. a0: struct tn_start (tenon/client.h). */
#include <tenon/entry.h>

#define TN_START_STACK_TOP 24 /* offsetof(struct tn_start, stack_top), asserted in start.c */

    .section .text._start, "ax"
    tn_entry _start, tn_client_start, TN_START_STACK_TOP

/* The C library has dummies of its own for some of these; a reference from here makes the linker find ours first. */
    .section .tenon.prefer, "", @progbits
    .dword sbrk
    .dword stdout
    .dword _exit
    .dword __retarget_lock_acquire_recursive
