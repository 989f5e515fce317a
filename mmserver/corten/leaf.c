/* Transactions on a part of one leaf table: what is done in a kernel entry of its own. See leaf.h. */
#include <corten/leaf.h>

enum ct_status ct_leaf_protect_losing(struct ct_worker *w, struct ct_space *s, paddr_t table, uint64_t low,
                                      struct shape shape, tn_cptr_t grant)
{
    struct ct_share *share = ct_share_of(s, w);
    struct tn_pt_batch *b = w->batch;
    unsigned pages = pending_count(shape.v);
    run_set(&b->run[0], port_desc(table)->cap, grant, shape, 0);
    b->runs = 1;
    port_pt_write(w->index, b);
    share_count(share, MM_PT_WRITES, pages);
    share_count(share, MM_PT_BATCHES, 1);
    ct_space_flush_pages(w, s, CT_FLUSH_LEAF, low, pages);
    cover_unlock(w, table);
    return CT_OK;
}
