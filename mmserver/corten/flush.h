/* Flushing translations, and frames that wait for it.
 *
 * Why lazy flushing is sound. A client may reach a page it unmapped through a translation that is still in some TLB;
 * that is accepted, but two things must never happen:
 *
 * 1. The frame is used for anything else. Freed frames stand in the worker's limbo with the space's `started` number g,
 *    read after their entries were cleared (full fence between). A flush of the whole space takes n = started++ first
 *    and, when it is over, raises `done` to n + 1. If done > g, a flush with n >= g is over; its increment came after
 *    the reading of g in the order of `started`, so (fence here; port_flush orders the flusher's side) it began after
 *    the entries were cleared and left no translation made from them. Only then does a frame go from limbo to the
 *    stock. The same holds for tables (epoch.h), for which only a flush of everything counts: a flush of addresses
 *    need not drop cached links.
 *
 * 2. The same address, mapped again, still shows the old frame. So an entry that was cleared and not flushed is
 *    remembered where its next user must look: the word that it gets carries a *stamp*, 1 + g mod 1023. Words keep
 *    their stamp when they are marked, pushed down (as `fill` of the new table) or protected. Who is about to make an
 *    entry valid checks the stamp, and if the flush is not done, flushes first, with the table locked. Stamps wrap: an
 *    old one may look pending again, which costs one flush too many; one that is pending is always seen, since g lies
 *    in done .. started. Whoever removes a table stamps the entry it stood under, since links are cached as well.
 *    The stamp is written before the entries are really cleared (they are in the batch), so the transaction looks at
 *    `started` again before it unlocks, entries written, full fence between: where a flush has started meanwhile, which
 *    may have been too early, it puts the new number into its words (ct_mark_restamp). Should the same transaction map
 *    there again, it writes its batch and flushes first.
 *
 * Policy NOW flushes before it unlocks, so there are no stamps and frames leave limbo with the transaction.
 * Loss of rights (protect, CT_HELD) is flushed before unlocking under both policies: clients rely on it.
 */
#pragma once
#include <corten/cursor.h>
#include <corten/flushsite.h>
#include <corten/table.h>

/* Flush the whole space on all harts; returns when done. May be called with table locks held. */
void ct_space_flush_now(struct ct_worker *w, struct ct_space *s);
static inline void ct_space_flush(struct ct_worker *w, struct ct_space *s, enum ct_flush_site site)
{
    ct_flush_asked_by(&w->flush_site, site);
    ct_space_flush_now(w, s);
}

/* Flush these pages on all harts, or everything if they are many. */
void ct_space_flush_pages(struct ct_worker *w, struct ct_space *s, enum ct_flush_site site, uint64_t va,
                          uint64_t pages);

/* Whether an entry with this stamp may still be in a TLB. */
static inline bool ct_stamp_pending(const struct ct_space *s, unsigned stamp)
{
    uint64_t done = atomic_load_acquire(&s->done); /* first: it only grows. pairs with: ct_space_flush */
    uint64_t started = atomic_load_relaxed(&s->started);
    uint64_t behind = (stamp - 1 + STAMP_MODULUS - done % STAMP_MODULUS) % STAMP_MODULUS; /* g - done, modulo */
    return behind <= started - done;
}

static inline bool generation_is_done(const struct ct_space *s, uint64_t generation)
{
    return atomic_load_acquire(&s->done) > generation; /* pairs with: ct_space_flush */
}

/* The number of the flush that would cover an entry cleared before the call. */
static inline uint64_t generation_now(const struct ct_space *s)
{
    atomic_fence_full();
    return atomic_load_relaxed(&s->started);
}

/* The stamp of a word whose entry was cleared when the number was `generation`. */
static inline uint64_t stamp_of(uint64_t generation)
{
    return (1 + generation % STAMP_MODULUS) << WORD_STAMP_SHIFT;
}

/* The n-th newest frame in limbo, from 1 on. */
static inline struct ct_limbo_frame *limbo_newest(struct ct_worker *w, unsigned n)
{
    return &w->limbo[(w->limbo_first + w->limbo_count - n) % CT_LIMBO_FRAMES];
}

/* A frame whose entry has been cleared waits for its flush. */
void ct_limbo_put(struct ct_worker *w, struct ct_space *s, paddr_t frame, uint64_t generation);

/* Everything in limbo has been flushed (policy NOW, after the transaction's own flush). */
void ct_limbo_release_all(struct ct_worker *w);

/* Flush what the oldest frame in limbo waits for and move all that is flushed to the stock. false: limbo is empty. */
bool ct_limbo_reclaim(struct ct_worker *w);
