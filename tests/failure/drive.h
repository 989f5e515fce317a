/* What programs that stand in init's place share: clients started and awaited one by one, and the server's
 * account of memory compared. Whatever goes wrong ends the run with a line that says what (apps/init/finish.h).
 * clients_prepare() comes first (apps/init/clients.h). */
#pragma once
#include "../../apps/init/overlay.h"

struct end { /* the answer to MM_AWAIT */
    uint64_t how, status, address, reason;
};

/* Start the program of `c` with these arguments behind its name, and with this quota (0: none): its id, or -errno. */
int64_t drive_spawn(const struct server_plan *server, const struct client_plan *c, uint64_t quota_bytes,
                    const uint64_t *argument, unsigned arguments);
struct end drive_await(const struct server_plan *server, int64_t id);

/* Argument number i (0: the first behind the name) of the description, as a number. */
uint64_t drive_argument(const struct client_plan *c, unsigned i);

/* What the server has counted must show no client, and as much free memory as `free_pages`; `when` and `number` say
 * after what. */
void drive_check_free(const struct server_plan *server, uint64_t free_pages, const char *when, uint64_t number);

/* All clients of the description but the first, which must notice nothing: start them, with their first argument; and wait until
 * each has ended with status 0. */
void drive_start_others(const struct server_plan *server, struct system *plan);
void drive_await_others(const struct server_plan *server, const struct system *plan);
