/* The kernel's invariants. See invariants.h.
 *
 *   - no lock is held at a kernel entry; the current thread is READY and at home
 *   - a table's entry is empty, a link to a table one level down, or a leaf of a user's, all of it in memory typed frame or
 *     outside RAM (device), or a read-only leaf to a table (a view); the kernel's half of a root is as it was made
 *   - no bit of an entry is set that the kernel does not set: reserved ones, global ones, A and D in a link
 *   - a capability agrees with the type of its memory (cdtcheck.h has what else holds of capabilities)
 *   - a page changes its type only while no entry and no capability leads to it
 *
 * Entries change under the check (other harts, the hardware's A and D), and memory changes type only when no entry refers to
 * it, so each entry is judged by one read of it, and a suspicious one is read again.
 *
 * Locks: none. Counts of entries are atomic; counts of capabilities change under the CSpace lock.
 */
#include "invariants.h"

#if TENON_DEBUG
#include "bootmem.h"
#include "breakage.h"
#include "cdtcheck.h"
#include "csr.h"
#include "flushcheck.h"
#include "panic.h"
#include "panictest.h"
#include "platform.h"
#include "tcb.h"

#define TABLES_PER_CHECK 2
#define PAGES_PER_CHECK 1024
#define PTE_KNOWN (TN_PTE_PPN_MASK | 3ull << TN_PTE_SOFT_SHIFT | TN_PTE_D | TN_PTE_A | TN_PTE_U | TN_PTE_RWX | TN_PTE_V)

static paddr_t first_page;
static uint64_t page_count;
static uint32_t *entries_to; /* by page: valid entries of tables that lead there */
static uint32_t *caps_to;    /* by page: capabilities of objects that begin there, Untypeds excepted */

void invariants_init(paddr_t ram_base, uint64_t ram_pages)
{
    first_page = ram_base;
    page_count = ram_pages;
    entries_to = bootmem_alloc(ram_pages * sizeof *entries_to, CACHE_LINE);
    caps_to = bootmem_alloc(ram_pages * sizeof *caps_to, CACHE_LINE);
}

/* Index of a page of RAM; page_count or more: it is none. */
static uint64_t page_index(paddr_t p)
{
    return (p.v - first_page.v) >> TN_PAGE_BITS;
}

/* ---- entries ---- */

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
    bool device = !platform_is_ram(page, TN_PAGE_BYTES);
    if (pte & ~(PTE_KNOWN | (device ? PTE_PBMT_IO : 0)) || !pt_rights_valid((pte & TN_PTE_RWX) >> 1) ||
        !(pte & TN_PTE_U))
        return false;
    if (type >= PAGE_TABLE)
        return level == 0 && (pte & TN_PTE_RWX) == TN_PTE_R;
    return device || leaf_is_of_frame(page, pt_level_pages(level));
}

static uint32_t entries_end(uint32_t level)
{
    return level == mmu_levels - 1 ? ROOT_KERNEL_FIRST : TN_PT_ENTRIES;
}

static void bad_entry(const pte_t *table, uint32_t level, uint32_t i, pte_t pte)
{
    panic("table %p level %u entry %u is 0x%lx, page type %d", (const void *)table, level, i, pte,
          memory_type((paddr_t){tn_pte_paddr(pte)}));
}

/* An entry of the level leads to its pages, or no longer. */
static void count_entry(pte_t pte, uint32_t level, int32_t change)
{
    uint64_t first = page_index((paddr_t){tn_pte_paddr(pte)});
    uint64_t pages = tn_pte_is_leaf(pte) ? pt_level_pages(level) : 1;
    for (uint64_t i = first; (pte & TN_PTE_V) && i < first + pages && i < page_count; i++)
        __atomic_fetch_add(&entries_to[i], change, __ATOMIC_RELAXED);
}

void invariants_entry(const pte_t *entry, pte_t old, pte_t value)
{
    const pte_t *table = (const pte_t *)((uint64_t)entry & -TN_PAGE_BYTES);
    uint32_t level = memory_type(virt_to_phys(table)) - PAGE_TABLE, i = (uint32_t)(entry - table);
    if (level >= mmu_levels || i >= entries_end(level) || !entry_is_fine(value, level))
        bad_entry(table, level, i, value);
    if (((old ^ value) & (TN_PTE_PPN_MASK | TN_PTE_V)) == 0 && tn_pte_is_leaf(old) == tn_pte_is_leaf(value))
        return;
    count_entry(value, level, 1);
    count_entry(old, level, -1);
}

static void check_entry(const pte_t *table, uint32_t level, uint32_t i)
{
    pte_t pte = load_relaxed(&table[i]);
    if (!entry_is_fine(pte, level) && load_relaxed(&table[i]) == pte &&
        memory_type(virt_to_phys(table)) == PAGE_TABLE + level)
        bad_entry(table, level, i, pte);
}

/* Most entries are 0: eight are looked at together. */
static void check_table(const pte_t *table, uint32_t level)
{
    const volatile pte_t *e = table;
    for (uint32_t i = 0, end = entries_end(level); i < end; i += 8, e += 8)
        if (e[0] | e[1] | e[2] | e[3] | e[4] | e[5] | e[6] | e[7])
            for (uint32_t k = i; k < i + 8; k++)
                check_entry(table, level, k);
    if (level == mmu_levels - 1 && !mmu_root_is_fine(table) && memory_type(virt_to_phys(table)) == PAGE_TABLE + level)
        panic("table %p is a root with another kernel's half", (const void *)table);
}

/* ---- capabilities ---- */

static void count_cap(struct cap c, int32_t change)
{
    enum tn_object type = cap_type(c);
    uint64_t page = page_index(cap_paddr(c));
    if (type != TN_NULL && type != TN_UNTYPED && cap_object(c) != NULL && page < page_count)
        caps_to[page] += (uint32_t)change;
}

void invariants_slot(const struct slot *s, struct cap c)
{
    cdtcheck_cap(s, c);
    count_cap((struct cap){s->w0, s->w1}, -1);
    count_cap(c, 1);
}

/* ---- types ---- */

/* A table's entries go with it. Nobody has a capability to it any more: nobody writes it. */
static void forget_entries(const pte_t *table, uint32_t level)
{
    for (uint32_t i = 0; i < entries_end(level); i++)
        count_entry(load_relaxed(&table[i]), level, -1);
}

void invariants_retype(paddr_t base, uint64_t bytes, enum page_type type)
{
    uint64_t first = page_index(base), last = page_index((paddr_t){base.v + bytes - 1});
    for (uint64_t i = first; i <= last; i++) {
        paddr_t page = {first_page.v + (i << TN_PAGE_BITS)};
        enum page_type old = memory_type(page);
        if (old >= PAGE_TABLE && old != type)
            forget_entries(phys_to_virt(page), old - PAGE_TABLE);
    }
    for (uint64_t i = first; i <= last; i++) {
        enum page_type old = memory_type((paddr_t){first_page.v + (i << TN_PAGE_BITS)});
        if (old != type && (load_relaxed(&entries_to[i]) != 0 || caps_to[i] != 0))
            panic("invariants: page 0x%lx of type %d becomes %d, but %u entries and %u capabilities lead to it",
                  first_page.v + (i << TN_PAGE_BITS), old, type, entries_to[i], caps_to[i]);
    }
}

/* ---- at every kernel entry ---- */

void invariants_check(struct hart *h)
{
    hart_event("entry: scause, pc", csr_read(scause), csr_read(sepc));
    panictest_check(h);
    breakage_check(h);
    flushlog_check_entry(h);
    kassert(h->locks_held == 0);
    kassert(!h->current || (h->current->hart == h && h->current->state == THREAD_READY));
    uint64_t end = h->check_next + PAGES_PER_CHECK;
    for (uint32_t tables = 0; tables < TABLES_PER_CHECK; tables++) {
        h->check_next = memory_next_table(h->check_next, end);
        if (h->check_next == end)
            return;
        paddr_t page = memory_page(h->check_next++);
        uint32_t level = memory_type(page) - PAGE_TABLE;
        if (level < mmu_levels) /* it is still a table */
            check_table(phys_to_virt(page), level);
    }
}
#endif
