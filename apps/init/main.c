/* init, the first program: composes the system that the device tree describes, and watches it.
 *
 *  1. memory, device tree, initrd                4. clients
 *  2. the system described: read and checked     5. their ends, statistics, leaks
 *  3. memory servers                             6. the end of the run, with its status
 *
 * Everything that is wrong ends the run with one line, "tenon: failed: what: why" (finish.h). Beside this thread runs
 * the watcher (watch.h). */
#include "clients.h"
#include "finish.h"
#include "memory.h"
#include "print.h"
#include "report.h"
#include "scratch.h"
#include "server_make.h"
#include "watch.h"

static struct system plan; /* large; constant after step 3 but for the clients' ids */

_Noreturn void init_main(const struct tn_bootinfo *info);

static void open_inputs(const struct tn_bootinfo *info, struct dt *tree, struct cpio *initrd)
{
    int error = dt_open(tree, (const void *)TN_INIT_DTB, info->dtb_bytes);

    if (error != DT_OK) {
        fail("device tree: %s at offset %u", dt_strerror(error), tree->bad_at);
    }
    finish_init(tree);
    error = cpio_open(initrd, (const void *)TN_INIT_INITRD, info->initrd_bytes);
    if (error != CPIO_OK) {
        fail("initrd: %s at offset %lu", cpio_strerror(error), initrd->bad_at);
    }
}

_Noreturn void init_main(const struct tn_bootinfo *info)
{
    struct dt tree;
    struct cpio initrd;
    unsigned leaks = 0;

    memory_init(info);
    scratch_init(info->levels);
    open_inputs(info, &tree, &initrd);
    overlay_read(&plan, &tree, &initrd, info->harts);
    watch_start(&plan);
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
