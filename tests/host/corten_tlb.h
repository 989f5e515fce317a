/* Account of translations that some TLB may still hold, as bad as the architecture allows: every valid entry is in a
 * TLB until it is changed *and* flushed afterwards. Keyed by space and address; links are kept until everything is
 * flushed.
 *
 * All state is in relaxed atomics, so that the account orders nothing between threads that the core does not order
 * itself (the thread sanitizer would be blind otherwise).
 */
#pragma once
#include <stdint.h>

void tlb_reset(void);

/* The table is `space`'s root, or was linked under `parent`. */
void tlb_root(uint64_t table, uint64_t space, unsigned level);
void tlb_link(uint64_t parent, unsigned index, uint64_t child);

/* An entry was exchanged: old valid leaf gone, leaf with fewer rights, link gone; a leaf put in. The last aborts if a
 * translation of the address or to the frame may still be cached. */
void tlb_leaf_gone(uint64_t table, unsigned index, uint64_t frame);
void tlb_leaf_weaker(uint64_t table, unsigned index);
void tlb_link_gone(uint64_t parent, unsigned index, uint64_t child);
void tlb_leaf_new(uint64_t table, unsigned index, uint64_t frame);

/* The frame or table is about to be used for something else: aborts if it may still be reached. */
void tlb_frame_reused(uint64_t frame);
void tlb_table_reused(uint64_t table);

/* A flush: start before it, end after it. pages 0: everything. */
uint64_t tlb_flush_start(void);
void tlb_flush_end(uint64_t start, uint64_t space, uint64_t va, uint64_t pages);

/* Whether a translation of this page with more rights than it has now may be cached. */
int tlb_is_stronger(uint64_t space, uint64_t va);
