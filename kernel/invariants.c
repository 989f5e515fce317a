/* The kernel's invariants, checked in debug builds at the beginning of every kernel entry: those of the hart always, those of
 * memory for the next few tables in turn, so that all tables are seen again and again at a bounded price.
 *
 *   - no lock is held; the current thread is READY and at home
 *   - a table's entry is empty, a link to a table one level down, or a leaf into memory typed frame or outside RAM
 *     (device), or a read-only leaf to a table (a view); the kernel's half of a root is the kernel's
 *
 * Entries change under the check (other harts, the hardware's A and D), and memory changes type only when no entry refers to
 * it, so each entry is judged by one read of it, and a suspicious one is read again.
 */
#include "invariants.h"

#if TENON_DEBUG
#include "flushcheck.h"
#include "memory.h"
#include "panic.h"
#include "tcb.h"

#define TABLES_PER_CHECK 2
#define PAGES_PER_CHECK 512

static bool entry_is_fine(pte_t pte, uint32_t level)
{
    if (!(pte & TN_PTE_V))
        return pte == 0;
    enum page_type type = memory_type((paddr_t){tn_pte_paddr(pte)});
    if (tn_pte_is_link(pte))
        return level > 0 && type == PAGE_TABLE + level - 1;
    if ((pte & (TN_PTE_R | TN_PTE_W)) == TN_PTE_W || !(pte & TN_PTE_U))
        return false;
    if (type >= PAGE_TABLE)
        return level == 0 && !(pte & (TN_PTE_W | TN_PTE_X));
    return type == PAGE_FRAME || type == PAGE_NONE;
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
}

void invariants_check(struct hart *h)
{
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
