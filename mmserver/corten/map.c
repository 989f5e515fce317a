/* Putting frames into a space: map, map_borrowed, populate. An entry that becomes valid keeps its word, which no
 * longer counts. */
#include <corten/batch.h>
#include <corten/cursor_in.h>
#include <corten/flush.h>
#include <corten/map.h>
#include <corten/reserve.h>
#include <corten/stock.h>

enum ct_status ct_leaf_make(struct ct_cursor *c, paddr_t *table, unsigned level)
{
    struct ct_need need = {0};
    for (unsigned below = 0; below < level; below++)
        need.tables[below] = 1;
    enum ct_status st = ct_reserve_take(c, &need);
    if (st != CT_OK)
        return st;
    for (; level > 0; level--)
        *table = ct_table_make(c, *table, va_index(c->at, level));
    c->leaf = *table;
    c->leaf_base = c->at & -(1ull << level_shift(1));
    return CT_OK;
}

/* The leaf table for the position, with an invalid entry there; its word is *word. */
static enum ct_status leaf_for_map(struct ct_cursor *c, paddr_t *table, uint64_t *word)
{
    unsigned level = ct_cursor_walk(c, c->at, table);
    unsigned i = va_index(c->at, level);
    *word = word_read(port_desc(*table), i);
    if (level > 0)
        return ct_leaf_make(c, table, level);
    return (pte_read(*table, i) & TN_PTE_V) || word_kind(*word) == CT_HELD ? CT_EXISTS : CT_OK;
}

static enum ct_status map_at(struct ct_cursor *c, tn_cptr_t cap, uint64_t page, unsigned rights, unsigned soft)
{
    if (c->at >= c->high)
        return CT_RANGE;
    paddr_t table;
    uint64_t word;
    enum ct_status st = leaf_for_map(c, &table, &word);
    if (st != CT_OK)
        return st;
    cursor_before_map(c, word);
    ct_batch_map(c, table, va_index(c->at, 0), cap, page, rights, soft);
    c->at += TN_PAGE_BYTES;
    return CT_OK;
}

enum ct_status cursor_map(struct ct_cursor *c, paddr_t frame, unsigned rights)
{
    enum ct_status st = space_charge(c->worker, c->space, 1);
    if (st != CT_OK)
        return st;
    st = map_at(c, port_frame_cap(frame), port_frame_page(frame), rights, 0);
    if (st == CT_OK)
        space_took_frame(c->space, c->share);
    else
        space_uncharge(c->worker, c->space, 1);
    return st;
}

enum ct_status cursor_map_borrowed(struct ct_cursor *c, paddr_t frame, tn_cptr_t cap, uint64_t page, unsigned rights)
{
    (void)frame; /* what the entry will show; the port resolves it from cap and page */
    return map_at(c, cap, page, rights, PTE_SOFT_BORROWED);
}

/* A zeroed frame for the position, whose entry is invalid with this word, in this leaf table. */
static enum ct_status populate_page(struct ct_cursor *c, paddr_t table, uint64_t word)
{
    struct ct_worker *w = c->worker;
    if (!stock_has_frames(w, 1))
        return CT_NO_MEMORY;
    enum ct_status st = space_charge(w, c->space, 1);
    if (st != CT_OK)
        return st;
    paddr_t frame = stock_take_zeroed(w, &c->share->count[MM_PAGES_ZEROED]);
    cursor_before_map(c, word);
    ct_batch_map(c, table, va_index(c->at, 0), port_frame_cap(frame), port_frame_page(frame), word_rights(word), 0);
    space_took_frame(c->space, c->share);
    return CT_OK;
}

enum ct_status cursor_populate(struct ct_cursor *c, uint64_t bytes)
{
    if ((bytes & (TN_PAGE_BYTES - 1)) || bytes > c->high - c->at)
        return CT_RANGE;
    uint64_t end = c->at + bytes;
    while (c->at < end) {
        paddr_t table;
        unsigned level = ct_cursor_walk(c, c->at, &table);
        unsigned i = va_index(c->at, level);
        uint64_t span = 1ull << level_shift(level);
        uint64_t word = word_read(port_desc(table), i);
        bool wanted = !(pte_read(table, i) & TN_PTE_V) && word_kind(word) == CT_ANON && word_rights(word);
        enum ct_status st = CT_OK;
        if (wanted && level > 0) {
            st = ct_leaf_make(c, &table, level);
            span = TN_PAGE_BYTES;
        }
        if (wanted && st == CT_OK)
            st = populate_page(c, table, word);
        if (st != CT_OK)
            return st;
        uint64_t next = (c->at | (span - 1)) + 1;
        c->at = next < end ? next : end;
    }
    return CT_OK;
}
