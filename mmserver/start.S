/* Where the server's threads begin. The first: a0 = struct server_start. The other workers: a0 = struct worker. */
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
    tail server_main

    .globl worker_entry
    .type worker_entry, @function
worker_entry:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    li fp, 0
    li ra, 0
    tail worker_main
