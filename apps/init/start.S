/* Entry of init: the kernel has set sp; a0 = struct tn_bootinfo. No thread-local storage, no constructors. */
#include <tenon/entry.h>

    .section .text.start, "ax"
    tn_entry _start, init_main

/* The watcher's entry (watch.c). */
    tn_entry watch_entry, watch_main
