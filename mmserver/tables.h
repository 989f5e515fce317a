/* The pool of page tables behind the workers' stocks: chunks of 2 MiB, each mapped as read-only views.
 *
 *     page of the chunk   0..7          8..11             12              13           14..511
 *                         descriptors   CNode: a slot     own table of    free-list    tables, any level
 *                                       for each page     level 0: views  links
 *
 * The capability of the table on page i of a chunk stands in slot i of that chunk's CNode, so that the address is
 * enough to find it. Slots 12 and 13 hold those of the third and fourth part.
 */
#pragma once
#include <stdint.h>
#include <corten/types.h>
#include <tenon/message.h>

/* Windows for tables at physical addresses low .. high - 1. 0: too little memory. */
int tables_init(struct tn_ipc_buffer *ipc, uint64_t low, uint64_t high);

/* As port_tables_get and port_tables_put. Take the pool's lock. */
unsigned tables_get(struct tn_ipc_buffer *ipc, unsigned level, paddr_t *out, unsigned want);
void tables_put(unsigned level, const paddr_t *in, unsigned count);

/* Tables that the pool could still give without another chunk, and the pages that serve the chunks themselves. The
 * latter count as free: they come with a chunk, not with a client. */
uint64_t tables_free_pages(void);
