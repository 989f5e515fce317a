/* The server's own mappings; see selfmap.h. Invariant: a slot in a directory names a linked table. The directories are
 * written at the start alone, by one thread; afterwards they are only read. No locks: entries of one window are
 * written by whoever holds the lock of the pool that the memory behind them belongs to. */
#include "selfmap.h"
#include "frames.h"
#include "panic.h"
#include "share.h"
#include "slots.h"
#include <string.h>
#include <tenon/invoke_stubs.h>

#define GIB_BITS 30
#define GIBS 256 /* the server stays below 256 GiB */

static uint32_t large[GIBS];  /* slots of tables of level 1, by GiB */
static uint32_t *small[GIBS]; /* for each, slots of its 512 tables of level 0 */

void self_write(struct tn_ipc_buffer *ipc, const struct tn_pt_run *run, unsigned count)
{
    struct tn_pt_batch *batch = tn_batch(ipc);
    size_t bytes = sizeof *batch + count * sizeof *run;
    uint8_t saved[sizeof *batch + SELF_RUNS_MAX * sizeof *run];

    memcpy(saved, batch, bytes);
    batch->runs = count;
    memcpy(batch->run, run, count * sizeof *run);
    server_must((int)tn_pt_write(), "own page-table write refused");
    memcpy(batch, saved, bytes);
}

/* A table of `level`, linked into entry `index` of `parent`. Its slot, 0: no memory. */
static uint32_t table_make(struct tn_ipc_buffer *ipc, unsigned level, tn_cptr_t parent, uint64_t index)
{
    uint32_t untyped = share_objects_take(TN_PAGETABLE_BITS);
    uint32_t slot = untyped != 0 ? slots_take(1) : 0;

    if (slot == 0) {
        return 0;
    }
    server_must(tn_untyped_retype(untyped, TN_PAGETABLE, level, TN_SERVER_CNODE, slot, 1), "own table refused");
    struct tn_pt_run link = {.table = parent, .object = slot, .first = (uint16_t)index, .count = 1, .op = TN_PT_LINK};
    self_write(ipc, &link, 1);
    return slot;
}

int self_cover_large(struct tn_ipc_buffer *ipc, uint64_t address, uint64_t bytes)
{
    for (uint64_t gib = address >> GIB_BITS; gib <= (address + bytes - 1) >> GIB_BITS; gib++) {
        if (large[gib] == 0) {
            large[gib] = table_make(ipc, 1, TN_SERVER_TABLE, gib);
        }
        if (large[gib] == 0) {
            return 0;
        }
    }
    return 1;
}

int self_cover(struct tn_ipc_buffer *ipc, uint64_t address, uint64_t bytes)
{
    if (!self_cover_large(ipc, address, bytes)) {
        return 0;
    }
    for (uint64_t at = address >> CHUNK_BITS; at <= (address + bytes - 1) >> CHUNK_BITS; at++) {
        uint64_t gib = at / TN_PT_ENTRIES, index = at % TN_PT_ENTRIES;
        if (small[gib] == NULL) {
            small[gib] = frames_heap(TN_PT_ENTRIES * sizeof small[gib][0]);
        }
        if (small[gib] != NULL && small[gib][index] == 0) {
            small[gib][index] = table_make(ipc, 0, large[gib], index);
        }
        if (small[gib] == NULL || small[gib][index] == 0) {
            return 0;
        }
    }
    return 1;
}

tn_cptr_t self_table_large(uint64_t address)
{
    return large[address >> GIB_BITS];
}

tn_cptr_t self_table(uint64_t address)
{
    return small[address >> GIB_BITS][address >> CHUNK_BITS & (TN_PT_ENTRIES - 1)];
}

void self_map(struct tn_ipc_buffer *ipc, uint64_t address, tn_cptr_t frame, uint64_t page, uint64_t pages,
              unsigned rights)
{
    while (pages > 0) {
        uint64_t first = address >> TN_PAGE_BITS & (TN_PT_ENTRIES - 1);
        uint64_t count = pages < TN_PT_ENTRIES - first ? pages : TN_PT_ENTRIES - first;
        struct tn_pt_run map = {.table = self_table(address),
                                .object = frame,
                                .first = (uint16_t)first,
                                .count = (uint16_t)count,
                                .op = TN_PT_MAP,
                                .rights = (uint8_t)rights,
                                .page = page};
        self_write(ipc, &map, 1);
        address += count << TN_PAGE_BITS;
        page += count;
        pages -= count;
    }
}
