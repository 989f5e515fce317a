/* Page-table entries: their making, the walk, and what the kernel needs of Sv39, Sv48 and Sv57
 * (privileged specification, "Sv39: Page-Based 39-bit Virtual-Memory System" and the sections after it). */
#pragma once
#include "atomic.h"
#include "csr.h"
#include "mmu.h"
#include "types.h"
#include <tenon/ptbatch.h>

typedef uint64_t pte_t;

#define PTE_PBMT_IO (2ull << 61) /* Svpbmt: non-cacheable, strongly ordered */

/* First entry of a root that belongs to the kernel. */
#define ROOT_KERNEL_FIRST 256

static inline uint64_t pt_index(vaddr_t va, uint32_t level)
{
    return va.v >> (TN_PAGE_BITS + 9 * level) & (TN_PT_ENTRIES - 1);
}
static inline uint64_t pt_level_pages(uint32_t level)
{
    return 1ull << (9 * level);
}
/* Whether rights can stand in an entry: write needs read, and one right at least. */
static inline bool pt_rights_valid(uint64_t rights)
{
    return rights != 0 && (rights & (TN_READ | TN_WRITE)) != TN_WRITE && rights <= (TN_READ | TN_WRITE | TN_EXEC);
}
/* Permission bits of an entry: A always set and D with W, so that the hardware never has to set or to trap. */
static inline pte_t pt_permissions(uint64_t rights)
{
    return rights << 1 | TN_PTE_A | (rights & TN_WRITE) << 6;
}
static inline pte_t pt_leaf(paddr_t page, uint64_t rights, uint64_t soft)
{
    return page.v >> 2 | soft << TN_PTE_SOFT_SHIFT | pt_permissions(rights) | TN_PTE_U | TN_PTE_V;
}
static inline pte_t pt_link(paddr_t table)
{
    return table.v >> 2 | TN_PTE_V;
}
_Static_assert(TN_READ << 1 == TN_PTE_R && TN_WRITE << 1 == TN_PTE_W && TN_EXEC << 1 == TN_PTE_X, "pt_permissions");
_Static_assert(TN_WRITE << 6 == TN_PTE_D, "pt_permissions");

/* Does the table tree under `root` now allow an access with this scause (12, 13, 15) from user mode? Reads only. Tables cannot
 * vanish meanwhile: memory changes its type only after every hart has been outside the kernel. */
static inline bool pt_allows(paddr_t root, vaddr_t va, uint64_t scause)
{
    if (unlikely(root.v == 0 || va.v >> mmu_user_bits != 0))
        return false;
    for (uint32_t shift = mmu_user_bits - 8;; shift -= 9) { /* a root has one index bit less for user addresses */
        pte_t pte = load_relaxed((const pte_t *)phys_to_virt(root) + (va.v >> shift & (TN_PT_ENTRIES - 1)));
        if (!(pte & TN_PTE_V))
            return false;
        if (unlikely(pte & TN_PTE_RWX)) {
            uint64_t need = scause == CAUSE_FETCH_PAGE ? TN_PTE_X : scause == CAUSE_STORE_PAGE ? TN_PTE_W : TN_PTE_R;
            return (pte & (need | TN_PTE_U)) == (need | TN_PTE_U);
        }
        if (unlikely(shift == TN_PAGE_BITS))
            return false;
        root.v = tn_pte_paddr(pte);
    }
}
