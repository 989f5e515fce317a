/* The slow side of spin locks, and lockdep: the check of docs/locking.md's order in debug builds. */
#include "spinlock.h"
#include "hart.h"
#include "panic.h"

void spin_lock_contended(struct spinlock *lock)
{
    do {
        while (load_relaxed(&lock->held) != 0)
            cpu_relax();
    } while (exchange_acquire(&lock->held, 1) != 0); /* pairs with: spin_unlock */
}

#if TENON_DEBUG
void lockdep_acquire(enum lock_rank rank)
{
    struct hart *h = hart_self();
    if (h->locks_held >> rank != 0)
        panic("lock order: rank %d wanted, held are 0x%x", rank, h->locks_held);
    h->locks_held |= 1u << rank;
}

void lockdep_release(enum lock_rank rank)
{
    struct hart *h = hart_self();
    kassert(h->locks_held & 1u << rank);
    h->locks_held &= ~(1u << rank);
}
#endif
