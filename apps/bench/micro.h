/* The memory micro-benchmarks, one function each. All take their samples from the last 16 of 32 requests, in 16 rounds
 * whose first addresses are (request + padding) pages apart, as CortenMM's benchmarks do with as many threads.
 *
 * Each leaves the address space as it found it and checks that its requests did what they say. false: they did not, and
 * a line that says what was wrong has been printed.
 */
#pragma once
#include "measure.h"

/* Makes the pages that the benchmarks themselves write to, so that no check counts them. Call first. */
void micro_init(void);

bool micro_pf(struct measure *m);
bool micro_mmap(struct measure *m);     /* at fixed addresses */
bool micro_mmap_any(struct measure *m); /* where the memory manager likes */
bool micro_mmap_pf(struct measure *m);  /* fixed */
bool micro_mmap_pf_any(struct measure *m);
bool micro_munmap_virt(struct measure *m);
bool micro_munmap(struct measure *m);
bool micro_mprotect(struct measure *m, unsigned pages); /* a sample: RW to RO and back */
bool micro_touch_again(struct measure *m);              /* control: a store to a page that is there */
