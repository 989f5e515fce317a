/* What each hart's TLB may hold, as bad as the architecture allows (privileged specification, "Supervisor
 * Memory-Management Fence Instruction"): everything that was valid at some time while a space was loaded, until it is flushed.
 * Debug builds only; QEMU's own TLB forgets far more than it must, so nothing else shows a missing flush.
 *
 * Times are ticks of one clock that every event advances. Each hart has a log of its own, under a lock of its own that
 * stands outside the order of spinlock.h: nothing is taken inside it.
 */
#pragma once
#include "hart.h"

/* A translation that was taken back: no table shows it since tick `when`. */
struct stale {
    uint64_t when; /* 0: none */
    uint64_t va;
    uint16_t asid;
    bool many;    /* reached through several spaces, or one without an ASID: only a flush of everything helps */
    bool is_link; /* the way to a table: a flush of addresses does not help */
};

void flushlog_init(void);
uint64_t flushlog_tick(void);
/* This hart is about to load the space with that satp. */
void flushlog_loads(struct hart *h, uint64_t satp);
/* This hart has carried out a flush that it began at tick `began`. asid 0: everything. */
void flushlog_did(struct flush_request r, uint64_t began);
/* An idle hart was spared the interrupt: it is to flush before it leaves its idle loop. box.lock held. */
void flushlog_promise(struct hart *to, struct flush_request r);
/* The hart leaves its idle loop: all that was promised for it has been done, or the kernel is wrong. */
void flushlog_idle_over(struct hart *h);
/* A hart that may still use the translation; -1: none. */
int flushlog_holder(const struct stale *s);
/* A hart that may still hold anything of that ASID, -1: none. */
int flushlog_asid_holder(uint64_t asid);
/* This hart saw an invalid entry that is valid now, and has to look again before user code runs. */
void flushlog_saw_absence(uint64_t asid);
/* Entered from user mode: what had to be flushed before user code ran was flushed. */
void flushlog_check_entry(struct hart *h);
/* The sizes beyond which addresses are flushed as a whole space. */
#define FLUSH_PAGES_MAX 32
