/* What is chosen at boot: protocol, flush policy, shape of the address space. Read-only after ct_init(). */
#pragma once
#include <corten/types.h>

/* Lock protocols (cortenmm.md, section 2; docs/corten.md):
 *   RW   read-lock every table from the root down to the covering table, write-lock that one, own all below. Readers of
 *        disjoint ranges all write the root's lock word: that sharing is the protocol's price.
 *   ADV  walk without locks inside an epoch, queue-lock the covering table, start again if it is stale, then lock
 *        every table below that the range touches. Disjoint ranges write no common line. */
enum ct_protocol { CT_PROTOCOL_RW, CT_PROTOCOL_ADV };

/* When translations of unmapped pages are flushed (loss of rights is always flushed before the transaction ends):
 *   NOW   before the transaction ends
 *   LAZY  before a frame or a table is used again, and before an address is mapped again; many frees share a flush */
enum ct_flush_policy { CT_FLUSH_NOW, CT_FLUSH_LAZY };

#define CT_AROUND_MAX 64 /* not above CT_STOCK_BULK: the frames must stand in a worker's stock */

struct ct_config {
    unsigned levels;  /* 3, 4 or 5; user addresses are 0 .. 2^(11 + 9 * levels) - 1 */
    unsigned workers; /* 1 .. CT_WORKERS_MAX; every worker's index is below it */
    enum ct_protocol protocol;
    enum ct_flush_policy flush;
    vaddr_t arena_low, arena_high; /* where ct_map() puts what has no address; page-aligned, in the user part */
    unsigned around_pages;         /* pages that a fault may map at once: a power of two up to CT_AROUND_MAX; 0 as 1 */

    /* Set by ct_init(). */
    uint64_t user_end;   /* first address past the user part */
    unsigned root_shift; /* an entry of the root maps 2^root_shift bytes */
};
extern struct ct_config ct_config;

/* Once, before anything else, after port_layout is set. Copies the configuration. CT_RANGE if it makes no sense. */
enum ct_status ct_init(const struct ct_config *config) CT_MUST_CHECK;

/* First address past the user part, with so many levels. */
/*@ requires 3 <= levels && levels <= 5;
    assigns \nothing;
    ensures \result == (levels == 3 ? 0x4000000000 : levels == 4 ? 0x800000000000 : 0x100000000000000); */
static inline uint64_t ct_user_end_of(unsigned levels)
{
    return 1ull << (11 + 9 * levels);
}
/* The same of this machine. */
static inline uint64_t ct_user_end(void)
{
    return ct_config.user_end;
}
