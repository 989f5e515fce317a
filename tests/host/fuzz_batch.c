// uses: tests/host/fuzz_batch.c
/* libFuzzer: arbitrary batches of page-table writes to the kernel: ptwrite.c, and ptfast.h beside it. Both are the kernel's sources
 * with two instructions put in C (kernel_host.sed), so memory of this program is its memory.
 *
 * An input is a sequence of batches, each: 2 bytes length, then the bytes that the batch area of the IPC buffer begins with.
 * Capability pointers are brought near to those that exist; everything else stands as it is. The tables go from batch to batch.
 *
 * Demanded after each, whatever was in it:
 *   - refused: no entry has changed, and failed_run is one of the runs, or beyond the last for the batch itself;
 *   - each entry is 0, a leaf into a Frame held, with rights of its capability and no more, in pages that it has, a read-only view
 *     of a table, or a link to a table one level down; nothing is in the kernel's half of the root;
 *   - where the fast path takes the batch it does what the plain one does, and else nothing.
 * That nothing beyond the buffer is read or written is the address sanitizer's to see. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/platform.h"
#include "kernel/ptfast.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

uint32_t mmu_levels = 3;
struct platform platform = {.has_svpbmt = true};

/* The account of the debug build has no TLBs to watch here. */
void flushcheck_entry(const pte_t *entry, pte_t old, pte_t value, bool wanted)
{
    (void)entry, (void)old, (void)value, (void)wanted;
}

#define TABLES 5
#define BUFFER_PAGES 2
#define AREA_BYTES (BUFFER_PAGES * TN_PAGE_BYTES - TN_IPC_BATCH_OFFSET)
#define ROOT_RADIX 4
#define INNER_RADIX 2
#define ROOT_TABLE 4

static pte_t tables[TABLES][TN_PT_ENTRIES] __attribute__((aligned(4096)));
static const uint32_t table_level[TABLES] = {0, 0, 1, 1, 2};

static const struct held_frame {
    uint64_t paddr;
    uint32_t bits, rights;
    bool device;
} frames[] = {
    {0x80001000, 12, TN_READ | TN_WRITE | TN_EXEC, false},
    {0x80200000, 21, TN_READ | TN_WRITE | TN_EXEC, false},
    {0x80400000, 21, TN_READ, false},
    {0x10000000, 12, TN_READ | TN_WRITE, true},
    {0x4000000000, 31, TN_READ | TN_WRITE, false},
};
#define FRAMES (sizeof frames / sizeof frames[0])

static struct slot root[1 << ROOT_RADIX] __attribute__((aligned(64))),
    inner[1 << INNER_RADIX] __attribute__((aligned(64)));
static struct tcb thread;

#define DEMAND(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))
static void fail(const char *what, int line)
{
    fprintf(stderr, "fuzz_batch.c:%d: not so: %s\n", line, what);
    abort();
}

static void put(struct slot *s, struct cap c)
{
    s->w0 = c.w0;
    s->w1 = c.w1;
}
static struct cap table_cap(unsigned i, uint64_t rights)
{
    return cap_make(TN_PAGETABLE, tables[i], rights, table_level[i]);
}
static struct cap frame_cap(unsigned i)
{
    const struct held_frame *f = &frames[i];
    return cap_make(TN_FRAME, phys_to_virt((paddr_t){f->paddr}), f->rights, f->bits | (f->device ? FRAME_DEVICE : 0));
}

static void start(void)
{
    for (unsigned i = 0; i < 4; i++)
        put(&root[1 + i], table_cap(i == 3 ? ROOT_TABLE : i, TN_READ | TN_WRITE));
    put(&root[5], table_cap(0, TN_READ));
    for (unsigned i = 0; i < 4; i++)
        put(&root[6 + i], frame_cap(i));
    put(&root[10], cap_make(TN_CNODE, inner, 0, INNER_RADIX));
    put(&root[11], cap_make(TN_ENDPOINT, root, TN_RIGHTS_ALL, 0));
    put(&inner[0], frame_cap(4));
    put(&inner[1], table_cap(3, TN_READ | TN_WRITE));
    put(&inner[2], cap_make(TN_UNTYPED, root, 12, 0));
    thread.root = cspace_root(root, ROOT_RADIX);
    thread.buffer = (uint64_t)aligned_alloc(TN_PAGE_BYTES, BUFFER_PAGES * TN_PAGE_BYTES) | BUFFER_PAGES;
}

static struct tn_pt_batch *batch(void)
{
    return ptwrite_batch_in(thread.buffer);
}

/* ---- what an entry may be ---- */

static bool is_table(uint64_t paddr, int level)
{
    for (unsigned i = 0; i < TABLES; i++)
        if (virt_to_phys(tables[i]).v == paddr && (level < 0 || (int)table_level[i] == level))
            return true;
    return false;
}

static bool is_leaf_held(pte_t pte, uint32_t level)
{
    uint64_t paddr = tn_pte_paddr(pte), rights = pte >> 1 & 7, bytes = TN_PAGE_BYTES << (9 * level);

    for (unsigned i = 0; i < FRAMES; i++) {
        const struct held_frame *f = &frames[i];
        if (paddr >= f->paddr && paddr + bytes <= f->paddr + (1ull << f->bits))
            return paddr % bytes == 0 && (rights & ~(uint64_t)f->rights) == 0 &&
                   (pte & PTE_PBMT_IO) == (f->device ? PTE_PBMT_IO : 0);
    }
    return level == 0 && rights == TN_READ && is_table(paddr, -1);
}

static bool is_valid(pte_t pte, uint32_t level)
{
    if (pte == 0)
        return true;
    if (!(pte & TN_PTE_V) || (pte & TN_PTE_G) || pte >> 63 || (pte >> 54 & 0x7f))
        return false;
    if (tn_pte_is_link(pte))
        return level > 0 && (pte & 0x3ff) == TN_PTE_V && is_table(tn_pte_paddr(pte), (int)level - 1);
    return (pte & TN_PTE_U) && pt_rights_valid(pte >> 1 & 7) && is_leaf_held(pte, level);
}

static void check_tables(pte_t before[TABLES][TN_PT_ENTRIES])
{
    for (unsigned t = 0; t < TABLES; t++)
        for (unsigned i = 0; i < TN_PT_ENTRIES; i++)
            DEMAND(tables[t][i] == before[t][i] || is_valid(tables[t][i], table_level[t]));
    for (unsigned i = ROOT_KERNEL_FIRST; i < TN_PT_ENTRIES; i++)
        DEMAND(tables[ROOT_TABLE][i] == 0);
}

/* ---- batches ---- */

static tn_cptr_t near(tn_cptr_t cptr)
{
    return (cptr >> 32) % ((1 << INNER_RADIX) + 2) << 32 | (uint32_t)cptr % ((1 << ROOT_RADIX) + 1);
}

/* The next batch of the input into the buffer. */
static void place(const uint8_t *data, size_t bytes)
{
    struct tn_pt_batch *b = batch();

    memset(b, 0, AREA_BYTES);
    memcpy(b, data, bytes < AREA_BYTES ? bytes : AREA_BYTES);
    for (uint32_t i = 0; i < b->runs && sizeof *b + (i + 1) * sizeof b->run[0] <= AREA_BYTES; i++) {
        b->run[i].table = near(b->run[i].table);
        b->run[i].object = near(b->run[i].object);
    }
}

static void write_batch(void)
{
    static pte_t before[TABLES][TN_PT_ENTRIES], after[TABLES][TN_PT_ENTRIES];
    static uint8_t area[AREA_BYTES], area_after[AREA_BYTES];
    uint32_t count = batch()->runs;

    memcpy(before, tables, sizeof tables);
    memcpy(area, batch(), AREA_BYTES);
    bool fast = ptfast_batch(&thread);
    memcpy(after, tables, sizeof tables);
    memcpy(area_after, batch(), AREA_BYTES);
    DEMAND(fast || (memcmp(before, after, sizeof after) == 0 && memcmp(area, area_after, AREA_BYTES) == 0));
    memcpy(tables, before, sizeof tables);
    memcpy(batch(), area, AREA_BYTES);
    status_t status = ptwrite_batch(&thread);
    if (fast) {
        DEMAND(status == TN_OK);
        DEMAND(memcmp(tables, after, sizeof after) == 0 && memcmp(batch(), area_after, AREA_BYTES) == 0);
    }
    if (status != TN_OK) {
        DEMAND(memcmp(before, tables, sizeof tables) == 0);
        DEMAND(batch()->failed_run < count || (batch()->failed_run == count && status == TN_TRUNCATED_MESSAGE));
    } else {
        DEMAND(batch()->runs == 0);
    }
    check_tables(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (thread.buffer == 0)
        start();
    memset(tables, 0, sizeof tables);
    while (bytes >= 2) {
        size_t length = data[0] | data[1] << 8;
        data += 2, bytes -= 2;
        length = length < bytes ? length : bytes;
        place(data, length);
        write_batch();
        data += length, bytes -= length;
    }
    return 0;
}
