/* Account of translations that were taken back and not yet flushed. Debug builds; empty in release builds.
 *
 * Every entry that changes is told here, and every flush (flushlog.h). The account panics where memory is used again that
 * a hart may still reach. Two sets of rules:
 *
 *   the kernel's, always (no user program can break them, whatever it does):
 *     a page that changes its type, or was revoked, is in no hart's TLB, neither as a page nor as a table
 *     an ASID gets a new space only when no hart holds translations of the old one
 *     an idle hart that was spared an interrupt flushes before it runs user code
 *     user code does not go on before an entry that became valid has been looked at again, or before the space without an
 *     ASID that ran before was flushed
 *
 *   a memory server's, with the boot argument flush-rules=server (one that keeps them serves its clients rightly; a
 *   hostile one hurts its own clients alone):
 *     a frame that no client maps any more, and a hart may still reach, is not mapped elsewhere if either mapping can write
 *       (an entry with a software bit is memory that is lent and keeps its purpose: it may move within its space)
 *     an address is not given another frame while a hart may still see the old one
 *     a table that a hart may still walk is neither linked elsewhere nor filled
 *     rights that were lost are lost on every hart before a thread of that space gets its next reply
 *
 * What a server does in its own space, and in tables that hang in several spaces, is judged by the kernel's rules alone.
 */
#pragma once
#include "hart.h"
#include "pt.h"

#if TENON_DEBUG

void flushcheck_init(paddr_t ram_base, uint64_t ram_pages);
/* The entry was exchanged. `wanted`: the writer asked for the old value (who does not, keeps what was mapped). */
void flushcheck_entry(const pte_t *entry, pte_t old, pte_t value, bool wanted);
/* The table became the root of a space; asid 0: one without an ASID. */
void flushcheck_root(paddr_t table, uint64_t asid);
/* Nothing may reach the range any more by what was taken back until `cleared` (flushlog_tick). Later ones are those of whoever
 * holds the original of a capability that is revoked, and goes on mapping with it behind the search. */
void flushcheck_gone(paddr_t base, uint64_t bytes, uint64_t cleared);
/* The pages get a new type: nothing may reach them, and their history begins anew. */
void flushcheck_retyped(paddr_t base, uint64_t bytes);
/* The ASID gets a new space. */
void flushcheck_asid(uint64_t asid);
/* The current thread answers `caller`. */
void flushcheck_reply(const struct tcb *caller);

void flushlog_loads(struct hart *h, uint64_t satp);
uint64_t flushlog_tick(void);
void flushlog_did(struct flush_request r, uint64_t began);
void flushlog_promise(struct hart *to, struct flush_request r);
void flushlog_idle_over(struct hart *h);
void flushlog_saw_absence(uint64_t asid);
void flushlog_check_entry(struct hart *h);

#else

static inline void flushcheck_init(paddr_t ram_base, uint64_t ram_pages)
{
    (void)ram_base, (void)ram_pages;
}
static inline void flushcheck_entry(const pte_t *entry, pte_t old, pte_t value, bool wanted)
{
    (void)entry, (void)old, (void)value, (void)wanted;
}
static inline void flushcheck_root(paddr_t table, uint64_t asid)
{
    (void)table, (void)asid;
}
static inline void flushcheck_gone(paddr_t base, uint64_t bytes, uint64_t cleared)
{
    (void)base, (void)bytes, (void)cleared;
}
static inline void flushcheck_retyped(paddr_t base, uint64_t bytes)
{
    (void)base, (void)bytes;
}
static inline void flushcheck_asid(uint64_t asid)
{
    (void)asid;
}
static inline void flushcheck_reply(const struct tcb *caller)
{
    (void)caller;
}
static inline void flushlog_loads(struct hart *h, uint64_t satp)
{
    (void)h, (void)satp;
}
static inline uint64_t flushlog_tick(void)
{
    return 0;
}
static inline void flushlog_did(struct flush_request r, uint64_t began)
{
    (void)r, (void)began;
}
static inline void flushlog_promise(struct hart *to, struct flush_request r)
{
    (void)to, (void)r;
}
static inline void flushlog_idle_over(struct hart *h)
{
    (void)h;
}
static inline void flushlog_saw_absence(uint64_t asid)
{
    (void)asid;
}
static inline void flushlog_check_entry(struct hart *h)
{
    (void)h;
}
#endif
