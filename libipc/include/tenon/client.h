/* How a client program finds itself at its start: capabilities, and the page that its a0 points to.
 *
 * The memory server makes both (mmserver/process.c); libipc's start-up code reads them (libipc/start.c).
 */
#pragma once
#include <stdint.h>

enum tn_client_slot {
    TN_CLIENT_MM = 1,        /* Gate to the memory manager, badged with the client's id; WRITE, no GRANT */
    TN_CLIENT_NTFN_FIRST = 16, /* Notification of thread t (0 = main): slot TN_CLIENT_NTFN_FIRST + t, badge 1, READ and WRITE */
};

#define TN_START_MAGIC 0x7472617473ull /* "start" */

struct tn_start {
    uint64_t magic;
    uint64_t ipc_buffer;  /* address of the main thread's IPC buffer: one page */
    uint64_t stack_low;   /* lowest address the main stack may grow down to */
    uint64_t stack_top;
    uint64_t tls_image;   /* PT_TLS segment in the program: address, bytes in the file, bytes in memory, alignment */
    uint64_t tls_file_bytes;
    uint64_t tls_mem_bytes;
    uint64_t tls_align;
    uint64_t input;       /* input file, read-only; 0: none */
    uint64_t input_bytes;
    uint64_t timebase_hz;
    uint64_t hart_mask[2]; /* harts its threads may run on */
    uint32_t harts;       /* number of bits set in it */
    uint32_t max_threads;
    uint32_t argc;
    uint32_t main_tid;    /* thread id of the main thread, for MM_THREAD_EXIT */
    uint64_t argv;        /* address of argc + 1 pointers, the last NULL; they and the strings lie behind this structure */
};
