/* Entry of init: the kernel has set sp; a0 = struct tn_bootinfo. No thread-local storage, no constructors. */
    .section .text.start, "ax"
    .globl _start
    .type _start, @function
_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    li fp, 0
    li ra, 0
    tail init_main

/* The watcher's entry (watch.c). */
    .globl watch_entry
    .type watch_entry, @function
watch_entry:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    li fp, 0
    li ra, 0
    tail watch_main
