/* Clients: started through their servers, ended by init where the plan says so, awaited and compared with what is
 * expected. */
#pragma once
#include "overlay.h"

/* What is needed from memory; before servers take all that is left. */
void clients_prepare(void);

/* One request of the administrator's protocol (tenon/mm_protocol.h). Like all that follows it ends the run, with a line that
 * says what, if the server does not answer as the protocol says. */
struct tn_msg server_ask(const struct server_plan *server, uint64_t label, const uint64_t *word, unsigned words);
void server_kill(const struct server_plan *server, int64_t id);
/* The answer to MM_AWAIT: four words in it, the others in init's IPC buffer. */
struct tn_msg server_await(const struct server_plan *server, int64_t id);

/* Let the others run until tn_time() is at least `ticks`. */
void clients_wait_until(uint64_t ticks);

/* What the server of `plan` has counted: hart ~0 for the sum (tenon/mm_protocol.h, MM_SERVER_STAT). */
void server_counters(const struct server_plan *plan, uint64_t hart, uint64_t counter[MM_COUNTERS]);

/* Start all clients. One that its server refuses is reported, keeps the refusal as its id, and the others go on. */
void clients_spawn(struct system *system);

/* Wait for the end of each, in order, and print it. Returns how many ended otherwise than expected, or never
 * were started. */
unsigned clients_await(struct system *system, const struct cpio *initrd, uint64_t timebase_hz);
