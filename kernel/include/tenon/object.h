/* Kernel objects, their sizes, and the rights a capability can carry. */
#pragma once
#include <stdint.h>

enum tn_object {
    TN_NULL = 0,
    TN_UNTYPED = 1,
    TN_CNODE = 2,
    TN_TCB = 3,
    TN_ENDPOINT = 4,
    TN_GATE = 5,
    TN_REPLY = 6,
    TN_NOTIFICATION = 7,
    TN_VSPACE = 8,
    TN_PAGETABLE = 9,
    TN_FRAME = 10,
    TN_IRQ_CONTROL = 11,
    TN_IRQ_HANDLER = 12,
    TN_OBJECT_COUNT
};

/* Rights. Endpoint, Gate, Notification: READ receives, WRITE sends, GRANT passes capabilities along.
 * Frame: READ, WRITE, EXEC of the mapping. PageTable: WRITE writes entries and links it, READ maps a view of it. */
#define TN_READ 1u
#define TN_WRITE 2u
#define TN_EXEC 4u
#define TN_GRANT 8u
#define TN_RIGHTS_ALL 15u

/* log2 of an object's size in bytes. Objects are aligned to their size. `size_bits` of a retype means:
 *   UNTYPED, FRAME   log2 of the bytes (Frame: at least 12)
 *   CNODE, GATE      log2 of the number of slots, at least 1 (Gate: at least as many as harts); 32 bytes a slot
 *   PAGETABLE        the level, 0 = its leaves are 4 KiB pages; the root's is tn_bootinfo.levels - 1
 *   all others       0 */
#define TN_SLOT_BITS 5
#define TN_TCB_BITS 10
#define TN_ENDPOINT_BITS 6
#define TN_REPLY_BITS 6
#define TN_NOTIFICATION_BITS 7
#define TN_VSPACE_BITS 8
#define TN_PAGETABLE_BITS 12
#define TN_UNTYPED_BITS_MIN 6
#define TN_UNTYPED_BITS_MAX 38
#define TN_CNODE_RADIX_MAX 24

#define TN_PAGE_BITS 12
#define TN_PAGE_BYTES 4096ull
#define TN_PT_ENTRIES 512
#define TN_PRIORITIES 64   /* 0 (lowest) .. 63 */
#define TN_HARTS_MAX 256
