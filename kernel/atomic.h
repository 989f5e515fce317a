/* Atomics named by their order (RVWMO). A release names, where it is used, the acquire it pairs with. */
#pragma once
#include "types.h"

#define load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define exchange_acquire(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQUIRE)
#define exchange_relaxed(p, v) __atomic_exchange_n((p), (v), __ATOMIC_RELAXED)
#define exchange_acq_rel(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)
#define fetch_or_relaxed(p, v) __atomic_fetch_or((p), (v), __ATOMIC_RELAXED)
#define fetch_or_acq_rel(p, v) __atomic_fetch_or((p), (v), __ATOMIC_ACQ_REL)
#define fetch_and_relaxed(p, v) __atomic_fetch_and((p), (v), __ATOMIC_RELAXED)
#define fetch_add_relaxed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)

/* true: *p was `expected` and is now `desired`. */
#define compare_exchange_acq_rel(p, expected, desired)                                                                 \
    ({                                                                                                                 \
        __typeof__(*(p)) cas_expected = (expected);                                                                    \
        __atomic_compare_exchange_n((p), &cas_expected, (desired), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);         \
    })
#define compare_exchange_relaxed(p, expected, desired)                                                                 \
    ({                                                                                                                 \
        __typeof__(*(p)) cas_expected = (expected);                                                                    \
        __atomic_compare_exchange_n((p), &cas_expected, (desired), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);         \
    })

/* Zihintpause, encoded by hand; a plain hint where the hart does not know it. Gives way in a spin loop. */
static inline void cpu_relax(void)
{
    __asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010" ::: "memory");
}
