/* Transactions on a part of one leaf table: changing the rights of several pages, and taking rights away. See leaf.h. */
#include <corten/leaf.h>

#define RUN_SAME (TN_PTE_V | TN_PTE_RWX | PTE_BORROWED)
#define CHUNK_MASK (TN_PTE_PPN_MASK & -(1ull << (PORT_CHUNK_BITS - TN_PAGE_BITS + TN_PTE_PPN_SHIFT)))

/* The first entry from `entry` on, below `end`, that differs from pte in these bits; end if there is none. Eight at a
 * time, three and a half instructions an entry. */
ct_inline const volatile uint64_t *differs(const volatile uint64_t *entry, const volatile uint64_t *end, uint64_t pte,
                                           uint64_t bits)
{
    for (const volatile uint64_t *last = end - 8; entry <= last; entry += 8) {
        uint64_t all = (entry[0] ^ pte) | (entry[1] ^ pte) | (entry[2] ^ pte) | (entry[3] ^ pte) | (entry[4] ^ pte) |
                       (entry[5] ^ pte) | (entry[6] ^ pte) | (entry[7] ^ pte);
        if (all & bits)
            break;
    }
    while (entry < end && ((*entry ^ pte) & bits) == 0)
        entry++;
    return entry;
}

enum ct_status ct_leaf_unlock_slow(struct ct_desc *d)
{
    qlock_unlock(d);
    return CT_OK;
}

enum ct_status ct_leaf_protect_losing(struct ct_worker *w, struct ct_space *s, paddr_t table, uint64_t low,
                                      struct shape shape, tn_cptr_t grant)
{
    struct ct_share *share = ct_share_of(s, w);
    unsigned pages = pending_count(shape.v);
    run_set(&w->batch->run[0], port_desc(table)->cap, grant, shape, 0);
    atomic_store_relaxed(&w->batch->runs, 1);
    port_pt_write(w->index, w->batch);
    share_count(share, MM_PT_WRITES, pages);
    share_count(share, MM_PT_BATCHES, 1);
    share_count(share, MM_TRANSACTIONS, 1);
    ct_space_flush_pages(w, s, CT_FLUSH_LEAF, low, pages);
    cover_unlock(w, table);
    return CT_OK;
}

/* A range that gains rights, with a run for each stretch of entries that one capability covers. The transaction ends, or
 * goes on in the general way where entries are not alike. */
static ct_cold enum ct_status gain_in_runs(struct ct_worker *w, struct ct_space *s, uint64_t low, uint64_t bytes,
                                           unsigned rights, paddr_t table)
{
    struct leaf leaf = leaf_part(table, low, bytes);
    const volatile uint64_t *entry = leaf.entry, *end = entry + leaf.count;
    uint64_t pte = atomic_load_relaxed(entry);
    unsigned runs = 0;
    while (entry < end) {
        uint64_t here = atomic_load_relaxed(entry);
        if (((here ^ pte) & RUN_SAME) || runs == TN_PT_RUNS_MAX)
            return ct_protect_generally(w, s, low, bytes, rights, table);
        const volatile uint64_t *next = differs(entry, end, here, RUN_SAME | CHUNK_MASK);
        unsigned first = leaf.first + (unsigned)(entry - leaf.entry), count = (unsigned)(next - entry);
        run_set(&w->batch->run[runs++], leaf.d->cap, leaf_grant(here, rights),
                run_shape(first, count, TN_PT_PROTECT, rights, 0, 0), 0);
        entry = next;
    }
    struct ct_share *share = ct_share_of(s, w);
    share_count(share, MM_TRANSACTIONS, 1);
    ride_batch(w, s, share, table, leaf.d, run_shape(leaf.first, leaf.count, TN_PT_PROTECT, rights, 0, 0), runs);
    return leaf_unlock(w, &leaf, ct_config.protocol);
}

enum ct_status ct_leaf_protect_many(struct ct_worker *w, struct ct_space *s, uint64_t low, uint64_t bytes,
                                    unsigned rights, paddr_t table)
{
    struct leaf leaf = leaf_part(table, low, bytes);
    const volatile uint64_t *end = leaf.entry + leaf.count;
    uint64_t pte = atomic_load_relaxed(leaf.entry);
    bool gains = rights & ~pte_rights(pte), loses = pte_rights(pte) & ~rights;
    if (ct_unlikely(differs(leaf.entry, end, pte, RUN_SAME | (gains ? CHUNK_MASK : 0)) != end)) {
        return gains && !loses ? gain_in_runs(w, s, low, bytes, rights, table)
                               : ct_protect_generally(w, s, low, bytes, rights, table);
    }
    return leaf_protect_run(w, s, ct_share_of(s, w), low, &leaf, pte, rights, ct_config.protocol);
}
