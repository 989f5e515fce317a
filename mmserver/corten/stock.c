/* Stocks and charging. See stock.h. */
#include <corten/stock.h>
#include <corten/epoch.h>
#include <corten/flush.h>

/* What is left of the budget, in parts that shrink as it does. */
static bool take_credit(struct ct_space *s, struct ct_share *share, int64_t pages)
{
    int64_t left = atomic_load_relaxed(&s->budget);
    while (left >= pages) {
        int64_t part = left / (4 * (int64_t)ct_config.workers);
        if (part < pages)
            part = pages;
        if (atomic_cas_relaxed(&s->budget, &left, left - part)) {
            atomic_add_relaxed(&share->credit, part - pages);
            return true;
        }
    }
    return false;
}

/* One thief at a time: what another has in its hands counts as free. Held for a few sweeps, by a worker, which nobody but the host
 * interrupts. */
static void steal_lock(struct ct_space *s)
{
    uint32_t expected = 0;
    while (!atomic_cas_acquire(&s->stealing, &expected, 1)) { /* pairs with: ct_charge_slow */
        expected = 0;
        port_relax();
    }
}

/* Pages that are freed or charged during a sweep move from a share not yet swept to one that was. */
#define SWEEPS 4

enum ct_status ct_charge_slow(struct ct_worker *w, struct ct_space *s, unsigned pages)
{
    struct ct_share *share = ct_share_of(s, w);
    if (take_credit(s, share, pages))
        return CT_OK;
    steal_lock(s);
    bool taken = take_credit(s, share, pages);
    for (unsigned sweep = 0; !taken && sweep < SWEEPS; sweep++) {
        for (unsigned i = 0; i < ct_config.workers; i++) {
            int64_t stolen = atomic_swap_relaxed(&s->share[i].credit, 0);
            if (stolen)
                atomic_add_relaxed(&s->budget, stolen);
        }
        taken = take_credit(s, share, pages);
    }
    atomic_store_release(&s->stealing, 0); /* pairs with: steal_lock */
    return taken ? CT_OK : CT_QUOTA;
}

/* Zeroed and dirty frames have a stack each; new ones go in so that they come out in the order given. */
static unsigned restock(struct ct_worker *w)
{
    paddr_t in[CT_STOCK_BULK];
    bool zeroed = false;
    unsigned n = port_frames_get(w->index, in, CT_STOCK_BULK, &zeroed);
    uint64_t *stack = zeroed ? w->zeroed : w->dirty;
    uint32_t *count = zeroed ? &w->zeroed_count : &w->dirty_count;
    for (unsigned i = n; i-- > 0;)
        stack[(*count)++] = in[i].v;
    return n;
}

/* Never over a stack's end: restock() is called only while both together hold less than n - 1 <= CT_STOCK_BULK. */
bool ct_stock_fill_frames(struct ct_worker *w, unsigned n)
{
    if (n > CT_STOCK_BULK)
        port_panic("corten: reserve of too many frames", n);
    while (w->zeroed_count + w->dirty_count < n) {
        if (restock(w) == 0 && !ct_limbo_reclaim(w))
            return false;
    }
    return true;
}

bool ct_stock_fill_tables(struct ct_worker *w, unsigned level, unsigned n)
{
    while (w->tables_count[level] < n) {
        paddr_t in[CT_STOCK_TABLES];
        unsigned want = level == 0 ? CT_STOCK_TABLES - w->tables_count[0] : n - w->tables_count[level];
        unsigned got = port_tables_get(w->index, level, in, want);
        for (unsigned i = got; i-- > 0;)
            w->tables[level][w->tables_count[level]++] = in[i].v;
        if (got == 0 && !ct_epoch_reclaim(w))
            return false;
    }
    return true;
}

paddr_t ct_stock_take_zeroed_slow(struct ct_worker *w, uint64_t *zeroed)
{
    paddr_t frame = {w->dirty[--w->dirty_count]};
    port_zero(frame);
    counter_add(zeroed, 1);
    return frame;
}

paddr_t ct_stock_take_any(struct ct_worker *w)
{
    return (paddr_t){w->dirty_count ? w->dirty[--w->dirty_count] : w->zeroed[--w->zeroed_count]};
}

void ct_stock_put(struct ct_worker *w, paddr_t frame)
{
    if (w->dirty_count == CT_STOCK_FRAMES) {
        paddr_t out[CT_STOCK_BULK];
        for (unsigned i = 0; i < CT_STOCK_BULK; i++)
            out[i].v = w->dirty[--w->dirty_count];
        port_frames_put(w->index, out, CT_STOCK_BULK);
    }
    w->dirty[w->dirty_count++] = frame.v;
}

paddr_t ct_stock_take_table(struct ct_worker *w, unsigned level)
{
    return (paddr_t){w->tables[level][--w->tables_count[level]]};
}

void ct_stock_put_table(struct ct_worker *w, paddr_t table)
{
    unsigned level = port_desc(table)->level;
    if (w->tables_count[level] == CT_STOCK_TABLES)
        port_tables_put(w->index, level, &table, 1);
    else
        w->tables[level][w->tables_count[level]++] = table.v;
}

void ct_stock_return(struct ct_worker *w)
{
    while (w->zeroed_count)
        port_frames_put(w->index, &(paddr_t){w->zeroed[--w->zeroed_count]}, 1);
    while (w->dirty_count)
        port_frames_put(w->index, &(paddr_t){w->dirty[--w->dirty_count]}, 1);
    for (unsigned level = 0; level < ct_config.levels; level++)
        while (w->tables_count[level])
            port_tables_put(w->index, level, &(paddr_t){w->tables[level][--w->tables_count[level]]}, 1);
}
