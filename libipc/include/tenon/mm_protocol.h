/* What a client may ask of its memory manager: message labels and words. docs/mm-protocol.md is the prose.
 *
 * A request is a Call on the capability TN_CLIENT_MM. It cannot be told, and must not matter, whether a Gate to a memory
 * server or an object of the kernel stands there. The reply's label is 0; its MR0 is the result, or -errno with
 * Linux's errno values (as a signed 64-bit number in -4095..-1). A reply with TN_INFO_ERROR did not come from
 * the manager: it is gone (TN_PEER_GONE) or the message was malformed.
 *
 * Addresses and lengths are in bytes; prot and flags are Linux's values (sys/mman.h of libipc).
 */
#pragma once
#include <stdint.h>

enum mm_label {
    MM_MAP = 1,           /* MR0 hint or address, MR1 length, MR2 prot, MR3 flags -> address */
    MM_UNMAP = 2,         /* MR0 address, MR1 length -> 0 */
    MM_PROTECT = 3,       /* MR0 address, MR1 length, MR2 prot -> 0 */
    MM_STAT = 4,          /* MR0 first counter; -> MR0 number of counters, words 1.. the counters of this
                           * client (enum mm_counter). Needs an IPC buffer. */
    MM_THREAD_CREATE = 5, /* MR0 pc, MR1 sp, MR2 tp, MR3 a0, word 4 hart index (~0: the server chooses), word 5 address of
                           * the thread's IPC buffer page (already mapped, populated by the server), word 6 priority
                           * (0: as the creator) -> thread id, > 0 */
    MM_THREAD_EXIT = 6,   /* MR0 own thread id, MR1, MR2: range to unmap afterwards (its stack; 0, 0: none), MR3: address
                           * of a 32-bit word to set to 0 when the thread is gone (0: none). No reply. */
    MM_EXIT = 7,          /* MR0 status: ends the whole client. No reply. */

    /* Administrator only (badge 0, held by init); others get -EPERM. */
    MM_SPAWN = 32,        /* words 0..: struct mm_spawn -> client id, > 0 */
    MM_AWAIT = 33,        /* MR0 client id; the reply comes when that client has ended and all it had is taken back:
                           * MR0 0, MR1 enum mm_end, MR2 status, or label of the fault; MR3 fault address, word 4 pc, word 5
                           * scause */
    MM_KILL = 34,         /* MR0 client id */
    MM_SERVER_STAT = 35,  /* MR0 hart index (~0: sum) -> MR0 number of counters, words 1..: enum mm_counter */
};

enum mm_end { MM_END_EXIT = 0, MM_END_FAULT = 1, MM_END_KILLED = 2 };

/* Request of MM_SPAWN, as message words. Names and arguments stand in `text`, each ended by a zero byte: the program's
 * file name in the initrd, then the input file's name (may be empty), then argc argument strings (argv[0] first). */
struct mm_spawn {
    uint64_t quota_bytes;  /* memory and tables it may have; 0: no limit but the server's own */
    uint64_t hart_mask[2]; /* harts its threads may run on, by index; all 0: every hart */
    uint32_t argc;
    uint32_t text_bytes;
    uint64_t max_threads;  /* 0: 64 */
    char text[64 * 8 - 40];
};

enum mm_counter {
    MM_FAULTS,          /* page faults served */
    MM_FAULTS_SPURIOUS, /* of them found already served by somebody else */
    MM_REQUESTS,        /* requests by message */
    MM_TRANSACTIONS,    /* cursors locked */
    MM_RETRIES,         /* walks started again because a table had gone stale (adv) */
    MM_PT_WRITES,       /* entries written */
    MM_PT_BATCHES,      /* kernel entries that wrote them, those riding on a reply included */
    MM_FLUSHES,         /* flush invocations */
    MM_REMOTE_FLUSHES,  /* harts interrupted by them */
    MM_PAGES_ZEROED,
    MM_FRAMES_NOW,      /* 4 KiB frames held by the client (server: by clients) now */
    MM_FRAMES_PEAK,
    MM_TABLES_NOW,      /* page-table pages now */
    MM_TABLES_PEAK,
    MM_META_NOW,        /* pages of metadata words now */
    MM_FRAMES_FREE,     /* server only: frames in stocks and pools, memory not yet cut into chunks included */
    MM_OBJECT_BYTES,    /* client only: its kernel objects, page tables excepted: CNodes, VSpace, notifications, TCBs */
    MM_SERVER_BYTES,    /* client only: what the server itself keeps for it: records, and threads' IPC buffers */
    MM_COUNTERS
};
