/* Slots; see slots.h. One atomic counter, since the pools that need slots hold different locks. */
#include "slots.h"

static uint64_t next, last;

void slots_init(uint32_t first, uint64_t end)
{
    next = first;
    last = end;
}

uint32_t slots_take(uint32_t count)
{
    uint64_t slot = __atomic_load_n(&next, __ATOMIC_RELAXED);

    do {
        if (last - slot < count) {
            return 0;
        }
    } while (!__atomic_compare_exchange_n(&next, &slot, slot + count, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return (uint32_t)slot;
}
