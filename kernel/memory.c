/* Page types, and taking memory out of every page table. See memory.h.
 *
 * types[] is read without a lock by debug checks; it changes under the CSpace lock.
 */
#include "memory.h"
#include "atomic.h"
#include "bootmem.h"
#include "csr.h"
#include "flushcheck.h"
#include "flushsite.h"
#include "hart.h"
#include "invariants.h"
#include "ipi.h"
#include "panictest.h"
#include "platform.h"
#include "shootdown.h"
#include "tcb.h"
#include <string.h>

static uint8_t *types; /* one per page of [ram_base, ram_base + pages) */
static pfn_t ram_base;
static uint64_t ram_pages;

bool preemption_pending(void)
{
    return (csr_read(sip) & csr_read(sie)) != 0;
}

void memory_init(void)
{
    uint64_t low = ~0ull, high = 0;
    for (uint32_t i = 0; i < platform.memory_count; i++) {
        struct range r = platform.memory[i];
        low = r.base.v < low ? r.base.v : low;
        high = r.base.v + r.bytes > high ? r.base.v + r.bytes : high;
    }
    ram_base = phys_to_pfn((paddr_t){low});
    ram_pages = phys_to_pfn((paddr_t){high}).v - ram_base.v;
    types = bootmem_alloc(ram_pages, CACHE_LINE); /* zero: PAGE_NONE */
    flushcheck_init(pfn_to_phys(ram_base), ram_pages);
    invariants_init(pfn_to_phys(ram_base), ram_pages);
    if (TENON_DEBUG)
        panictest_init();
}

static bool in_ram(paddr_t p)
{
    return phys_to_pfn(p).v - ram_base.v < ram_pages;
}

enum page_type memory_type(paddr_t p)
{
    return in_ram(p) ? types[phys_to_pfn(p).v - ram_base.v] : PAGE_NONE;
}

paddr_t memory_page(uint64_t n)
{
    return pfn_to_phys((pfn_t){ram_base.v + n % ram_pages});
}

/* The first table of [at, end), or end. Eight pages are looked at together. */
static uint64_t first_table(uint64_t at, uint64_t end)
{
    const uint64_t table_bits = 0x0101010101010101ull * PAGE_TABLE;
    while (at < end) {
        if (at % 8 == 0 && at + 8 <= end && !(*(const uint64_t *)&types[at] & table_bits))
            at += 8;
        else if (types[at] >= PAGE_TABLE)
            return at;
        else
            at++;
    }
    return end;
}

uint64_t memory_next_table(uint64_t n, uint64_t end)
{
    while (n < end) {
        uint64_t at = n % ram_pages, stop = end - n < ram_pages - at ? at + (end - n) : ram_pages;
        uint64_t found = first_table(at, stop);
        n += found - at;
        if (found != stop)
            break;
    }
    return n;
}

void memory_set_type(paddr_t base, uint64_t bytes, enum page_type type)
{
    uint64_t first = phys_to_pfn(base).v, last = phys_to_pfn((paddr_t){base.v + bytes - 1}).v;
    invariants_retype(base, bytes, type);
    flushcheck_retyped(pfn_to_phys(phys_to_pfn(base)), (last - first + 1) << TN_PAGE_BITS);
    memset(&types[first - ram_base.v], type, last - first + 1);
}

void memory_zero_page(void *page)
{
    if (!platform.has_zicboz) {
        memset(page, 0, TN_PAGE_BYTES);
        return;
    }
    for (uint8_t *p = page, *end = p + TN_PAGE_BYTES; p < end; p += platform.cboz_block_bytes)
        __asm__ volatile(".insn i 0x0f, 2, x0, %0, 4" ::"r"(p) : "memory"); /* cbo.zero (p) */
}

static bool memory_is_table(uint64_t page)
{
    return types[page] >= PAGE_TABLE;
}

#define LOOKED_AT_PAGES 4096

bool memory_is_mappable(paddr_t base, uint64_t bytes)
{
    if (!in_ram(base))
        return false;
    uint64_t first = phys_to_pfn(base).v - ram_base.v, count = (bytes + TN_PAGE_BYTES - 1) >> TN_PAGE_BITS;
    if (count > LOOKED_AT_PAGES)
        return true;
    for (uint64_t i = first; i < first + count; i++)
        if (types[i] == PAGE_FRAME || memory_is_table(i))
            return true;
    return false;
}

/* Clears the entries of one table that point into the range. Entries may change at any time under us: other holders of
 * the table write it, the hardware sets A and D. Only what still points into the range is exchanged. */
static void clear_table(pte_t *table, paddr_t base, uint64_t bytes)
{
    for (uint32_t i = 0; i < TN_PT_ENTRIES; i++) {
        pte_t pte = load_relaxed(&table[i]);
        while ((pte & TN_PTE_V) && (pte & (TN_PTE_U | TN_PTE_G)) != TN_PTE_G && tn_pte_paddr(pte) - base.v < bytes) {
            if (compare_exchange_relaxed(&table[i], pte, 0)) {
                flushcheck_entry(&table[i], pte, 0, true);
                break;
            }
            pte = load_relaxed(&table[i]);
        }
    }
}

/* Work between two looks for a waiting interrupt: a table counts as many pages passed over. */
#define SCAN_BUDGET 8192
#define SCAN_TABLE_COST 512

static status_t scan(struct tcb *t, paddr_t base, uint64_t bytes)
{
    uint32_t spent = 0;
    for (uint64_t page = t->scan_next; page < ram_pages; page++) {
        if (memory_is_table(page)) {
            clear_table(phys_to_virt(pfn_to_phys((pfn_t){ram_base.v + page})), base, bytes);
            spent += SCAN_TABLE_COST;
        }
        if (++spent < SCAN_BUDGET)
            continue;
        spent = 0;
        if (preemption_pending()) {
            t->scan_next = page + 1;
            return STATUS_RESTART;
        }
    }
    return TN_OK;
}

status_t memory_unmap(struct tcb *t, uint64_t w0, uint64_t version, paddr_t base, uint64_t bytes)
{
    if (!tcb_long_goes_on(t, w0, version)) {
        quiesce();
        if (hart_self()->current != t)
            return STATUS_RESTART; /* stopped while it waited: resumed, it begins */
        tcb_long_begin(t, w0, version);
        t->scan_next = 0;
    }
    status_t status = scan(t, base, bytes);
    if (status != TN_OK)
        return status;
    uint64_t cleared = flushlog_tick();
    tcb_long_over(t);
    if (!flush_left_out(FLUSH_UNMAP))
        shootdown_everything();
    flushcheck_gone(base, bytes, cleared);
    return TN_OK;
}
