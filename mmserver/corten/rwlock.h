/* Readers-writer lock of protocol RW: one word in the descriptor.
 *
 *     bit 31 held by a writer; bit 30 a writer waits, new readers stand back; bits 29..0 readers
 *
 * Locks are taken from the root downwards only, and a worker never takes one twice, so a waiting writer that keeps
 * readers out cannot close a circle. Every reader writes the word: readers of disjoint ranges share the line of the
 * root.
 */
#pragma once
#include <corten/table.h>

#define RWLOCK_WRITER (1u << 31)
#define RWLOCK_WAITING (1u << 30)

void ct_rwlock_read_slow(struct ct_desc *d);
void ct_rwlock_write_slow(struct ct_desc *d);

static inline void rwlock_read(struct ct_desc *d)
{
    /* pairs with: rwlock_write_unlock */
    if (ct_unlikely(atomic_add_acquire(&d->rw, 1) & (RWLOCK_WRITER | RWLOCK_WAITING)))
        ct_rwlock_read_slow(d);
}
static inline void rwlock_read_unlock(struct ct_desc *d)
{
    atomic_add_release(&d->rw, -1u); /* pairs with: rwlock_write, ct_rwlock_write_slow */
}
/* Locks it if no writer has it or waits. */
static inline bool rwlock_try_read(struct ct_desc *d)
{
    /* pairs with: rwlock_write_unlock */
    if (ct_likely(!(atomic_add_acquire(&d->rw, 1) & (RWLOCK_WRITER | RWLOCK_WAITING))))
        return true;
    rwlock_read_unlock(d);
    return false;
}
/* Locks it if nobody has it. */
static inline bool rwlock_try_write(struct ct_desc *d)
{
    uint32_t free = 0;
    return atomic_cas_acquire(&d->rw, &free, RWLOCK_WRITER); /* pairs with: rwlock_read_unlock, rwlock_write_unlock */
}
static inline void rwlock_write(struct ct_desc *d)
{
    if (ct_unlikely(!rwlock_try_write(d)))
        ct_rwlock_write_slow(d);
}
static inline void rwlock_write_unlock(struct ct_desc *d)
{
    atomic_and_release(&d->rw, ~RWLOCK_WRITER); /* pairs with: rwlock_read, rwlock_write */
}
