/* Reservations, new tables, pages of words. See reserve.h. */
#include <corten/batch.h>
#include <corten/lock.h>
#include <corten/reserve.h>
#include <corten/ride.h>
#include <corten/stock.h>

static uint64_t *frame_link(uint64_t frame)
{
    return port_frame((paddr_t){frame});
}

enum ct_status ct_reserve_take(struct ct_cursor *c, const struct ct_need *need)
{
    struct ct_worker *w = c->worker;
    unsigned pages = need->words;
    for (unsigned level = 0; level < ct_config.levels; level++)
        pages += need->tables[level];
    if (pages == 0)
        return CT_OK;
    enum ct_status st = space_charge(w, c->space, pages);
    if (st != CT_OK)
        return st;
    c->charged = pages;
    for (unsigned level = 0; level < ct_config.levels; level++)
        if (need->tables[level] && !stock_has_tables(w, level, need->tables[level]))
            goto no_memory;
    while (c->reserve_count < need->words) {
        if (!stock_has_frames(w, 1))
            goto no_memory;
        uint64_t frame = ct_stock_take_any(w).v;
        *frame_link(frame) = c->reserve;
        c->reserve = frame;
        c->reserve_count++;
    }
    return CT_OK;
no_memory:
    ct_reserve_drop(c);
    return CT_NO_MEMORY;
}

void ct_reserve_drop(struct ct_cursor *c)
{
    while (c->reserve_count) {
        uint64_t frame = c->reserve;
        c->reserve = *frame_link(frame);
        c->reserve_count--;
        ct_stock_put(c->worker, (paddr_t){frame});
    }
    if (c->charged)
        space_uncharge(c->worker, c->space, c->charged);
    c->charged = 0;
}

void ct_need_edge(struct ct_cursor *c, uint64_t va, uint64_t word, struct ct_need *need)
{
    paddr_t table = c->top;
    for (unsigned level = c->top_level;; level--) {
        const struct ct_desc *d = port_desc(table);
        need->words += d->meta == 0;
        if ((va & ((1ull << level_shift(level)) - 1)) == 0)
            return; /* also at level 0 */
        unsigned i = va_index(va, level);
        uint64_t pte = pte_read(table, i);
        if (tn_pte_is_link(pte)) {
            table = table_enter(c, pte);
            continue;
        }
        if (word_same(word_read(d, i), word))
            return;
        while (level-- > 0) {
            need->tables[level]++;
            need->words++;
            if ((va & ((1ull << level_shift(level)) - 1)) == 0)
                return;
        }
        return;
    }
}

paddr_t ct_table_make(struct ct_cursor *c, paddr_t parent, unsigned index)
{
    struct ct_desc *above = port_desc(parent);
    paddr_t table = ct_stock_take_table(c->worker, above->level - 1);
    struct ct_desc *d = port_desc(table);
    d->stale = 0;
    d->meta = 0;
    d->fill = word_read(above, index);
    atomic_store_relaxed(&d->pending, 0);
    ct_lock_new(c, table);
    ct_batch_link(c, parent, index, table);
    c->charged--;
    share_add(&c->share->tables, 1);
    ct_space_look_for_peak(c->space, c->share);
    return table;
}

void ct_words_make(struct ct_cursor *c, struct ct_desc *d)
{
    if (c->reserve_count == 0)
        port_panic("corten: words not reserved", d->level);
    uint64_t frame = c->reserve;
    c->reserve = *frame_link(frame);
    c->reserve_count--;
    c->charged--;
    uint64_t *words = frame_link(frame);
    for (unsigned i = 0; i < TN_PT_ENTRIES; i++)
        words[i] = d->fill;
    d->meta = frame;
    share_add(&c->share->meta, 1);
}

void ct_words_free(struct ct_cursor *c, struct ct_desc *d)
{
    if (d->meta == 0)
        return;
    ct_stock_put(c->worker, (paddr_t){d->meta});
    d->meta = 0;
    share_add(&c->share->meta, -1);
    space_uncharge(c->worker, c->space, 1);
}
