/* What the parts of the cursor (cursor.c, map.c, mark.c, protect.c, fault.c) share with each other. */
#pragma once
#include <corten/cursor.h>
#include <corten/stock.h>
#include <corten/table.h>

/* A cursor on a range that has been checked, without locks. */
static inline void cursor_open(struct ct_worker *w, struct ct_space *s, uint64_t low, uint64_t high,
                               struct ct_cursor *c)
{
    c->worker = w;
    c->space = s;
    c->share = ct_share_of(s, w);
    c->low = c->at = low;
    c->high = high;
    c->leaf.v = 0;
    c->removed = 0;
    c->stamp = 0;
    c->cleared = false;
    c->exclusive = false;
    c->flush_low = ~0ull;
    c->flush_high = 0;
    c->reserve_count = 0;
    c->charged = 0;
}

/* cursor_lock() for a range in a leaf table that may be locked already (leaf.h): `locked`, 0 if not. */
enum ct_status ct_cursor_continue(struct ct_worker *w, struct ct_space *s, uint64_t low, uint64_t high, paddr_t locked,
                                  struct ct_cursor *c) CT_MUST_CHECK;

/* All of cursor_unlock() but the unlocking. */
void ct_cursor_commit(struct ct_cursor *c);

/* Entries are about to be cleared: loads generation and stamp the first time. */
void ct_cursor_clears(struct ct_cursor *c);

/* low .. high - 1 has to be flushed before the transaction ends; ~0 as high: everything. */
void ct_cursor_flush_range(struct ct_cursor *c, uint64_t low, uint64_t high);

/* The lowest linked table whose entry covers va, and its level. Writes the batch unless it is the leaf used last. */
unsigned ct_cursor_walk(struct ct_cursor *c, uint64_t va, paddr_t *table);

/* What is at the position, from what is written; entries in the batch do not show. */
void ct_cursor_look(struct ct_cursor *c, struct ct_page *page);

void ct_cursor_flush_for(struct ct_cursor *c, uint64_t word);

/* Before the entry at the position, whose word this is, becomes valid: no TLB may hold what was there (flush.h, 2.). */
static inline void cursor_before_map(struct ct_cursor *c, uint64_t word)
{
    if (ct_unlikely(word >> WORD_STAMP_SHIFT || c->flush_high))
        ct_cursor_flush_for(c, word);
}
