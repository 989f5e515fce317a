/* What a hostile memory server attacks with; see attack.h. Called by server.c. One thread. */
#include "attack.h"
#include <stddef.h>
#include <string.h>

unsigned attacks, wrong, first_wrong;

void must(int ok, unsigned line)
{
    (void)__atomic_fetch_add(&attacks, 1, __ATOMIC_RELAXED);
    if (!ok && __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED) == 0) {
        first_wrong = line;
    }
}

enum tn_error write_runs(struct tn_ipc_buffer *buffer, const struct tn_pt_run *run, unsigned n)
{
    struct tn_pt_batch *b = tn_batch(buffer);

    b->runs = n;
    for (unsigned i = 0; i < n; i++) {
        b->run[i] = run[i];
    }
    return tn_pt_write();
}

static enum tn_error write_one(uint8_t op, tn_cptr_t table, unsigned first, unsigned count, tn_cptr_t object,
                               uint64_t page, unsigned rights)
{
    struct tn_pt_run run = pt_run(op, table, first, count, object, page, rights);

    return write_runs(main_ipc, &run, 1);
}

enum tn_error make(tn_cptr_t untyped, enum tn_object type, unsigned size, uint32_t slot)
{
    return tn_untyped_retype(untyped, type, size, TN_SERVER_CNODE, slot, 1);
}

int prepare(unsigned levels)
{
    struct tn_pt_run run[] = {
        pt_run(TN_PT_LINK, TN_SERVER_TABLE, WINDOW_VA >> 30, 1, MIDDLE, 0, 0),
        pt_run(TN_PT_LINK, MIDDLE, AT_WINDOW, 1, WINDOW, 0, 0),
        pt_run(TN_PT_LINK, MIDDLE, AT_LEAF, 1, LEAF, 0, 0),
        pt_run(TN_PT_LINK, MIDDLE, AT_LEAF2, 1, LEAF2, 0, 0),
        pt_run(TN_PT_VIEW, WINDOW, VIEW_LEAF, 1, LEAF, 0, TN_READ),
        pt_run(TN_PT_VIEW, WINDOW, VIEW_LEAF2, 1, LEAF2, 0, TN_READ),
        pt_run(TN_PT_VIEW, WINDOW, VIEW_MIDDLE, 1, MIDDLE, 0, TN_READ),
        pt_run(TN_PT_VIEW, WINDOW, VIEW_WINDOW, 1, WINDOW, 0, TN_READ),
    };

    return make(MEMORY, TN_PAGETABLE, 1, MIDDLE) == TN_OK && make(MEMORY, TN_PAGETABLE, 0, WINDOW) == TN_OK &&
           make(MEMORY, TN_PAGETABLE, 0, LEAF) == TN_OK && make(MEMORY, TN_PAGETABLE, 0, LEAF2) == TN_OK &&
           make(MEMORY, TN_PAGETABLE, levels - 1, ROOT) == TN_OK && make(MEMORY, TN_FRAME, 14, FRAME) == TN_OK &&
           tn_cnode_copy(TN_SERVER_CNODE, WEAK, FRAME, TN_READ) == TN_OK &&
           make(MEMORY, TN_UNTYPED, 14, SMALL) == TN_OK &&
           write_runs(main_ipc, run, sizeof run / sizeof run[0]) == TN_OK;
}

/* Kernel memory, frames of others, more rights than held, tables as pages to write. */
static void attack_memory(void)
{
    static const uint64_t pages[] = {4, 0x80200, 0xfffffffffffff, 1ull << 52, ~0ull};
    unsigned rw = TN_READ | TN_WRITE;

    for (unsigned i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, FRAME, pages[i], TN_READ) == TN_RANGE_ERROR);
    }
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 5, FRAME, 0, TN_READ) == TN_RANGE_ERROR);
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, WEAK, 0, rw) == TN_INVALID_CAPABILITY);
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, LEAF2, 0, rw) == TN_INVALID_CAPABILITY);
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, MEMORY, 0, rw) == TN_INVALID_CAPABILITY);
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, TN_SERVER_INITRD, 0, rw) == TN_INVALID_CAPABILITY);
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, LAST, 0, rw) == TN_FAILED_LOOKUP);
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, FRAME, 0, TN_WRITE) == TN_INVALID_ARGUMENT);
    MUST(seen(VIEW_LEAF, ENTRY) == 0);
    /* A view stays a view: PROTECT with any Frame gives it no right to write. */
    MUST(write_one(TN_PT_VIEW, LEAF, ENTRY, 1, LEAF2, 0, rw) == TN_OK);
    MUST(!(seen(VIEW_LEAF, ENTRY) & (TN_PTE_W | TN_PTE_X)));
    MUST(write_one(TN_PT_PROTECT, LEAF, ENTRY, 1, FRAME, 0, rw) == TN_OK);
    MUST(!(seen(VIEW_LEAF, ENTRY) & TN_PTE_W));
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, TN_SERVER_INITRD, 0, TN_READ) == TN_OK);
    MUST(write_one(TN_PT_PROTECT, LEAF, ENTRY, 1, FRAME, 0, rw) == TN_OK);
    MUST(!(seen(VIEW_LEAF, ENTRY) & TN_PTE_W));
    MUST(write_one(TN_PT_CLEAR, LEAF, ENTRY, 1, 0, 0, 0) == TN_OK);
}

/* Wrong levels, loops, the kernel's half, ends of tables. */
static void attack_shape(void)
{
    MUST(write_one(TN_PT_LINK, LEAF, 0, 1, LEAF, 0, 0) == TN_INVALID_ARGUMENT);
    MUST(write_one(TN_PT_LINK, MIDDLE, 1, 1, MIDDLE, 0, 0) == TN_INVALID_ARGUMENT);
    MUST(write_one(TN_PT_LINK, LEAF, 0, 1, MIDDLE, 0, 0) == TN_INVALID_ARGUMENT);
    MUST(write_one(TN_PT_LINK, ROOT, 0, 1, LEAF, 0, 0) == TN_INVALID_ARGUMENT);
    MUST(write_one(TN_PT_LINK, MIDDLE, 1, 1, FRAME, 0, 0) == TN_INVALID_CAPABILITY);
    MUST(write_one(TN_PT_VIEW, MIDDLE, 1, 1, LEAF, 0, 0) == TN_INVALID_ARGUMENT);
    MUST(write_one(TN_PT_MAP, MIDDLE, 1, 1, FRAME, 0, TN_READ) == TN_RANGE_ERROR);
    for (unsigned i = 256; i < 512; i += 51) {
        MUST(write_one(TN_PT_CLEAR, ROOT, i, 1, 0, 0, 0) == TN_RANGE_ERROR);
    }
    MUST(write_one(TN_PT_CLEAR, ROOT, 255, 2, 0, 0, 0) == TN_RANGE_ERROR);
    MUST(write_one(TN_PT_CLEAR, LEAF, 511, 2, 0, 0, 0) == TN_RANGE_ERROR);
    MUST(write_one(TN_PT_CLEAR, LEAF, 65535, 1, 0, 0, 0) == TN_RANGE_ERROR);
    MUST(write_one(TN_PT_CLEAR, LEAF, 0, 0, 0, 0, 0) == TN_INVALID_ARGUMENT);
    MUST(write_one(99, LEAF, 0, 1, 0, 0, 0) == TN_INVALID_ARGUMENT);
    MUST(tn_vspace_set_root(TN_SERVER_VSPACE, ROOT) == TN_ILLEGAL_OPERATION);
}

/* Whichever run of a batch is wrong: nothing has changed. */
static void attack_halfway(void)
{
    for (unsigned bad = 0; bad < 8; bad++) {
        struct tn_pt_run run[8];
        for (unsigned i = 0; i < 8; i++) {
            run[i] = (struct tn_pt_run){LEAF, FRAME, (uint16_t)(ENTRY + i), 1, TN_PT_MAP, TN_READ, 0, 0, i % 4, 0, 0};
        }
        run[bad].object = WEAK;
        run[bad].rights = TN_READ | TN_WRITE;
        MUST(write_runs(main_ipc, run, 8) == TN_INVALID_CAPABILITY && tn_batch(main_ipc)->failed_run == bad);
        for (unsigned i = 0; i < 8; i++) {
            MUST(seen(VIEW_LEAF, ENTRY + i) == 0);
        }
    }
}

/* A table is viewed, linked and filled, then its memory is taken back and becomes a frame, whose writer would like to see the view: it is
 * gone, and so is the link. The same the other way round, with the ground taken away from under a mapping. */
static void attack_freed(void)
{
    MUST(make(SMALL, TN_PAGETABLE, 0, UPPER) == TN_OK);
    MUST(write_one(TN_PT_VIEW, LEAF, ENTRY, 1, UPPER, 0, TN_READ) == TN_OK);
    MUST(write_one(TN_PT_LINK, MIDDLE, 7, 1, UPPER, 0, 0) == TN_OK);
    MUST(write_one(TN_PT_MAP, UPPER, 0, 4, FRAME, 0, TN_READ | TN_WRITE) == TN_OK);
    MUST(tn_cnode_revoke(TN_SERVER_CNODE, SMALL) == TN_OK);
    MUST(write_one(TN_PT_CLEAR, UPPER, 0, 1, 0, 0, 0) == TN_FAILED_LOOKUP);
    MUST(make(SMALL, TN_FRAME, 12, PAGE1) == TN_OK);
    MUST(seen(VIEW_LEAF, ENTRY) == 0);
    MUST(write_one(TN_PT_MAP, LEAF, ENTRY, 1, PAGE1, 0, TN_READ | TN_WRITE) == TN_OK);
    MUST(seen(VIEW_LEAF, ENTRY) != 0);
    MUST(tn_cnode_revoke(TN_SERVER_CNODE, PAGE1) == TN_OK);
    MUST(seen(VIEW_LEAF, ENTRY) == 0);
    MUST(tn_cnode_delete(TN_SERVER_CNODE, PAGE1) == TN_OK);
}

/* Capability pointers that name nothing it holds. */
static void attack_capabilities(void)
{
    for (unsigned i = 0; i < 64; i++) {
        uint64_t cptr = i < 32 ? LAST + 1 + i : 1ull << i;
        MUST(write_one(TN_PT_CLEAR, cptr, 0, 1, 0, 0, 0) != TN_OK);
        MUST(tn_cnode_copy(TN_SERVER_CNODE, LAST, cptr, TN_RIGHTS_ALL) == TN_FAILED_LOOKUP);
    }
    MUST(tn_cnode_mint(TN_SERVER_CNODE, LAST, TN_SERVER_READY, TN_RIGHTS_ALL, 77) != TN_OK ||
         tn_cnode_delete(TN_SERVER_CNODE, LAST) == TN_OK);
    MUST(tn_tcb_set_priority(TN_SERVER_TCB, 63) == TN_INVALID_ARGUMENT);
}

void attack(unsigned which)
{
    static void (*const kind[ATTACKS])(void) = {attack_memory, attack_shape, attack_halfway, attack_freed,
                                                attack_capabilities};

    kind[which % ATTACKS]();
}
