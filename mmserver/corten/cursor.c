/* Cursors: begin and end of a transaction, position, queries. Called by servers; see cursor.h.
 *
 * Order at the end of a transaction: entries written, translations flushed as policy and rights demand, tables that
 * were unlinked released (they are stale), locks dropped. Nothing of it can fail.
 */
#include <corten/batch.h>
#include <corten/cursor_in.h>
#include <corten/epoch.h>
#include <corten/flush.h>
#include <corten/lock.h>
#include <corten/mark.h>
#include <corten/ride.h>
#include <corten/stock.h>

#define STOCK_LOW 8 /* frames a worker wants to have before it locks anything */

static bool range_is_valid(uint64_t low, uint64_t high)
{
    return ((low | high) & (TN_PAGE_BYTES - 1)) == 0 && low < high && high <= ct_user_end();
}

enum ct_status cursor_lock(struct ct_worker *w, struct ct_space *s, vaddr_t low, vaddr_t high, struct ct_cursor *c)
{
    if (!range_is_valid(low.v, high.v))
        return CT_RANGE;
    if (ct_unlikely(w->ride.v))
        ct_worker_settle(w);
    if (w->zeroed_count + w->dirty_count < STOCK_LOW)
        (void)!ct_stock_fill_frames(w, STOCK_LOW); /* while no lock is held; what fails says so when it needs one */
    cursor_open(w, s, low.v, high.v, c);
    ct_lock_range(c);
    return CT_OK;
}

enum ct_status ct_cursor_continue(struct ct_worker *w, struct ct_space *s, uint64_t low, uint64_t high, paddr_t locked,
                                  struct ct_cursor *c)
{
    if (locked.v && port_desc(locked)->stale) {
        cover_unlock(w, locked);
        share_count(ct_share_of(s, w), MM_RETRIES, 1);
        locked.v = 0;
    }
    if (locked.v == 0)
        return cursor_lock(w, s, (vaddr_t){low}, (vaddr_t){high}, c);
    cursor_open(w, s, low, high, c);
    share_count(c->share, MM_TRANSACTIONS, 1);
    table_land(w, s, locked);
    c->top = locked;
    c->top_level = 0;
    return CT_OK;
}

void ct_cursor_clears(struct ct_cursor *c)
{
    if (c->cleared)
        return;
    c->cleared = true;
    if (ct_config.flush == CT_FLUSH_LAZY) {
        c->generation = atomic_load_relaxed(&c->space->started);
        c->stamp = stamp_of(c->generation);
    }
}

void ct_cursor_flush_range(struct ct_cursor *c, uint64_t low, uint64_t high)
{
    if (low < c->flush_low)
        c->flush_low = low;
    if (high > c->flush_high)
        c->flush_high = high;
}

void ct_cursor_flush_for(struct ct_cursor *c, uint64_t word)
{
    uint64_t stamp = word & WORD_STAMP_MASK;
    bool own = c->flush_high || (c->cleared && stamp && stamp == c->stamp);
    if (!own && !(stamp && ct_stamp_pending(c->space, stamp >> WORD_STAMP_SHIFT)))
        return;
    batch_settle(c);
    ct_space_flush(c->worker, c->space, CT_FLUSH_REMAP);
    if (ct_config.flush == CT_FLUSH_NOW)
        ct_limbo_release_all(c->worker);
    c->cleared = false; /* all that was cleared up to here is flushed */
    c->stamp = 0;
    c->flush_low = ~0ull;
    c->flush_high = 0;
}

/* Entries are written; the locks are held. */
static void flush_at_end(struct ct_cursor *c)
{
    struct ct_worker *w = c->worker;
    struct ct_space *s = c->space;
    if (c->stamp && !c->exclusive) {
        uint64_t generation = generation_now(s);
        if (ct_unlikely(generation != c->generation && !ct_flush_left_out(CT_FLUSH_RACED))) /* flush.h, 2. */
            ct_mark_restamp(c, generation);
    }
    if (c->flush_high == ~0ull) {
        ct_space_flush(w, s, CT_FLUSH_END_ALL);
    } else if (c->flush_high) {
        ct_space_flush_pages(w, s, CT_FLUSH_END_RANGE, c->flush_low, (c->flush_high - c->flush_low) >> TN_PAGE_BITS);
    }
    if (ct_config.flush == CT_FLUSH_NOW)
        ct_limbo_release_all(w);
}

static void retire_removed(struct ct_cursor *c)
{
    uint64_t generation = ct_config.flush == CT_FLUSH_NOW ? 0 : generation_now(c->space);
    while (c->removed) {
        paddr_t table = {c->removed};
        c->removed = port_desc(table)->limbo_next;
        ct_unlock_removed(c, table);
        ct_epoch_retire(c->worker, c->space, table, generation);
    }
}

void ct_cursor_commit(struct ct_cursor *c)
{
    batch_settle(c);
    if (c->cleared || c->flush_high)
        flush_at_end(c);
    if (c->removed)
        retire_removed(c);
}

void cursor_unlock(struct ct_cursor *c)
{
    ct_cursor_commit(c);
    ct_unlock_range(c);
}

void cursor_jump(struct ct_cursor *c, vaddr_t va)
{
    if ((va.v & (TN_PAGE_BYTES - 1)) || va.v < c->low || va.v > c->high)
        port_panic("corten: jump out of the locked range", va.v);
    if (va.v < c->at)
        batch_settle(c); /* what is behind may be in the batch */
    c->at = va.v;
}

unsigned ct_cursor_walk(struct ct_cursor *c, uint64_t va, paddr_t *table)
{
    if (c->leaf.v && va - c->leaf_base < 1ull << level_shift(1)) {
        *table = c->leaf;
        return 0;
    }
    batch_settle(c); /* links among it must show */
    paddr_t t = c->top;
    unsigned level = c->top_level;
    for (; level > 0; level--) {
        uint64_t pte = pte_read(t, va_index(va, level));
        if (!tn_pte_is_link(pte))
            break;
        t = table_enter(c, pte);
    }
    if (level == 0) {
        c->leaf = t;
        c->leaf_base = va & -(1ull << level_shift(1));
    }
    *table = t;
    return level;
}

static void page_of_word(uint64_t word, struct ct_page *page)
{
    page->kind = word_kind(word);
    page->rights = word_rights(word);
    page->borrowed = (word & WORD_BORROWED) != 0;
    page->frame.v = page->kind == CT_HELD ? tn_pte_paddr(word) : 0;
}

void ct_cursor_look(struct ct_cursor *c, struct ct_page *page)
{
    paddr_t table;
    unsigned level = ct_cursor_walk(c, c->at, &table);
    uint64_t span = 1ull << level_shift(level);
    unsigned i = va_index(c->at, level);
    uint64_t pte = pte_read(table, i);
    if (tn_pte_is_leaf(pte)) {
        page->kind = CT_MAPPED;
        page->rights = pte_rights(pte);
        page->borrowed = (pte & PTE_BORROWED) != 0;
        page->frame.v = tn_pte_paddr(pte);
    } else {
        page_of_word(word_read(port_desc(table), i), page);
    }
    page->bytes = span - (c->at & (span - 1));
}

static void clip_page(const struct ct_cursor *c, struct ct_page *page)
{
    if (page->bytes > c->high - c->at)
        page->bytes = c->high - c->at;
}

void cursor_query(struct ct_cursor *c, struct ct_page *page)
{
    if (c->at >= c->high)
        port_panic("corten: query at the end of the locked range", c->at);
    batch_settle(c);
    ct_cursor_look(c, page);
    clip_page(c, page);
}

bool cursor_find_next(struct ct_cursor *c, struct ct_page *page)
{
    batch_settle(c);
    while (c->at < c->high) {
        ct_cursor_look(c, page);
        clip_page(c, page);
        if (page->kind != CT_NONE)
            return true;
        c->at += page->bytes;
    }
    return false;
}
