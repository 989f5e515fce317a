/* A sweep of shortages, in init's place: of quotas, or of what the server is refused. The only client of the description
 * is started with a quota of one page, of two, and so on, so that each time something else cannot be had: its tables, its
 * program, its stack, its start page, a thread, the memory of a request, a page that it touches. Each time either the
 * server refuses to start it or it ends by a fault for want of quota, or it copes; and then the server must have back what
 * it had before. From some quota on it gets all it asks for.
 *
 * With 1 as the third argument the client has no quota, and the server (short_server) is refused one of its requests for
 * memory each time, the next one (short.h). At the end the client must be served LAST times in a row.
 *
 * Arguments of the client in the description: number of quotas or of clients, what it passes on, and 0 or 1. */
#include "../../apps/init/begin.h"
#include "../../apps/init/clients.h"
#include "../../apps/init/finish.h"
#include "../../apps/init/print.h"
#include "../../apps/init/server_make.h"
#include "drive.h"
#include <tenon/fault.h>

#define LINUX_ENOMEM 12
#define STATUS_COPED 3 /* tests/system/greedy.c */
#define LAST 6

static struct system plan;
static int of_the_server; /* the shortage */

_Noreturn void init_main(const struct tn_bootinfo *info);

enum outcome { REFUSED, FAULTED, COPED, SERVED, OUTCOMES };

static enum outcome run_one(const struct server_plan *server, const struct client_plan *c, uint64_t pages)
{
    uint64_t argument = drive_argument(c, 1);
    uint64_t reason = of_the_server ? FAULT_NO_MEMORY : FAULT_QUOTA;
    int64_t id = drive_spawn(server, c, of_the_server ? 0 : pages * TN_PAGE_BYTES, &argument, 1);

    if (id == -LINUX_ENOMEM) {
        return REFUSED;
    }
    if (id <= 0) {
        fail("shortage %lu: the client cannot be started: error %ld", pages, -id);
    }
    struct end end = drive_await(server, id);
    if (end.how == MM_END_FAULT && end.status == TN_FAULT_VM && end.reason == reason) {
        return FAULTED;
    }
    if (end.how != MM_END_EXIT || (end.status != 0 && end.status != STATUS_COPED)) {
        fail("shortage %lu: ended as %lu, status %lu, address 0x%lx, reason %lu", pages, end.how, end.status,
             end.address, end.reason);
    }
    return end.status == 0 ? SERVED : COPED;
}

_Noreturn void init_main(const struct tn_bootinfo *info)
{
    struct server_plan *server = &plan.server[0];
    const struct client_plan *c = &plan.client[0];
    struct cpio initrd;
    uint64_t counter[MM_COUNTERS], count[OUTCOMES] = {0};
    uint64_t served = 0; /* in a row */

    begin(&plan, &initrd, info);
    clients_prepare();
    servers_make(&plan, info);
    of_the_server = drive_argument(c, 2) != 0;
    server_counters(server, ~0ull, counter);
    for (uint64_t pages = 1; pages <= drive_argument(c, 0); pages++) {
        enum outcome outcome = run_one(server, c, pages);
        count[outcome]++;
        served = outcome == SERVED ? served + 1 : 0;
        drive_check_free(server, counter[MM_FRAMES_FREE], "shortage", pages);
    }
    say("quotas: refused %lu, ended by a fault %lu, coped %lu, served %lu\n", count[REFUSED], count[FAULTED],
        count[COPED], count[SERVED]);
    if (served < (of_the_server ? LAST : 1)) {
        fail("at the end the client must get all it asks for");
    }
    finish_passed();
}
