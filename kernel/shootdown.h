/* Flushing translations on other harts. The only file that does. */
#pragma once
#include "hart.h"
#include "vspace.h"

/* Flushes `pages` pages from `va` (0: all) of a space on every hart that may hold its translations; with `wait`, returns when
 * all have. Idle harts are not woken: they flush before they next run user code. Returns how many were interrupted. */
uint64_t shootdown_range(struct vspace *v, vaddr_t va, uint64_t pages, bool wait);
/* The same, if no hart but `h`, this one, may hold translations. false: another may, and nothing has been done. */
bool shootdown_alone(const struct hart *h, const struct vspace *v, vaddr_t va, uint64_t pages);
/* Everything, on every hart, idle ones too; waits. For memory that changes its type, and ASIDs that get a new owner. */
void shootdown_everything(void);
/* fence.i on every hart; waits. */
void shootdown_fence_i(void);
/* Carries out one request on this hart. asid 0: everything. */
void flush_local(struct flush_request r);
