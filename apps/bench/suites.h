/* What one run of `bench` measures, by its first argument. Each suite prints its figures, checks that its operations did what
 * they say, and returns false if one did not.
 */
#pragma once
#include "measure.h"

/* batch.c: what one transaction for many pages is worth. Samples in *m. */
bool suite_batch(struct measure *m);

/* memory.c: bytes of tables and metadata for dense and sparse mappings, of an address space, of a thread. */
bool suite_memory(void);

/* flushes.c: flushes and remote interrupts where threads on `harts` harts share the address space. */
bool suite_flushes(unsigned harts);
