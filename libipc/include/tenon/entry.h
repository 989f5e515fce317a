/* For assembly only: where threads of a program begin. */
#ifndef TENON_ENTRY_H
#define TENON_ENTRY_H

/* Global `name`, where the thread sets gp and calls C's `target` with its own argument registers; sp is set. Backtraces end here.
 * `stack` != 0: sp is set from that offset of the structure at a0 first. */
.macro tn_entry name, target, stack=0
    .globl \name
    .type \name, @function
\name:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    .if \stack
    ld sp, \stack(a0)
    andi sp, sp, -16
    .endif
    li fp, 0
    li ra, 0
    tail \target
.endm

#endif
