/* Spin locks, and the one order in which they may be taken (docs/locking.md).
 *
 * A hart takes locks only in ascending rank; debug builds assert it per hart at every acquisition (lockdep). All are
 * held with interrupts off, for a bounded number of instructions, and never while waiting for another hart; the CSpace
 * lock is the exception, and whoever spins for it serves its own inter-hart requests meanwhile (cdt.h).
 */
#pragma once
#include "atomic.h"
#include "types.h"

enum lock_rank {
    RANK_CSPACE = 0,   /* capability-space changes: cdt.c. Long; spinners serve requests. */
    RANK_ENDPOINT = 1, /* queue of one endpoint or notification, and state of the threads queued there */
    RANK_TIMER = 2,    /* one hart's deadlines */
    RANK_ASID = 3,     /* the ASID bitmap: vspace.c */
    RANK_IRQ = 4,      /* interrupt bindings: irq.c */
    RANK_IPIBOX = 5,   /* requests waiting for one hart: ipi.c */
    RANK_CONSOLE = 6,
    RANK_COUNT
};

struct spinlock {
    uint32_t held; /* atomic; 1 = held */
};

#if TENON_DEBUG
void lockdep_acquire(enum lock_rank rank); /* panics where a lock of this or a higher rank is held by this hart */
void lockdep_release(enum lock_rank rank);
#else
static inline void lockdep_acquire(enum lock_rank rank)
{
    (void)rank;
}
static inline void lockdep_release(enum lock_rank rank)
{
    (void)rank;
}
#endif

void spin_lock_contended(struct spinlock *lock);

static inline void spin_lock(struct spinlock *lock, enum lock_rank rank)
{
    lockdep_acquire(rank);
    if (unlikely(exchange_acquire(&lock->held, 1) != 0)) /* pairs with: spin_unlock */
        spin_lock_contended(lock);
}
/* false: held by another hart. */
static inline bool spin_try_lock(struct spinlock *lock, enum lock_rank rank)
{
    if (unlikely(exchange_acquire(&lock->held, 1) != 0)) /* pairs with: spin_unlock */
        return false;
    lockdep_acquire(rank);
    return true;
}
static inline void spin_unlock(struct spinlock *lock, enum lock_rank rank)
{
    lockdep_release(rank);
    store_release(&lock->held, 0); /* pairs with: spin_lock, spin_lock_contended */
}
