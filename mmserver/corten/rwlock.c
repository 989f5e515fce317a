/* Readers-writer lock, contended paths. See rwlock.h. */
#include <corten/rwlock.h>

/* Entered with the reader counted but not let in. */
void ct_rwlock_read_slow(struct ct_desc *d)
{
    do {
        atomic_add_relaxed(&d->rw, -1u);
        while (atomic_load_relaxed(&d->rw) & (RWLOCK_WRITER | RWLOCK_WAITING))
            port_relax();
    } while (atomic_add_acquire(&d->rw, 1) & (RWLOCK_WRITER | RWLOCK_WAITING)); /* pairs with: rwlock_write_unlock */
}

void ct_rwlock_write_slow(struct ct_desc *d)
{
    for (;;) {
        uint32_t v = atomic_load_relaxed(&d->rw);
        if ((v & ~RWLOCK_WAITING) == 0) {
            /* Takes the waiting mark away; other waiting writers set it again.
             * pairs with: rwlock_read_unlock, rwlock_write_unlock */
            if (atomic_cas_acquire(&d->rw, &v, RWLOCK_WRITER))
                return;
            continue;
        }
        if (!(v & RWLOCK_WAITING))
            atomic_or_relaxed(&d->rw, RWLOCK_WAITING);
        port_relax();
    }
}
