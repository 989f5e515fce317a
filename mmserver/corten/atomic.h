/* Atomics, named by their order, and the one full fence of the core. Each use names its partner ("pairs with").
 *
 * On RISC-V (RVWMO): an acquire load is `ld; fence r,rw`, a release store `fence rw,w; sd`, the read-modify-writes are
 * `amo*.aq/.rl` or lr/sc with the same bits. Relaxed accesses are plain loads and stores that do not tear.
 */
#pragma once

#define atomic_load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)

/* gcc 12 makes a relaxed store an amoswap and an acquire load's fence a full one; both are written out here for it. */
#ifdef __riscv
#define atomic_fence_acquire() __asm__ volatile("fence r, rw" ::: "memory")
#define atomic_fence_release() __asm__ volatile("fence rw, w" ::: "memory")
#define atomic_store_relaxed(p, v) ((void)(*(volatile __typeof__(*(p)) *)(p) = (v)))
#define atomic_load_acquire(p)                                                                                         \
    ({                                                                                                                 \
        __typeof__(*(p) + 0) loaded_ = atomic_load_relaxed(p);                                                         \
        atomic_fence_acquire();                                                                                        \
        loaded_;                                                                                                       \
    })
#define atomic_store_release(p, v)                                                                                     \
    ({                                                                                                                 \
        atomic_fence_release();                                                                                        \
        atomic_store_relaxed(p, v);                                                                                    \
    })
#else
#define atomic_fence_release() __atomic_thread_fence(__ATOMIC_RELEASE)
#define atomic_store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define atomic_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define atomic_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#endif

#define atomic_add_relaxed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
#define atomic_add_acquire(p, v) __atomic_fetch_add((p), (v), __ATOMIC_ACQUIRE)
#define atomic_add_release(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELEASE)
#define atomic_add_seqcst(p, v) __atomic_fetch_add((p), (v), __ATOMIC_SEQ_CST)
#define atomic_or_relaxed(p, v) __atomic_fetch_or((p), (v), __ATOMIC_RELAXED)
#define atomic_and_release(p, v) __atomic_fetch_and((p), (v), __ATOMIC_RELEASE)
#define atomic_swap_relaxed(p, v) __atomic_exchange_n((p), (v), __ATOMIC_RELAXED)

/* Compare and swap; *expected gets what was there. Relaxed where it fails. */
#define atomic_cas_relaxed(p, expected, v)                                                                             \
    __atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#define atomic_cas_acquire(p, expected, v)                                                                             \
    __atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)
#define atomic_cas_release(p, expected, v)                                                                             \
    __atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED)
#define atomic_cas_acqrel(p, expected, v)                                                                              \
    __atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)

/* fence rw,rw: orders an earlier store before a later load (epochs, flush numbers). */
static inline void atomic_fence_full(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Part of a path whose values are to stay in registers. */
#define ct_inline static inline __attribute__((always_inline))

/* The other side of such a path. */
#define ct_cold __attribute__((noinline))

#define ct_likely(x) __builtin_expect(!!(x), 1)
#define ct_unlikely(x) __builtin_expect(!!(x), 0)
