/* The kernel's invariants, checked in debug builds at the beginning of every kernel entry: those of the hart always, those of
 * memory for the next few tables in turn, so that all tables are seen again and again at a bounded price. Those of
 * capabilities are in cdtcheck.c, those of flushes in flushcheck.c, the order of locks in spinlock.c.
 *
 *   - no lock is held; the current thread is READY and at home
 *   - a table's entry is empty, a link to a table one level down, or a leaf of a user's, all of it in memory typed frame or
 *     outside RAM (device), or a read-only leaf to a table (a view); the kernel's half of a root is as it was made
 *   - no bit is set that the kernel does not set: reserved ones, global ones, A and D in a link
 *
 * Entries change under the check (other harts, the hardware's A and D), and memory changes type only when no entry refers to
 * it, so each entry is judged by one read of it, and a suspicious one is read again.
 */
#include "invariants.h"

#if TENON_DEBUG
#include "breakage.h"
#include "csr.h"
#include "flushcheck.h"
#include "memory.h"
#include "panic.h"
#include "panictest.h"
#include "tcb.h"

#define TABLES_PER_CHECK 2
#define PAGES_PER_CHECK 512

#define PTE_KNOWN (TN_PTE_PPN_MASK | 3ull << TN_PTE_SOFT_SHIFT | TN_PTE_D | TN_PTE_A | TN_PTE_U | TN_PTE_RWX | TN_PTE_V)

/* Every page under a leaf; of a giant one, both ends and one page of each 2 MiB. */
static bool leaf_is_of_frame(paddr_t page, uint64_t pages)
{
    uint64_t step = pages > TN_PT_ENTRIES ? TN_PT_ENTRIES : 1;
    bool fine = memory_type((paddr_t){page.v + ((pages - 1) << TN_PAGE_BITS)}) == PAGE_FRAME;
    for (uint64_t i = 0; i < pages && fine; i += step)
        fine = memory_type((paddr_t){page.v + (i << TN_PAGE_BITS)}) == PAGE_FRAME;
    return fine;
}

static bool entry_is_fine(pte_t pte, uint32_t level)
{
    if (!(pte & TN_PTE_V))
        return pte == 0;
    paddr_t page = {tn_pte_paddr(pte)};
    enum page_type type = memory_type(page);
    if (tn_pte_is_link(pte))
        return level > 0 && type == PAGE_TABLE + level - 1 && pte == pt_link(page);
    bool device = !memory_is_ram(page);
    if (pte & ~(PTE_KNOWN | (device ? PTE_PBMT_IO : 0)) || !pt_rights_valid((pte & TN_PTE_RWX) >> 1) ||
        !(pte & TN_PTE_U))
        return false;
    if (type >= PAGE_TABLE)
        return level == 0 && (pte & TN_PTE_RWX) == TN_PTE_R;
    return device || leaf_is_of_frame(page, pt_level_pages(level));
}

static void check_table(pte_t *table, uint32_t level)
{
    uint32_t end = level == mmu_levels - 1 ? ROOT_KERNEL_FIRST : TN_PT_ENTRIES;
    for (uint32_t i = 0; i < end; i++) {
        pte_t pte = load_relaxed(&table[i]);
        if (entry_is_fine(pte, level))
            continue;
        if (load_relaxed(&table[i]) == pte && memory_type(virt_to_phys(table)) == PAGE_TABLE + level)
            panic("table %p level %u entry %u is 0x%lx, page type %d", (void *)table, level, i, pte,
                  memory_type((paddr_t){tn_pte_paddr(pte)}));
    }
    if (end != TN_PT_ENTRIES && !mmu_root_is_fine(table) && memory_type(virt_to_phys(table)) == PAGE_TABLE + level)
        panic("table %p is a root with another kernel's half", (void *)table);
}

void invariants_check(struct hart *h)
{
    hart_event("entry: scause, pc", csr_read(scause), csr_read(sepc));
    panictest_check(h);
    breakage_check(h);
    flushlog_check_entry(h);
    kassert(h->locks_held == 0);
    kassert(!h->current || (h->current->hart == h && h->current->state == THREAD_READY));
    uint32_t tables = 0;
    for (uint32_t i = 0; i < PAGES_PER_CHECK && tables < TABLES_PER_CHECK; i++) {
        paddr_t page = memory_page(h->check_next++);
        enum page_type type = memory_type(page);
        if (type >= PAGE_TABLE) {
            check_table(phys_to_virt(page), type - PAGE_TABLE);
            tables++;
        }
    }
}
#endif
