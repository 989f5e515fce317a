/* Mark and unmap: give a range one status, whatever was there.
 *
 *      table                  entry wholly in the range                  entry partly in the range (at most two a
 *      level) level > 0              link: empty all below, unlink; word        link: go down; else push its word
 *      down, go down level 0                valid: clear, free frame; word             does not occur
 *
 * First what is needed is reserved (only the two edges of the range can need anything), then everything is done. Words
 * of cleared entries and of entries whose table was unlinked carry the transaction's stamp (flush.h).
 */
#include <corten/batch.h>
#include <corten/cursor_in.h>
#include <corten/flush.h>
#include <corten/mark.h>
#include <corten/reserve.h>
#include <corten/ride.h>
#include <corten/stock.h>

#define GAP_MAX 8 /* invalid entries that a clearing run may pass over: cheaper than another run */

/* A run of entries to clear that grows as valid ones are found. */
struct clear_run {
    unsigned first, end; /* first == end: none */
};

static void clear_run_flush(struct ct_cursor *c, paddr_t table, struct clear_run *run)
{
    if (run->end > run->first)
        ct_batch_clear(c, table, run->first, run->end - run->first, true);
    run->first = run->end = 0;
}

static void clear_run_add(struct ct_cursor *c, paddr_t table, struct clear_run *run, unsigned i)
{
    if (run->end > run->first && i - run->end > GAP_MAX)
        clear_run_flush(c, table, run);
    if (run->end == run->first)
        run->first = i;
    run->end = i + 1;
}

/* A frame that was held without a mapping. No TLB has had it since the transaction that took its rights ended; if that
 * may be this one, it waits like a frame just unmapped. */
static void free_held(struct ct_cursor *c, uint64_t word)
{
    if (word_kind(word) != CT_HELD || (word & WORD_BORROWED))
        return;
    if (c->flush_high)
        ct_limbo_put(c->worker, c->space, pte_table(word), generation_now(c->space));
    else
        ct_stock_put(c->worker, pte_table(word));
    share_add(&c->share->frames, -1);
    space_uncharge(c->worker, c->space, 1);
}

static void strip_leaves(struct ct_cursor *c, paddr_t table)
{
    const uint64_t *words = desc_words(port_desc(table));
    struct clear_run run = {0, 0};
    for (unsigned i = 0; i < TN_PT_ENTRIES; i++) {
        if (pte_read(table, i) & TN_PTE_V)
            clear_run_add(c, table, &run, i);
        else if (words)
            free_held(c, words[i]);
    }
    clear_run_flush(c, table, &run);
}

/* Links of a table that is going, cleared: it is kept empty for its next use. */
static void clear_links(struct ct_cursor *c, paddr_t table, unsigned first, unsigned end)
{
    if (end > first)
        ct_batch_clear(c, table, first, end - first, false);
}

void ct_table_strip(struct ct_cursor *c, paddr_t table)
{
    struct ct_desc *d = port_desc(table);
    if (d->level == 0) {
        strip_leaves(c, table);
    } else {
        unsigned first = TN_PT_ENTRIES, end = 0;
        for (unsigned i = 0; i < TN_PT_ENTRIES; i++) {
            uint64_t pte = pte_read(table, i);
            if (!tn_pte_is_link(pte))
                continue;
            first = first < i ? first : i;
            end = i + 1;
            ct_table_strip(c, table_enter(c, pte));
        }
        clear_links(c, table, first, end);
    }
    ct_words_free(c, d);
    d->stale = 1;
    d->limbo_next = c->removed;
    c->removed = table.v;
    share_add(&c->share->tables, -1);
    space_uncharge(c->worker, c->space, 1);
}

void ct_table_unlink(struct ct_cursor *c, paddr_t parent, unsigned index, paddr_t child)
{
    ct_cursor_clears(c);
    if (ct_config.flush == CT_FLUSH_NOW && !ct_flush_left_out(CT_FLUSH_UNLINKED))
        ct_cursor_flush_range(c, 0, ~0ull); /* a flush of addresses alone would leave cached links */
    ct_batch_clear(c, parent, index, 1, false);
    ct_table_strip(c, child);
}

static void mark_leaves(struct ct_cursor *c, paddr_t table, uint64_t low, uint64_t high, uint64_t word)
{
    struct ct_desc *d = port_desc(table);
    struct clear_run run = {0, 0};
    unsigned first = va_index(low, 0), end = va_index(high - 1, 0) + 1;
    uint64_t base = low - ((uint64_t)first << TN_PAGE_BITS);
    uint64_t *words = desc_words(d);
    for (unsigned i = first; i < end; i++) {
        uint64_t old = words ? words[i] : d->fill;
        if (pte_read(table, i) & TN_PTE_V) {
            ct_cursor_clears(c);
            clear_run_add(c, table, &run, i);
            if (ct_config.flush == CT_FLUSH_NOW && !ct_flush_left_out(CT_FLUSH_UNMAPPED))
                ct_cursor_flush_range(c, base + ((uint64_t)i << TN_PAGE_BITS), base + ((i + 1ull) << TN_PAGE_BITS));
            old = c->stamp;
        } else if (ct_unlikely(word_kind(old) == CT_HELD)) {
            free_held(c, old);
        }
        old = word | (old & WORD_STAMP_MASK);
        if (ct_likely(words)) {
            words[i] = old;
        } else {
            word_write(c, d, i, old);
            words = desc_words(d);
        }
    }
    clear_run_flush(c, table, &run);
}

static void mark_table(struct ct_cursor *c, paddr_t table, unsigned level, uint64_t low, uint64_t high, uint64_t word)
{
    if (level == 0) {
        mark_leaves(c, table, low, high, word);
        return;
    }
    struct ct_desc *d = port_desc(table);
    uint64_t span = 1ull << level_shift(level);
    while (low < high) {
        unsigned i = va_index(low, level);
        uint64_t entry_end = (low | (span - 1)) + 1;
        uint64_t end = entry_end < high ? entry_end : high;
        uint64_t pte = pte_read(table, i);
        uint64_t old = word_read(d, i);
        if (end - low < span) {
            if (tn_pte_is_link(pte))
                mark_table(c, table_enter(c, pte), level - 1, low, end, word);
            else if (!word_same(old, word))
                mark_table(c, ct_table_make(c, table, i), level - 1, low, end, word);
        } else {
            if (tn_pte_is_link(pte)) {
                ct_table_unlink(c, table, i, table_enter(c, pte));
                old = c->stamp;
            }
            word_write(c, d, i, word | (old & WORD_STAMP_MASK));
        }
        low = end;
    }
}

static enum ct_status reserve(struct ct_cursor *c, uint64_t end, uint64_t word)
{
    struct ct_need need = {0};
    ct_need_edge(c, c->at, word, &need);
    if (c->top_level > 0)
        ct_need_edge(c, end, word, &need);
    return ct_reserve_take(c, &need);
}

enum ct_status cursor_mark(struct ct_cursor *c, uint64_t bytes, ct_word_t word)
{
    if ((bytes & (TN_PAGE_BYTES - 1)) || bytes > c->high - c->at)
        return CT_RANGE;
    if (bytes == 0)
        return CT_OK;
    batch_settle(c);
    if (ct_unlikely(c->top_level > 0 || port_desc(c->top)->meta == 0)) {
        enum ct_status st = reserve(c, c->at + bytes, word.v);
        if (st != CT_OK)
            return st;
    }
    c->leaf.v = 0;
    mark_table(c, c->top, c->top_level, c->at, c->at + bytes, word.v);
    c->at += bytes;
    if (ct_unlikely(c->charged))
        ct_reserve_drop(c);
    return CT_OK;
}

static void restamp_table(paddr_t table, unsigned level, uint64_t low, uint64_t last, uint64_t from, uint64_t to)
{
    struct ct_desc *d = port_desc(table);
    uint64_t *words = desc_words(d), span = 1ull << level_shift(level);
    if ((d->fill & WORD_STAMP_MASK) == from)
        d->fill = (d->fill & ~WORD_STAMP_MASK) | to;
    for (unsigned i = va_index(low, level), end = va_index(last, level); i <= end; i++) {
        uint64_t entry_last = low | (span - 1);
        uint64_t pte = level ? pte_read(table, i) : 0;
        if (tn_pte_is_link(pte))
            restamp_table(pte_table(pte), level - 1, low, entry_last < last ? entry_last : last, from, to);
        else if (words && (words[i] & WORD_STAMP_MASK) == from)
            words[i] = (words[i] & ~WORD_STAMP_MASK) | to;
        low = entry_last + 1;
    }
}

void ct_mark_restamp(struct ct_cursor *c, uint64_t generation)
{
    uint64_t stamp = (1 + generation % STAMP_MODULUS) << WORD_STAMP_SHIFT;
    restamp_table(c->top, c->top_level, c->low, c->high - 1, c->stamp, stamp);
    c->generation = generation;
    c->stamp = stamp;
}
