/* The kernel's invariants (docs/architecture.md, "Trust"), checked in debug builds; empty in release builds.
 *
 * Where something changes: every page-table entry, every slot, every page's type, at once, against what the page types say,
 * and by counts of the entries and capabilities that lead to each page. So after each system call all holds again, if it held
 * before and nothing was changed past these functions. Whether something was is looked for in turn: invariants_check() reads
 * some tables again at every kernel entry, cdtcheck.h some slots whenever the CSpace lock is given back.
 */
#pragma once
#include "cap.h"
#include "hart.h"
#include "memory.h"
#include "pt.h"

#if TENON_DEBUG
/* Boot, before any page has a type. */
void invariants_init(paddr_t ram_base, uint64_t ram_pages);
/* At a kernel entry: what the one before left behind. */
void invariants_check(struct hart *h);
/* The entry of a table was exchanged; the table and what `value` leads to cannot change their types meanwhile. */
void invariants_entry(const pte_t *entry, pte_t old, pte_t value);
/* The pages are about to get the type. CSpace lock held. */
void invariants_retype(paddr_t base, uint64_t bytes, enum page_type type);
/* The slot is about to hold the capability. CSpace lock held. */
void invariants_slot(const struct slot *s, struct cap c);
#else
static inline void invariants_init(paddr_t ram_base, uint64_t ram_pages)
{
    (void)ram_base, (void)ram_pages;
}
static inline void invariants_check(struct hart *h)
{
    (void)h;
}
static inline void invariants_entry(const pte_t *entry, pte_t old, pte_t value)
{
    (void)entry, (void)old, (void)value;
}
static inline void invariants_retype(paddr_t base, uint64_t bytes, enum page_type type)
{
    (void)base, (void)bytes, (void)type;
}
static inline void invariants_slot(const struct slot *s, struct cap c)
{
    (void)s, (void)c;
}
#endif
