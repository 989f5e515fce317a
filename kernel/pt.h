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
/* Its last entry, the kernel's too, in which a software bit says that the table is some VSpace's root (vspace.c). */
#define ROOT_LAST (TN_PT_ENTRIES - 1)
#define ROOT_TAKEN (1ull << TN_PTE_SOFT_SHIFT)

/*@ requires level <= 4;
    assigns \nothing;
    ensures level == 0 ==> \result == va.v / 0x1000 % 512;
    ensures level == 1 ==> \result == va.v / 0x200000 % 512;
    ensures level == 2 ==> \result == va.v / 0x40000000 % 512;
    ensures level == 3 ==> \result == va.v / 0x8000000000 % 512;
    ensures level == 4 ==> \result == va.v / 0x1000000000000 % 512; */
static inline uint64_t pt_index(vaddr_t va, uint32_t level)
{
    return va.v >> (TN_PAGE_BITS + 9 * level) & (TN_PT_ENTRIES - 1);
}
/*@ requires level <= 4;
    assigns \nothing;
    ensures \result == SPEC_PAGES(level); */
static inline uint64_t pt_level_pages(uint32_t level)
{
    return 1ull << (9 * level);
}
/* Whether rights can stand in an entry: write needs read, and one right at least. */
/*@ assigns \nothing;
    ensures \result <==> rights == TN_READ || rights == TN_EXEC || rights == (TN_READ | TN_EXEC) ||
                         rights == (TN_READ | TN_WRITE) || rights == (TN_READ | TN_WRITE | TN_EXEC); */
static inline bool pt_rights_valid(uint64_t rights)
{
    return rights != 0 && (rights & (TN_READ | TN_WRITE)) != TN_WRITE && rights <= (TN_READ | TN_WRITE | TN_EXEC);
}
/* Permission and software bits of an entry: A always set and D with W, so that the hardware never has to set or to trap. */
/*@ requires rights <= 7 && soft <= 3;
    assigns \nothing;
    ensures \result < 1024 && SPEC_V(\result) == 0 && SPEC_RIGHTS(\result) == rights && SPEC_UGA(\result) == 4 &&
            SPEC_D(\result) == SPEC_BIT(rights, 1) && SPEC_SOFT(\result) == soft; */
static inline pte_t pt_permissions(uint64_t rights, uint64_t soft)
{
    return rights << 1 | TN_PTE_A | (rights & TN_WRITE) << 6 | soft << TN_PTE_SOFT_SHIFT;
}
/*@ requires page.v % 4096 == 0 && page.v < 0x100000000000000 && rights <= 7 && soft <= 3;
    assigns \nothing;
    ensures SPEC_V(\result) == 1 && SPEC_RIGHTS(\result) == rights && SPEC_UGA(\result) == 5 &&
            SPEC_D(\result) == SPEC_BIT(rights, 1) && SPEC_SOFT(\result) == soft;
    ensures SPEC_PAGE(\result) == page.v / 4096 && SPEC_TOP(\result) == 0; */
static inline pte_t pt_leaf(paddr_t page, uint64_t rights, uint64_t soft)
{
    return page.v >> 2 | pt_permissions(rights, soft) | TN_PTE_U | TN_PTE_V;
}
/*@ requires table.v % 4096 == 0 && table.v < 0x100000000000000;
    assigns \nothing;
    ensures \result % 1024 == TN_PTE_V && SPEC_PAGE(\result) == table.v / 4096 && SPEC_TOP(\result) == 0; */
static inline pte_t pt_link(paddr_t table)
{
    return table.v >> 2 | TN_PTE_V;
}
/* The leaf so many pages further on. */
/*@ requires SPEC_PAGE(leaf) + pages < 0x100000000000;
    assigns \nothing;
    ensures SPEC_SAME_FLAGS(\result, leaf) && SPEC_TOP(\result) == SPEC_TOP(leaf);
    ensures SPEC_PAGE(\result) == SPEC_PAGE(leaf) + pages;
    ensures pages == 0 ==> \result == leaf; */
static inline pte_t pt_advance(pte_t leaf, uint64_t pages)
{
    return leaf + (pages << TN_PTE_PPN_SHIFT);
}
/* The leaf, of device memory. */
/*@ requires SPEC_TOP(leaf) == 0;
    assigns \nothing;
    ensures SPEC_SAME_FLAGS(\result, leaf) && SPEC_PAGE(\result) == SPEC_PAGE(leaf) && SPEC_TOP(\result) == 0x100; */
static inline pte_t pt_device(pte_t leaf)
{
    return leaf | PTE_PBMT_IO;
}
/* Whether `count` leaves of this level, from page `page` on, lie in a Frame of `limit` pages. */
/*@ requires level <= 4 && limit <= 0x4000000;
    assigns \nothing;
    ensures \result <==> page < limit && page + count * SPEC_PAGES(level) <= limit; */
static inline bool pt_pages_fit(uint64_t page, uint64_t limit, uint64_t count, uint32_t level)
{
    return page < limit && count <= (limit - page) >> (9 * level);
}
/* Whether a leaf of this level can map the physical page. */
/*@ requires level <= 4;
    assigns \nothing;
    ensures \result <==> SPEC_ALIGNED(page, level); */
static inline bool pt_page_aligned(uint64_t page, uint32_t level)
{
    return (page & (pt_level_pages(level) - 1)) == 0;
}
/* Rights, as permission bits, that an entry does not have and would get. */
/*@ assigns \nothing;
    ensures \result == 2 * (SPEC_BIT(permissions, 1) == 1 && SPEC_BIT(old, 1) == 0 ? 1 : 0) +
                       4 * (SPEC_BIT(permissions, 2) == 1 && SPEC_BIT(old, 2) == 0 ? 1 : 0) +
                       8 * (SPEC_BIT(permissions, 3) == 1 && SPEC_BIT(old, 3) == 0 ? 1 : 0); */
static inline pte_t pt_gained(pte_t old, pte_t permissions)
{
    return permissions & ~old & TN_PTE_RWX;
}
/* Whether `grants` has every permission bit of `gained`. */
/*@ requires gained < 16 && grants < 16;
    assigns \nothing;
    ensures \result <==> (SPEC_BIT(gained, 0) == 0 || SPEC_BIT(grants, 0) == 1) &&
                         (SPEC_BIT(gained, 1) == 0 || SPEC_BIT(grants, 1) == 1) &&
                         (SPEC_BIT(gained, 2) == 0 || SPEC_BIT(grants, 2) == 1) &&
                         (SPEC_BIT(gained, 3) == 0 || SPEC_BIT(grants, 3) == 1); */
static inline bool pt_granted(pte_t gained, pte_t grants)
{
    return (gained & ~grants) == 0;
}
#define PTE_CHANGED_BY_PROTECT (TN_PTE_RWX | TN_PTE_A | TN_PTE_D | 3ull << TN_PTE_SOFT_SHIFT)

/* The entry with other permissions and software bits. */
/*@ requires permissions < 1024 && SPEC_V(permissions) == 0 && SPEC_UGA(permissions) == 4;
    assigns \nothing;
    ensures SPEC_V(\result) == SPEC_V(old) && SPEC_RIGHTS(\result) == SPEC_RIGHTS(permissions) &&
            SPEC_D(\result) == SPEC_D(permissions) && SPEC_SOFT(\result) == SPEC_SOFT(permissions);
    ensures SPEC_UGA(old) / 4 == 1 ==> SPEC_UGA(\result) == SPEC_UGA(old);
    ensures SPEC_PAGE(\result) == SPEC_PAGE(old) && SPEC_TOP(\result) == SPEC_TOP(old); */
static inline pte_t pt_protected(pte_t old, pte_t permissions)
{
    return (old & ~PTE_CHANGED_BY_PROTECT) | permissions;
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
