/* Where a thread begins (threads.c). a0: struct tn_thread; sp and tp are set by the memory manager, gp is not. */
    .section .text.tn_thread_entry, "ax"
    .globl tn_thread_entry
    .type tn_thread_entry, @function
tn_thread_entry:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    li fp, 0
    li ra, 0
    tail tn_thread_begin
