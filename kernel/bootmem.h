/* Memory during boot: a bump allocator over the RAM that is not reserved, used by one hart before user space exists.
 * What is left in the end becomes init's Untypeds. */
#pragma once
#include "types.h"

void bootmem_init(void);                                 /* after platform_init */
void *bootmem_alloc(uint64_t bytes, uint64_t alignment); /* zeroed, in the direct map; panics when there is none */
/* Free ranges left, cut into naturally aligned powers of two of at least a page, largest first where possible.
 * Calls `take` for each; allocation is over afterwards. */
void bootmem_give_away(void (*take)(paddr_t base, uint32_t size_bits, void *context), void *context);
