/* What a worker has at hand: frames (zero, or of unknown content), tables of each level; and what it takes for a
 * space, which is charged to the space's budget and counted. Everything here is private to the worker but for the
 * environment's pools behind the port and the budget, which are touched once in many times.
 *
 * Charging. quota = budget + sum over workers of (credit + pages charged). A worker takes pages out of its credit;
 * where that is used up it takes a part of what is left of the budget; where the budget is used up it takes other
 * workers' credit. So the limit is exact, and shared lines are written a number of times that grows with the logarithm
 * of the quota.
 */
#pragma once
#include <corten/space.h>
#include <corten/table.h>

static inline struct ct_share *ct_share_of(struct ct_space *s, const struct ct_worker *w)
{
    return (struct ct_share *)((char *)s + w->share_offset);
}

/* Counters have one writer and any number of readers. */
static inline void counter_add(uint64_t *counter, uint64_t n)
{
    atomic_store_relaxed(counter, atomic_load_relaxed(counter) + n);
}
static inline void share_count(struct ct_share *share, enum mm_counter what, uint64_t n)
{
    counter_add(&share->count[what], n);
}
static inline void share_add(int64_t *held, int64_t n)
{
    atomic_store_relaxed(held, atomic_load_relaxed(held) + n);
}

enum ct_status ct_charge_slow(struct ct_worker *w, struct ct_space *s, unsigned pages) CT_MUST_CHECK;

/* Takes pages from the budget: CT_OK or CT_QUOTA. */
static inline CT_MUST_CHECK enum ct_status space_charge(struct ct_worker *w, struct ct_space *s, unsigned pages)
{
    struct ct_share *share = ct_share_of(s, w);
    if (ct_likely(atomic_add_relaxed(&share->credit, -(int64_t)pages) >= (int64_t)pages))
        return CT_OK;
    atomic_add_relaxed(&share->credit, (int64_t)pages);
    return ct_charge_slow(w, s, pages);
}
/* One page out of the credit at hand; false: that is used up. */
static inline bool space_try_charge(struct ct_share *share)
{
    if (ct_likely(atomic_add_relaxed(&share->credit, -1) > 0))
        return true;
    atomic_add_relaxed(&share->credit, 1);
    return false;
}
static inline void space_uncharge(struct ct_worker *w, struct ct_space *s, unsigned pages)
{
    atomic_add_relaxed(&ct_share_of(s, w)->credit, (int64_t)pages);
}

void ct_space_look_for_peak(struct ct_space *s, struct ct_share *share);

/* The space has one frame more. */
static inline void space_took_frame(struct ct_space *s, struct ct_share *share)
{
    int64_t frames = share->frames + 1;
    atomic_store_relaxed(&share->frames, frames);
    if (ct_unlikely(((uint64_t)frames & s->peak_mask) == 0))
        ct_space_look_for_peak(s, share);
}

/* See to it that the stock holds at least n frames (n <= CT_STOCK_FRAMES) or tables of a level (n <= CT_STOCK_TABLES).
 * false: the environment has no more and nothing waits in the worker's limbo. */
bool ct_stock_fill_frames(struct ct_worker *w, unsigned n) CT_MUST_CHECK;
bool ct_stock_fill_tables(struct ct_worker *w, unsigned level, unsigned n) CT_MUST_CHECK;

static inline CT_MUST_CHECK bool stock_has_frames(struct ct_worker *w, unsigned n)
{
    return ct_likely(w->zeroed_count + w->dirty_count >= n) || ct_stock_fill_frames(w, n);
}
static inline CT_MUST_CHECK bool stock_has_tables(struct ct_worker *w, unsigned level, unsigned n)
{
    return ct_likely(w->tables_count[level] >= n) || ct_stock_fill_tables(w, level, n);
}

/* Out of a stock that is not empty. `zeroed`: the counter that is told of a page zeroed for it. */
paddr_t ct_stock_take_zeroed_slow(struct ct_worker *w, uint64_t *zeroed);
static inline paddr_t stock_take_zeroed(struct ct_worker *w, uint64_t *zeroed)
{
    if (ct_likely(w->zeroed_count))
        return (paddr_t){w->zeroed[--w->zeroed_count]};
    return ct_stock_take_zeroed_slow(w, zeroed);
}
/* One just taken that was not needed, still zero. */
static inline void stock_untake_zeroed(struct ct_worker *w, paddr_t frame)
{
    w->zeroed[w->zeroed_count++] = frame.v;
}
paddr_t ct_stock_take_any(struct ct_worker *w);
void ct_stock_put(struct ct_worker *w, paddr_t frame);
paddr_t ct_stock_take_table(struct ct_worker *w, unsigned level);
void ct_stock_put_table(struct ct_worker *w, paddr_t table);

/* Everything in the stock back to the environment. */
void ct_stock_return(struct ct_worker *w);
