/* init, the first program: composes the system that the device tree describes, and watches it.
 *
 *  1. memory, device tree, initrd                4. clients
 *  2. the system described: read and checked     5. their ends, statistics, leaks
 *  3. memory servers                             6. the end of the run, with its status
 *
 * Everything that is wrong ends the run with one line, "tenon: failed: what: why" (finish.h). Beside this thread runs
 * the watcher (watch.h). */
#include "begin.h"
#include "clients.h"
#include "finish.h"
#include "report.h"
#include "server_make.h"

static struct system plan; /* large; constant after step 3 but for the clients' ids */

_Noreturn void init_main(const struct tn_bootinfo *info);

_Noreturn void init_main(const struct tn_bootinfo *info)
{
    struct cpio initrd;
    unsigned leaks = 0;

    begin(&plan, &initrd, info);
    clients_prepare();
    servers_make(&plan, info);
    clients_spawn(&plan);
    unsigned wrong = clients_await(&plan, &initrd, info->timebase_hz);
    for (uint32_t i = 0; i < plan.servers; i++) {
        report_counters(&plan.server[i], info->harts);
        leaks += report_leaks(&plan.server[i]);
    }
    if (wrong != 0) {
        fail("%u of %u clients did not end as expected", wrong, plan.clients);
    }
    if (leaks != 0) {
        fail("memory leaked");
    }
    finish_passed();
}
