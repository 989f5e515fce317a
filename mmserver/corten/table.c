/* Tables: adoption, and waiting for a write that rides. See table.h. */
#include <corten/table.h>

void ct_table_adopt(paddr_t table, unsigned level, tn_cptr_t cap)
{
    struct ct_desc *d = port_desc(table);
    d->level = (uint8_t)level;
    d->cap = cap;
}

/* The owner of the table waits for the entry to become valid, or for the rider to say that it will not be. */
void ct_table_land_slow(paddr_t table)
{
    struct ct_desc *d = port_desc(table);
    for (;;) {
        unsigned pending = atomic_load_acquire(&d->pending); /* pairs with: ct_worker_ride_refused */
        if (pending == 0)
            return;
        if (pte_read_acquire(table, pending - 1) & TN_PTE_V)
            break;
        port_relax();
    }
    atomic_store_relaxed(&d->pending, 0);
}
