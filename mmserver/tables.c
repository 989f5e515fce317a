/* The table pool; see tables.h.
 *
 * Tables that came back form one list a level, through words of their own (tables themselves cannot be written), at
 * TN_SERVER_LINKS + address / 512. New ones are cut from the newest chunk, MAKE_AT_ONCE at a time for level 0, which
 * dominates; what is cut and not asked for goes to the list. All under the lock. */
#include "tables.h"
#include "lock.h"
#include "panic.h"
#include "selfmap.h"
#include "share.h"
#include "slots.h"
#include <corten/port.h>
#include <tenon/invoke_stubs.h>
#include <tenon/server_start.h>

#define DESC_PAGES 8
#define CNODE_PAGE 8
#define VIEW_PAGE 12
#define LINK_PAGE 13
#define FIRST_TABLE 14
#define CHUNK_RADIX 9 /* slots of a chunk's CNode: one a page */
#define MAKE_AT_ONCE SELF_RUNS_MAX
_Static_assert(1u << CHUNK_RADIX == CHUNK_PAGES, "a slot a page");
_Static_assert((CHUNK_PAGES << TN_SLOT_BITS) == (VIEW_PAGE - CNODE_PAGE) * TN_PAGE_BYTES, "the CNode fills its part");

static struct lock lock;
static struct { /* (lock) the newest chunk */
    uint64_t paddr;
    uint32_t untyped, cnode; /* slots of the root CNode; 0: no chunk yet */
    uint32_t page;           /* first page not cut yet */
    uint32_t next_slots;     /* two slots for the next chunk, 0: none taken. Kept while there is no memory for one. */
} chunk = {.page = CHUNK_PAGES};
static uint64_t chunks;              /* (lock) */
static uint64_t list[CT_LEVELS_MAX]; /* (lock) physical addresses, 0: empty */
static uint64_t listed;              /* (lock) tables on the lists */

static uint64_t *link_of(uint64_t paddr)
{
    return (uint64_t *)(TN_SERVER_LINKS + (paddr >> 9));
}

int tables_init(struct tn_ipc_buffer *ipc, uint64_t low, uint64_t high)
{
    return self_cover_large(ipc, TN_SERVER_VIEWS + low, high - low) &&
           self_cover(ipc, TN_SERVER_DESCS + (low >> 6), (high - low) >> 6) &&
           self_cover(ipc, TN_SERVER_LINKS + (low >> 9), (high - low) >> 9);
}

/* The next part of the chunk, into slot `page` of its CNode. */
static void part_make(enum tn_object type, unsigned size_bits, uint32_t page)
{
    server_must(tn_untyped_retype(chunk.untyped, type, size_bits, chunk.cnode, page, 1), "table chunk refused");
}

static int chunk_open(struct tn_ipc_buffer *ipc)
{
    uint64_t paddr;
    if (chunk.next_slots == 0) {
        chunk.next_slots = slots_take(2);
    }
    uint32_t cnode = chunk.next_slots, descs = cnode + 1;
    uint32_t untyped = cnode != 0 ? share_chunk(TN_UNTYPED, &paddr) : 0;

    if (untyped == 0) {
        return 0;
    }
    chunk.next_slots = 0;
    chunk.untyped = untyped;
    chunk.cnode = cnode;
    chunk.paddr = paddr;
    chunk.page = FIRST_TABLE;
    chunks++;
    /* In the order of the parts in memory. */
    server_must(tn_untyped_retype(untyped, TN_FRAME, 15, TN_SERVER_CNODE, descs, 1), "table chunk refused");
    server_must(tn_untyped_retype(untyped, TN_CNODE, CHUNK_RADIX, TN_SERVER_CNODE, cnode, 1), "table chunk refused");
    part_make(TN_PAGETABLE, 0, VIEW_PAGE);
    part_make(TN_FRAME, TN_PAGE_BITS, LINK_PAGE);
    self_map(ipc, TN_SERVER_DESCS + (paddr >> 6), descs, 0, DESC_PAGES, TN_READ | TN_WRITE);
    self_map(ipc, TN_SERVER_LINKS + (paddr >> 9), tn_cptr_in(cnode, LINK_PAGE), 0, 1, TN_READ | TN_WRITE);
    uint64_t view = TN_SERVER_VIEWS + paddr;
    struct tn_pt_run link = {.table = self_table_large(view),
                             .object = tn_cptr_in(cnode, VIEW_PAGE),
                             .first = (uint16_t)(view >> CHUNK_BITS & (TN_PT_ENTRIES - 1)),
                             .count = 1,
                             .op = TN_PT_LINK};
    self_write(ipc, &link, 1);
    return 1;
}

static void table_put(uint64_t paddr, unsigned level)
{
    *link_of(paddr) = list[level];
    list[level] = paddr;
    listed++;
}

/* Cut up to `count` tables and put them on the list. 0: no memory. */
static int tables_cut(struct tn_ipc_buffer *ipc, unsigned level, unsigned count)
{
    struct tn_pt_run view[MAKE_AT_ONCE];

    if (chunk.page == CHUNK_PAGES && !chunk_open(ipc)) {
        return 0;
    }
    if (count > MAKE_AT_ONCE) {
        count = MAKE_AT_ONCE;
    }
    if (count > CHUNK_PAGES - chunk.page) {
        count = (unsigned)(CHUNK_PAGES - chunk.page);
    }
    server_must(tn_untyped_retype(chunk.untyped, TN_PAGETABLE, level, chunk.cnode, chunk.page, count), "table refused");
    for (unsigned i = 0; i < count; i++) {
        uint32_t page = chunk.page + i;
        view[i] = (struct tn_pt_run){.table = tn_cptr_in(chunk.cnode, VIEW_PAGE),
                                     .object = tn_cptr_in(chunk.cnode, page),
                                     .first = (uint16_t)page,
                                     .count = 1,
                                     .op = TN_PT_VIEW,
                                     .rights = TN_READ};
    }
    self_write(ipc, view, count);
    for (unsigned i = 0; i < count; i++, chunk.page++) {
        paddr_t table = {chunk.paddr + chunk.page * TN_PAGE_BYTES};
        ct_table_adopt(table, level, tn_cptr_in(chunk.cnode, chunk.page));
        table_put(table.v, level);
    }
    return 1;
}

unsigned tables_get(struct tn_ipc_buffer *ipc, unsigned level, paddr_t *out, unsigned want)
{
    unsigned n = 0;

    lock_take(&lock);
    while (n < want) {
        if (list[level] == 0 && !tables_cut(ipc, level, level == 0 ? MAKE_AT_ONCE : want - n)) {
            break;
        }
        out[n++].v = list[level];
        list[level] = *link_of(list[level]);
        listed--;
    }
    lock_drop(&lock);
    return n;
}

void tables_put(unsigned level, const paddr_t *in, unsigned count)
{
    lock_take(&lock);
    for (unsigned i = 0; i < count; i++) {
        table_put(in[i].v, level);
    }
    lock_drop(&lock);
}

uint64_t tables_free_pages(void)
{
    lock_take(&lock);
    uint64_t pages = listed + (CHUNK_PAGES - chunk.page) + chunks * FIRST_TABLE;
    lock_drop(&lock);
    return pages;
}
