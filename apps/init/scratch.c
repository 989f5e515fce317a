/* init's scratch range; see scratch.h. It lies under an entry of init's root table that the kernel has left empty, so
 * that all tables over it are init's own. One thread uses it. */
#include "scratch.h"
#include "finish.h"
#include "memory.h"
#include <tenon/ipc.h>

#define INDEX_BITS 9

static struct tn_ipc_buffer *const ipc = (struct tn_ipc_buffer *)TN_INIT_IPC_BUFFER;
static tn_cptr_t table; /* of level 0 */
static uint64_t base;
static uint64_t used_pages;

void scratch_write(const struct tn_pt_run *run)
{
    struct tn_pt_batch *batch = tn_batch(ipc);

    batch->runs = 1;
    batch->run[0] = *run;
    enum tn_error error = tn_pt_write();
    if (error != TN_OK) {
        fail("init: the kernel refuses a page-table write: error %u", error);
    }
}

void scratch_init(unsigned levels)
{
    /* With three levels init's own things lie in the first 256 entries of the root, with more in its first. */
    uint64_t index = levels == 3 ? 250 : 1;
    tn_cptr_t parent = TN_INIT_ROOT_TABLE;

    base = index << (TN_PAGE_BITS + INDEX_BITS * (levels - 1));
    for (unsigned level = levels - 1; level > 0; level--) {
        table = memory_need(TN_PAGETABLE, level - 1, TN_PAGETABLE_BITS, "init", "its own tables");
        struct tn_pt_run link = {
            .table = parent, .object = table, .first = (uint16_t)index, .count = 1, .op = TN_PT_LINK};
        scratch_write(&link);
        parent = table;
        index = 0;
    }
}

void *scratch_map(tn_cptr_t frame, uint64_t page, uint64_t pages, unsigned rights)
{
    if (pages > SCRATCH_PAGES - used_pages) {
        fail("init: no address left to map %lu pages at", pages);
    }
    struct tn_pt_run map = {.table = table,
                            .object = frame,
                            .first = (uint16_t)used_pages,
                            .count = (uint16_t)pages,
                            .op = TN_PT_MAP,
                            .rights = (uint8_t)rights,
                            .page = page};
    scratch_write(&map);
    void *address = (void *)(base + used_pages * TN_PAGE_BYTES);
    used_pages += pages;
    return address;
}
