/* Batched page-table writes: the system call that the memory server lives on. Contract: tenon/ptbatch.h.
 * A loop's invariant stands before it for the proofs (docs/verification.md, "Proofs"), in words of tests/verify/ptwrite_whole.c. */
#pragma once
#include "fence.h"
#include "flushcheck.h"
#include "pt.h"
#include "tcb.h"

/* Checks the batch in the thread's IPC buffer and writes it. Refused: nothing is written and the batch's failed_run is set. */
status_t MUST_CHECK ptwrite_batch(struct tcb *t);

/* ---- parts that ptfast.h uses too ---- */

static inline struct tn_pt_batch *ptwrite_batch_in(uint64_t buffer)
{
    return (struct tn_pt_batch *)((char *)tcb_buffer(buffer) + TN_IPC_BATCH_OFFSET);
}

/* Release: whoever sees the entry, a walker or a view, sees what was written to the table it links before.
 * Pairs with: the acquire of the core's walk (mmserver/corten), and the address dependency of the hardware's.
 * `wanted`: the writer asked for the old entries (flushcheck.h). */
static inline pte_t ptwrite_exchange(pte_t *entry, pte_t value, bool wanted)
{
    pte_t old; /* by hand, since gcc 12 puts a fence of its own before the instruction instead of .rl */
    __asm__ volatile("amoswap.d.rl %0, %2, %1" : "=r"(old), "+A"(*entry) : "r"(value) : "memory");
    flushcheck_entry(entry, old, value, wanted);
    return old;
}

/* Gives an entry the permissions `value`. What it gains must be in `grants`, and the page in the Frame of `limit` pages from
 * physical page `base` on. Returns what the entry was; links and invalid entries stay. */
static inline __attribute__((always_inline)) pte_t ptwrite_protect(pte_t *entry, pte_t value, pte_t grants,
                                                                   uint64_t base, uint64_t limit)
{
    /*% invariant at(entry); changes nothing; */
    for (;;) {
        pte_t old = load_relaxed(entry);
        if (unlikely(!tn_pte_is_leaf(old)))
            return old;
        pte_t gained = pt_gained(old, value);
        uint64_t page = (tn_pte_paddr(old) >> TN_PAGE_BITS) - base; /* in the Frame, if it is below its limit */
        if (gained != 0 && unlikely(!pt_granted(gained, grants) || page >= limit))
            return old;
        if (likely(compare_exchange_relaxed(entry, old, pt_protected(old, value)))) {
            flushcheck_entry(entry, old, pt_protected(old, value), true);
            return old;
        }
    }
}

/* The low ten bits of an entry, which are all that PROTECT looks at and changes but for the page. */
#define PTE_FLAGS 0x3ffull

/* Adds `delta` to an entry whose flags are `flags`. false: its flags are others, and it stays. */
static inline __attribute__((always_inline)) bool ptwrite_shrink_like(pte_t *entry, pte_t flags, pte_t delta)
{
    __asm__ goto("1: lr.d t0, (%0)\n\t"
                 "andi t1, t0, %3\n\t"
                 "bne t1, %1, %l[other]\n\t"
                 "add t0, t0, %2\n\t"
                 "sc.d t1, t0, (%0)\n\t"
                 "bnez t1, 1b"
                 :
                 : "r"(entry), "r"(flags), "r"(delta), "i"(PTE_FLAGS)
                 : "t0", "t1", "memory"
                 : other);
    return true;
other:
    return false;
}

/* The same, if its page is one of the Frame's too: `limit` of them from physical page `base` on. */
static inline __attribute__((always_inline)) bool ptwrite_grow_like(pte_t *entry, pte_t flags, pte_t delta,
                                                                    uint64_t base, uint64_t limit)
{
    __asm__ goto("1: lr.d t0, (%0)\n\t"
                 "slli t2, t0, 10\n\t"
                 "andi t1, t0, %5\n\t"
                 "srli t2, t2, 20\n\t"
                 "bne t1, %1, %l[other]\n\t"
                 "sub t2, t2, %3\n\t"
                 "bgeu t2, %4, %l[other]\n\t"
                 "add t0, t0, %2\n\t"
                 "sc.d t1, t0, (%0)\n\t"
                 "bnez t1, 1b"
                 :
                 : "r"(entry), "r"(flags), "r"(delta), "r"(base), "r"(limit), "i"(PTE_FLAGS)
                 : "t0", "t1", "t2", "memory"
                 : other);
    return true;
other:
    return false;
}

/* Entries of a run are mostly alike: what ptwrite_protect() has made of one is done to the next ones as long as their flags are the
 * same. `flags` holds none that an entry can have until there is such a one. At least one entry. Debug builds take each by itself,
 * for the account of flushcheck.h. */
static inline __attribute__((always_inline)) void ptwrite_shrink(pte_t *entry, const pte_t *end, pte_t value)
{
    pte_t flags = ~0ull, delta = 0;
    /*% invariant entry != end && at(entry) && alike(flags, delta, value, 0); changes entry, flags, delta; */
    do {
        if (!TENON_DEBUG && likely(ptwrite_shrink_like(entry, flags, delta)))
            continue;
        pte_t old = ptwrite_protect(entry, value, 0, 0, 0);
        if (tn_pte_is_leaf(old) && pt_gained(old, value) == 0) {
            flags = old & PTE_FLAGS;
            delta = pt_protected(flags, value) - flags;
        }
    } while (++entry != end);
}
static inline __attribute__((always_inline)) void ptwrite_grow(pte_t *entry, const pte_t *end, pte_t value,
                                                               pte_t grants, uint64_t base, uint64_t limit)
{
    pte_t flags = ~0ull, delta = 0;
    /*% invariant entry != end && at(entry) && alike(flags, delta, value, grants); changes entry, flags, delta; */
    do {
        if (!TENON_DEBUG && likely(ptwrite_grow_like(entry, flags, delta, base, limit)))
            continue;
        pte_t old = ptwrite_protect(entry, value, grants, base, limit);
        if (tn_pte_is_leaf(old) && pt_granted(pt_gained(old, value), grants)) {
            flags = old & PTE_FLAGS;
            delta = pt_protected(flags, value) - flags;
        }
    } while (++entry != end);
}
