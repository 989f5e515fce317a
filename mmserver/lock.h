/* A spin lock for what is rare in the server: refilling from the pools, threads of one client, the table of clients.
 * Holders never wait for anything but the kernel. Order (docs/locking.md): a client's lock, the core's table locks,
 * then those of the pools (frames, tables), then the share's. */
#pragma once
#include <corten/port.h>
#include <stdint.h>

struct lock {
    uint32_t held;
};

static inline void lock_take(struct lock *l)
{
    while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE) != 0) { /* pairs with: lock_drop */
        while (__atomic_load_n(&l->held, __ATOMIC_RELAXED) != 0) {
            port_relax();
        }
    }
}
static inline void lock_drop(struct lock *l)
{
    __atomic_store_n(&l->held, 0, __ATOMIC_RELEASE); /* pairs with: lock_take */
}
