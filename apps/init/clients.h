/* Clients: started through their servers, ended by init where the plan says so, awaited and compared with what is
 * expected. */
#pragma once
#include "overlay.h"

/* What is needed from memory; before servers take all that is left. */
void clients_prepare(void);

/* What the server of `plan` has counted: hart ~0 for the sum (tenon/mm_protocol.h, MM_SERVER_STAT). */
void server_counters(const struct server_plan *plan, uint64_t hart, uint64_t counter[MM_COUNTERS]);

/* Start all clients. One that its server refuses is reported, keeps the refusal as its id, and the others go on. */
void clients_spawn(struct system *system);

/* Wait for the end of each, in order, and print it. Returns how many ended otherwise than expected, or never
 * were started. */
unsigned clients_await(struct system *system, const struct cpio *initrd, uint64_t timebase_hz);
