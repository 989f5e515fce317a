/* Atomics named by their order, over the compiler's builtins, for any integer or pointer type.
 *
 * Each acquire or release in the code names its partner: "pairs with: fn".
 */
#pragma once

#define tn_load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define tn_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define tn_store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define tn_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define tn_exchange_acquire(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQUIRE)
#define tn_exchange_release(p, v) __atomic_exchange_n((p), (v), __ATOMIC_RELEASE)
#define tn_exchange_acq_rel(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)
#define tn_fetch_add_relaxed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
#define tn_fetch_add_release(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELEASE)
#define tn_fetch_sub_acq_rel(p, v) __atomic_fetch_sub((p), (v), __ATOMIC_ACQ_REL)

/* Compare and swap: on failure the value found goes to *expected, with the same order. True: swapped. */
#define tn_cas_relaxed(p, expected, v) \
    __atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#define tn_cas_acquire(p, expected, v) \
    __atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)
#define tn_cas_acq_rel(p, expected, v) \
    __atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
