/* What each page of RAM is now: one byte a page, and the search of all page tables for entries that point somewhere.
 *
 * Types change under the CSpace lock alone, and only while no entry refers to the page and no TLB can:
 *
 *     UNTYPED --retype--> OBJECT, FRAME, TABLE --(no capability left; quiesce; scan; flush everywhere)--> UNTYPED
 */
#pragma once
#include "pt.h"
#include "types.h"

struct tcb;

enum page_type {
    PAGE_NONE = 0, /* no RAM, or the kernel's and the firmware's own */
    PAGE_UNTYPED,
    PAGE_OBJECT,
    PAGE_FRAME,
    PAGE_TABLE = 8, /* + level */
};

void memory_init(void);                /* boot: after bootmem_init */
enum page_type memory_type(paddr_t p); /* PAGE_NONE outside RAM */
/* The n-th page of RAM, counted from its beginning again and again. */
paddr_t memory_page(uint64_t n);
/* The first n from `n` to `end` at which that page is a table; `end`: none is. */
uint64_t memory_next_table(uint64_t n, uint64_t end);
void memory_set_type(paddr_t base, uint64_t bytes, enum page_type type);

/* Zeroes 4 KiB, with Zicboz where the machine has it. */
void memory_zero_page(void *page);

/* Takes a range out of every page table: waits until nobody can be writing entries to it on the strength of an earlier
 * look-up, clears every entry that points into it (leaf or link), and flushes every hart. Interruptible: keeps its place in
 * `t` under the name `w0` and `version`; the caller sees to it that the version differs if capabilities to the range can have
 * existed since. CSpace lock held; may wait for other harts. */
status_t MUST_CHECK memory_unmap(struct tcb *t, uint64_t w0, uint64_t version, paddr_t base, uint64_t bytes);
/* May any page of the range be a frame or a table? Large ranges are not looked at: yes. */
bool memory_is_mappable(paddr_t base, uint64_t bytes);

/* An interrupt is waiting: long operations should stop where they are and be started again. */
bool preemption_pending(void);
