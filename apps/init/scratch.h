/* Addresses in init's own space, for devices and for pages that init fills before it gives them away. */
#pragma once
#include <stdint.h>
#include <tenon/message.h>
#include <tenon/object.h>

#define SCRATCH_PAGES 512 /* in all, over the run */

/* Tables for the scratch range. After memory_init. */
void scratch_init(unsigned levels);

/* Map pages of `frame`, from page `page` on. The addresses are never used again. */
void *scratch_map(tn_cptr_t frame, uint64_t page, uint64_t pages, unsigned rights);

/* Write one run of page-table entries, init's own or another space's. A refusal is a bug of init: the run ends. */
struct tn_pt_run;
void scratch_write(const struct tn_pt_run *run);
