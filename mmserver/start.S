/* Where the server's threads begin. The first: a0 = struct server_start. The other workers: a0 = struct worker. */
#include <tenon/entry.h>

    .section .text.start, "ax"
    tn_entry _start, server_main
    tn_entry worker_entry, worker_main
