/* Writes that ride: waiting for them, and their end. See ride.h. The last two of its functions are servers' (worker.h). */
#include <corten/epoch.h>
#include <corten/ride.h>

/* Whether the run's entries are as they will be. In the order of their exchanges, which are releases; those of PROTECT
 * publish nothing. */
static bool has_landed(paddr_t table, uint64_t pending)
{
    unsigned first = pending_first(pending), last = first + pending_count(pending) - 1;
    switch (pending_op(pending)) {
    case TN_PT_MAP:
        return pte_read_acquire(table, last) & TN_PTE_V; /* pairs with: the port's exchange */
    case TN_PT_CLEAR:
        return !(pte_read_acquire(table, last) & TN_PTE_V); /* pairs with: the port's exchange */
    default:
        break;
    }
    for (unsigned i = first; i <= last; i++)
        if (pte_rights(pte_read(table, i)) != pending_rights(pending))
            return false;
    return true;
}

/* Whether the kernel has written the batch of a rider whose epoch was this while it rode, or later: it has emptied the batch, or
 * the rider has begun another request. */
static bool ride_is_over(const struct ct_worker *rider, uint64_t epoch)
{
    return atomic_load_acquire(&rider->batch->runs) == 0 || atomic_load_acquire(&rider->epoch) >= ((epoch + 1) | 1);
}

/* Looks at entries that do not show a ride which is over. The kernel's store that empties the batch may be seen a moment
 * before its exchanges; entries that do not come at all were taken back, since somebody has revoked what they showed. */
#define LOOKS_AFTER_RIDE 10000

/* The owner of the table waits for the entries, or for the rider to say that they will not be written. */
void ct_table_land_slow(struct ct_worker *w, struct ct_space *s, paddr_t table)
{
    struct ct_desc *d = port_desc(table);
    const struct ct_worker *rider = ct_worker_at(atomic_load_relaxed(&d->pending) >> RIDE_WHO_SHIFT);
    uint64_t pending, epoch = atomic_load_relaxed(&rider->epoch);
    unsigned looks = 0;
    for (;;) {
        if (table_land_own(w, s, d))
            return;
        pending = atomic_load_acquire(&d->pending); /* pairs with: ct_worker_ride_refused */
        if (pending == 0)
            return;
        if (has_landed(table, pending))
            break;
        if (ride_is_over(rider, epoch) && ++looks > LOOKS_AFTER_RIDE)
            break;
        port_relax();
    }
    atomic_fence_full(); /* entries seen clear before `started` is read */
    if (pending_op(pending) == TN_PT_CLEAR)
        ride_stamp(s, d, pending);
    atomic_store_relaxed(&d->pending, 0);
}

void ct_ride_over(struct ct_worker *w)
{
    uint64_t generation = w->ride_cleared ? generation_now(w->ride_space) : 0;
    for (; w->ride_cleared; w->ride_cleared--)
        limbo_newest(w, w->ride_cleared)->generation = generation;
    atomic_store_relaxed(&w->batch->runs, 0);
    w->ride.v = 0;
}

void ct_worker_settle(struct ct_worker *w)
{
    if (w->ride.v == 0)
        return;
    atomic_fence_release();
    port_pt_write(w->index, w->batch);
    ct_ride_over(w);
}

/* No lock may be taken here: who owns the table may be waiting for these very entries. They stay as they are; the word
 * of an invalid one, which says demand-zero, counts again. */
void ct_worker_ride_refused(struct ct_worker *w)
{
    if (w->ride.v == 0)
        return;
    struct ct_space *s = w->ride_space;
    struct ct_desc *d = port_desc(w->ride);
    struct ct_share *share = ct_share_of(s, w);
    unsigned op = pending_op(atomic_load_relaxed(&d->pending));
    atomic_store_release(&d->pending, 0); /* pairs with: ct_table_land_slow */
    if (op == TN_PT_MAP) {
        share_add(&share->frames, -1);
        space_uncharge(w, s, 1);
        ct_stock_put(w, w->ride_frame);
    }
    share_add(&share->frames, w->ride_cleared);
    atomic_add_relaxed(&share->credit, -(int64_t)w->ride_cleared);
    w->limbo_count -= w->ride_cleared;
    w->ride_cleared = 0;
    ct_ride_over(w);
}
