/* Filling the space of a client that does not run yet. Each call is a request of its own to the core. */
#pragma once
#include "client.h"

/* Pages low .. low + bytes - 1 (page-aligned) with these rights, holding `data_bytes` bytes of `data` from `data_at`
 * (an address in the range) on, and zeros before and behind. */
enum ct_status supply_copy(struct worker *w, struct client *c, uint64_t low, uint64_t bytes, unsigned rights,
                           uint64_t data_at, const void *data, uint64_t data_bytes);

/* Demand-zero memory, guard pages: the range gets this word. */
enum ct_status supply_mark(struct worker *w, struct client *c, uint64_t low, uint64_t bytes, ct_word_t word);

/* Pages of the initrd, from page `page` of it on, read-only at `low`: borrowed, they never go to the frame pool. */
enum ct_status supply_initrd(struct worker *w, struct client *c, uint64_t low, uint64_t page, uint64_t pages);
