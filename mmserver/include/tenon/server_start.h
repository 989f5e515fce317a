/* How init starts a memory server: capabilities, addresses, the start page, and what the server answers.
 *
 * init (apps/init/server_make.c) makes the server's CNode, VSpace, the table that covers its lowest 512 GiB, the image
 * with its tables, and one thread; it moves the server's share of Untyped memory into the server's CNode. Everything
 * else the server makes out of that share: its tables, workers, endpoints, the Gate. When it serves it sends one
 * message (enum server_label) on TN_SERVER_READY; SERVER_READY carries the administrator's Gate (badge 0) as its
 * capability.
 */
#pragma once
#include <stdint.h>
#include <tenon/mm_protocol.h>
#include <tenon/object.h>

/* Slots of the server's root CNode at its start. All that are not named are empty. */
enum tn_server_slot {
    TN_SERVER_CNODE = 1, /* the root CNode itself, of 2^server_start.cnode_bits slots */
    TN_SERVER_VSPACE = 2,
    TN_SERVER_TCB = 3,    /* first thread, on hart 0; it becomes that hart's worker */
    TN_SERVER_TABLE = 4,  /* PageTable of level 2 covering addresses 0 .. 512 GiB - 1 (with three levels: the root) */
    TN_SERVER_INITRD = 5, /* Frame with the initrd, from its first page on; READ */
    TN_SERVER_FAULT = 6,  /* Endpoint: fault handler of the server's threads */
    TN_SERVER_READY = 7,  /* Endpoint, WRITE and GRANT: for the one message at the start */
    TN_SERVER_FIRST_UNTYPED = 16,
    TN_SERVER_FIRST_FREE = TN_SERVER_FIRST_UNTYPED + 64,
};
#define TN_SERVER_UNTYPED_MAX 64

/* Addresses. init fills the first GiB (program) and the GiB of the start page; the server the rest. The linear maps:
 * address = window + physical address. */
#define TN_SERVER_FRAMES 0x1000000000ull     /* frames, read-write */
#define TN_SERVER_VIEWS 0x2000000000ull      /* tables, read-only */
#define TN_SERVER_WORKERS 0x3000000000ull    /* stacks and IPC buffers of the workers */
#define TN_SERVER_START_PAGE 0x3800000000ull /* struct server_start, read-only; a0 of the first thread */
#define TN_SERVER_IPC_BUFFER 0x3800010000ull /* of the first thread: TN_SERVER_IPC_PAGES */
#define TN_SERVER_STACK_TOP 0x3800040000ull  /* of the first thread: TN_SERVER_STACK_PAGES below it */
#define TN_SERVER_INITRD_BASE 0x3a00000000ull
#define TN_SERVER_DESCS 0x3c00000000ull     /* descriptor of the table at p: at TN_SERVER_DESCS + p / 64 */
#define TN_SERVER_LINKS 0x3c40000000ull     /* free-list link of the table at p: at TN_SERVER_LINKS + p / 512 */
#define TN_SERVER_PADDR_END 0x1000000000ull /* physical memory must end below: 64 GiB */
#define TN_SERVER_IPC_PAGES 4u              /* message page and three pages of batch */
#define TN_SERVER_STACK_PAGES 8u

/* Priorities of a system: init above the workers, workers above every client. */
#define TN_PRIORITY_INIT 63u
#define TN_PRIORITY_WORKER 48u
#define TN_PRIORITY_CLIENT_MAX TN_PRIORITY_CLIENT /* a client cannot rise above the others */
#define TN_PRIORITY_CLIENT 32u

enum server_protocol { SERVER_PROTOCOL_ADV = 0, SERVER_PROTOCOL_RW = 1 };
enum server_flush { SERVER_FLUSH_LAZY = 0, SERVER_FLUSH_NOW = 1 };

/* Labels of the message on TN_SERVER_READY. */
enum server_label {
    SERVER_READY = 1, /* one capability: the administrator's Gate */
    SERVER_FAILED =
        2, /* MR0 enum server_failure, MR1 bytes of the share not used then (NO_MEMORY), or the check (BAD_START) */
};
enum server_failure {
    SERVER_NO_MEMORY = 1, /* the share is too small to start with */
    SERVER_BAD_START = 2, /* the start page makes no sense: MR1 says which check failed */
};

#define TN_SERVER_START_MAGIC 0x7265767265736d6dull /* "mmserver" */

struct server_untyped { /* capability: slot TN_SERVER_FIRST_UNTYPED + index; nothing has been made of it yet */
    uint64_t paddr;     /* a multiple of its size */
    uint64_t size_bits; /* at least 12 */
};

#define TN_SERVER_FLUSH_NAME 16

struct server_start {
    uint64_t magic;
    uint32_t harts;  /* their indexes are 0 .. harts - 1 */
    uint32_t levels; /* 3, 4 or 5 */
    uint64_t timebase_hz;
    uint64_t initrd_bytes; /* 0: none */
    uint32_t protocol;     /* enum server_protocol */
    uint32_t flush;        /* enum server_flush */
    uint32_t cnode_bits;
    uint32_t untyped_count;
    uint32_t around_pages; /* that a fault may map at once: a power of two up to 64; 0 as 1 */
    uint32_t reserved;
    char leave_out_flush[TN_SERVER_FLUSH_NAME]; /* debug builds: which flush not to do, by name; empty: none */
    struct server_untyped untyped[TN_SERVER_UNTYPED_MAX];
};
_Static_assert(sizeof(struct server_start) <= 4096, "one page");

/* log2 of the slots that a server with `share_bytes` of memory needs: three a chunk of 2 MiB; the rest is for its
 * own tables and for splitting memory for kernel objects. */
static inline uint32_t server_cnode_bits(uint64_t share_bytes, uint32_t harts)
{
    uint64_t slots = TN_SERVER_FIRST_FREE + 3072 + 24ull * harts + 3 * (share_bytes >> 21);
    uint32_t bits = 12;

    while (1ull << bits < slots) {
        bits++;
    }
    return bits;
}

/* Word 6 of the reply to MM_AWAIT where the end is MM_END_FAULT by a page fault: why the fault was not served. */
enum server_fault_reason {
    FAULT_NOT_MAPPED = 0, /* nothing is mapped there */
    FAULT_DENIED = 1,     /* it is mapped, but not with that right */
    FAULT_NO_MEMORY = 2,  /* the server has no memory left */
    FAULT_QUOTA = 3,      /* the client has used up its quota */
};
