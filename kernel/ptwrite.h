/* Batched page-table writes: the system call that the memory server lives on. Contract: tenon/ptbatch.h. */
#pragma once
#include "fence.h"
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
 * Pairs with: the acquire of the core's walk (mmserver/corten), and the address dependency of the hardware's. */
static inline pte_t ptwrite_exchange(pte_t *entry, pte_t value)
{
    pte_t old; /* by hand, since gcc 12 puts a fence of its own before the instruction instead of .rl */
    __asm__ volatile("amoswap.d.rl %0, %2, %1" : "=r"(old), "+A"(*entry) : "r"(value) : "memory");
    return old;
}

/* Gives an entry the permissions `value`. What it gains must be in `grants`, and the page in the Frame of `limit` pages at `frame`. */
static inline pte_t ptwrite_protect(pte_t *entry, pte_t value, pte_t grants, paddr_t frame, uint64_t limit)
{
    for (;;) {
        pte_t old = load_relaxed(entry);
        if (unlikely(!tn_pte_is_leaf(old)))
            return old;
        pte_t gained = pt_gained(old, value);
        if (gained != 0 &&
            unlikely(!pt_granted(gained, grants) || (tn_pte_paddr(old) - frame.v) >> TN_PAGE_BITS >= limit))
            return old;
        if (likely(compare_exchange_relaxed(entry, old, pt_protected(old, value))))
            return old;
    }
}
