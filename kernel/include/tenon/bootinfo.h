/* What the kernel tells the first program, `init`, and the capabilities it starts with.
 *
 * The program's a0 holds the address of this structure; its IPC buffer stands at TN_INIT_IPC_BUFFER.
 */
#pragma once
#include <stdint.h>

#define TN_BOOTINFO_MAGIC 0x746f6f626e6f6e74ull /* "tnonboot" */

enum tn_init_slot {
    TN_INIT_CNODE = 1,       /* init's root CNode */
    TN_INIT_VSPACE = 2,
    TN_INIT_TCB = 3,
    TN_INIT_IRQ_CONTROL = 4,
    TN_INIT_ROOT_TABLE = 5,  /* its root PageTable */
    TN_INIT_IPC_FRAME = 6,   /* its IPC buffer */
    TN_INIT_INITRD_FRAME = 7, /* the initrd's pages, READ and EXEC; TN_NULL if there is none */
    TN_INIT_DTB_FRAME = 8,   /* the device tree, READ */
    TN_INIT_FIRST_UNTYPED = 16,
};

/* Addresses in init's space at start; everything else below 256 GiB is free, program and stack excepted. */
#define TN_INIT_IPC_BUFFER 0x3000000000ull /* 4 pages: message page and 3 pages of batch */
#define TN_INIT_BOOTINFO 0x3000010000ull   /* this structure, read-only */
#define TN_INIT_DTB 0x3000100000ull        /* device tree as the firmware gave it, read-only */
#define TN_INIT_INITRD 0x3040000000ull     /* initrd, read-only */
#define TN_INIT_STACK_TOP 0x3000800000ull  /* 64 KiB below it */

#define TN_BOOTINFO_UNTYPED_MAX 180

struct tn_boot_untyped {
    uint64_t paddr;
    uint8_t size_bits;
    uint8_t is_device; /* device memory: only Frames can be made of it, and it is never zeroed */
    uint8_t reserved[6];
};

struct tn_bootinfo {
    uint64_t magic;
    uint32_t harts;           /* running harts; their indexes are 0 .. harts - 1 */
    uint32_t levels;          /* levels of a page table: 3, 4 or 5 */
    uint64_t timebase_hz;     /* of the `time` CSR */
    uint64_t initrd_bytes;    /* at TN_INIT_INITRD */
    uint64_t dtb_bytes;       /* at TN_INIT_DTB */
    uint64_t free_slot_first; /* empty slots of the root CNode: first .. end - 1 */
    uint64_t free_slot_end;
    uint64_t ram_base;        /* lowest RAM address */
    uint64_t ram_bytes;       /* from ram_base to the end of the highest bank */
    uint32_t debug_build;     /* 1: the kernel checks its invariants */
    uint32_t untyped_count;   /* untyped[i] has its capability in slot TN_INIT_FIRST_UNTYPED + i */
    struct tn_boot_untyped untyped[TN_BOOTINFO_UNTYPED_MAX];
};
_Static_assert(sizeof(struct tn_bootinfo) <= 4096, "one page");
