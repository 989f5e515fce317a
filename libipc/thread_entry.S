/* Where a thread begins (threads.c). a0: struct tn_thread; sp and tp are set by the memory manager, gp is not. */
#include <tenon/entry.h>

    .section .text.tn_thread_entry, "ax"
    tn_entry tn_thread_entry, tn_thread_begin
