/* Queue lock of protocol ADV: an MCS lock in the form of the K42 kernel, whose holder needs no node.
 *
 *     tail  0: free; the lock itself: held, nobody waits; else the last waiter's node
 *     next  of the lock: the first waiter, known to the holder
 *
 * A waiter spins on its own node alone, and lock hand-over is first come, first served. A node is needed only while
 * waiting, and a worker waits for one lock at a time, so each worker has one (ct_worker.qnode), while it may hold any
 * number of locks.
 */
#pragma once
#include <corten/table.h>

void ct_qlock_lock_slow(struct ct_desc *d, uint64_t node[2]);
void ct_qlock_unlock_slow(struct ct_desc *d);

/* Locks it if it is free. */
static inline bool qlock_try(struct ct_desc *d)
{
    uint64_t free = 0;
    return atomic_cas_acquire(&d->tail, &free, (uint64_t)(uintptr_t)d); /* pairs with: qlock_try_unlock */
}
static inline void qlock_lock(struct ct_desc *d, uint64_t node[2])
{
    if (ct_unlikely(!qlock_try(d)))
        ct_qlock_lock_slow(d, node);
}
/* Unlocks it if nobody waits. */
static inline bool qlock_try_unlock(struct ct_desc *d)
{
    uint64_t self = (uint64_t)(uintptr_t)d;
    /* pairs with: qlock_try, ct_qlock_lock_slow */
    return ct_likely(atomic_load_relaxed(&d->next) == 0 && atomic_cas_release(&d->tail, &self, 0));
}
static inline void qlock_unlock(struct ct_desc *d)
{
    if (ct_unlikely(!qlock_try_unlock(d)))
        ct_qlock_unlock_slow(d);
}
/* A table nobody else can see yet: locked from the start. */
static inline void qlock_init_locked(struct ct_desc *d)
{
    atomic_store_relaxed(&d->next, 0);
    atomic_store_relaxed(&d->tail, (uint64_t)(uintptr_t)d);
}
static inline bool qlock_is_locked(const struct ct_desc *d)
{
    return atomic_load_relaxed(&d->tail) != 0;
}
