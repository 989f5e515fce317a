/* Writes that ride: the last transaction of a request leaves its page-table writes in the batch, unlocks, and
 * the kernel writes it while the server replies (TN_SYS_PT_REPLY_RECV). A kernel entry is saved; what keeps the
 * transaction isolated though its locks are gone is `pending` in the descriptor of the leaf table:
 *
 *     pending   the run's shape (batch.h: first entry, count, op, rights), and who: 0, or what is on its way
 *
 * Whoever owns the table next calls table_land() before it looks at entries: it waits until each entry of the run is as
 * it will be, and clears `pending`. The rider holds no lock and takes none before the kernel has written, so the wait
 * is one kernel entry of another worker, also where what it wrote is taken back before anybody looks (the server's
 * memory revoked under its feet). A worker that finds its own mark need not wait: it has begun another request.
 *
 * What may ride: writes of one sort to consecutive entries of one leaf table that was there before the transaction,
 * which need no flush before the request is answered:
 *   MAP      a fault's page
 *   PROTECT  where no right is lost
 *   CLEAR    policy LAZY: leaves that are not borrowed. Their frames stand in limbo from the transaction's end, and
 *            wait for a flush whose number is read when the clearing is known to be over (ct_ride_over). Their words get
 *            their stamp from whoever lands, who reads the number under the table's lock with the entries clear: a flush
 *            that began before they were is not taken for one that covers them (flush.h, 2.).
 */
#pragma once
#include <corten/batch.h>
#include <corten/flush.h>
#include <corten/stock.h>

#define RIDE_WHO_SHIFT 56 /* the shape's flags, which a riding run does not have */
_Static_assert(CT_WORKERS_MAX <= 256, "a worker's index has eight bits of pending");

static inline unsigned pending_first(uint64_t pending)
{
    return pending & 0xffff;
}
static inline unsigned pending_count(uint64_t pending)
{
    return pending >> 16 & 0xffff;
}
static inline unsigned pending_op(uint64_t pending)
{
    return pending >> 32 & 0xff;
}
static inline unsigned pending_rights(uint64_t pending)
{
    return pending >> 40 & 0xff;
}
static inline bool pending_is_own(uint64_t pending, const struct ct_worker *w)
{
    return pending >> RIDE_WHO_SHIFT == w->index;
}

/* The batch is left to ride: its runs, each of this op and these rights, make up the entries of the shape. Then the
 * transaction drops its locks. */
ct_inline void ride_batch(struct ct_worker *w, struct ct_space *s, struct ct_share *share, paddr_t table,
                          struct ct_desc *d, struct shape shape, unsigned runs)
{
    atomic_store_relaxed(&w->batch->runs, runs);
    atomic_store_relaxed(&d->pending, shape.v | (uint64_t)w->index << RIDE_WHO_SHIFT);
    w->ride = table;
    w->ride_space = s;
    share_count(share, MM_PT_WRITES, pending_count(shape.v));
    share_count(share, MM_PT_BATCHES, 1);
}

/* The same with one run. The batch is empty. */
ct_inline void ride_start(struct ct_worker *w, struct ct_space *s, struct ct_share *share, paddr_t table,
                          struct ct_desc *d, struct shape shape, tn_cptr_t object, uint64_t page)
{
    run_set(&w->batch->run[0], d->cap, object, shape, page);
    ride_batch(w, s, share, table, d, shape, 1);
}

/* The words of entries that a ride has cleared get their stamp. The table is owned; the entries were seen clear, then
 * came a full fence. */
ct_inline void ride_stamp(struct ct_space *s, struct ct_desc *d, uint64_t pending)
{
    uint64_t stamp = stamp_of(atomic_load_relaxed(&s->started));
    uint64_t *word = desc_words(d) + pending_first(pending), *end = word + pending_count(pending);
    do
        *word = (*word & ~WORD_STAMP_MASK) | stamp;
    while (++word < end);
}

/* Lands what need not be waited for; false: it has to be waited for. The table is owned. */
ct_inline bool table_land_own(struct ct_worker *w, struct ct_space *s, struct ct_desc *d)
{
    uint64_t pending = atomic_load_relaxed(&d->pending);
    if (pending == 0)
        return true;
    if (ct_unlikely(!pending_is_own(pending, w)))
        return false;
    if (pending_op(pending) == TN_PT_CLEAR)
        ride_stamp(s, d, pending); /* the full fence is ct_worker_begin()'s */
    atomic_store_relaxed(&d->pending, 0);
    return true;
}

void ct_table_land_slow(struct ct_worker *w, struct ct_space *s, paddr_t table);

/* To be called when a transaction enters a table that it owns, before it reads its entries. */
static inline void table_land(struct ct_worker *w, struct ct_space *s, paddr_t table)
{
    if (ct_unlikely(atomic_load_relaxed(&port_desc(table)->pending)))
        ct_table_land_slow(w, s, table);
}

/* The child under entry pte, which is a link, entered. */
static inline paddr_t table_enter(struct ct_cursor *c, uint64_t pte)
{
    paddr_t child = pte_table(pte);
    table_land(c->worker, c->space, child);
    return child;
}
