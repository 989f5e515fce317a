/* ktest: runs as `init` on the bare kernel and tests all its objects, operations and errors. Prints KTAP.
 *
 * Boot arguments: `test=SUBSTRING` runs the tests whose name contains it, `seed=N` repeats a run's random choices,
 * `limit=N` ends a test that takes longer than N seconds.
 * Ends QEMU through the SiFive test device: pass, or failure with code 1.
 */
#include <stdlib.h>
#include <string.h>
#include "mem.h"

#define TEST_LIMIT_S 120 /* of one test; generous, for slow and busy machines */

const struct tn_bootinfo *kt_boot;
unsigned kt_harts, kt_main_hart;
uint64_t kt_seed, kt_test_seed;

static const struct kt_test *const tables[] = {
    untyped_tests,  cnode_tests,    revoke_tests, regs_tests,      endpoint_tests,     message_tests,
    transfer_tests, gone_tests,     reply_tests,  gate_tests,      notification_tests, deadline_tests,
    tcb_tests,      tcb_life_tests, sched_tests,  vspace_tests,    view_tests,         ptbatch_tests,
    ptrefuse_tests, frame_tests,    flush_tests,  flushowed_tests, ptreply_tests,      fault_tests,
    fp_tests,       irq_tests,      stubs_tests,  smp_tests,       smp_cap_tests,      hostile_tests,
};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

static char filter[64];
static uint64_t limit_s;

static bool selected(const struct kt_test *t)
{
    return filter[0] == 0 || strstr(t->name, filter) != NULL;
}

static unsigned count_tests(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < TABLES; i++)
        for (const struct kt_test *t = tables[i]; t->name; t++)
            n += selected(t);
    return n;
}

static uint64_t hash(const char *name)
{
    uint64_t h = 14695981039346656037ull;

    while (*name)
        h = (h ^ (uint8_t)*name++) * 1099511628211ull;
    return h;
}

/* Returns whether it passed. */
static bool run_test(const struct kt_test *t, unsigned number)
{
    kt_check_begin();
    if (t->min_harts > kt_harts) {
        kt_printf("ok %u - %s # SKIP needs %u harts\n", number, t->name, t->min_harts);
        return true;
    }
    kt_test_seed = (kt_seed ^ hash(t->name)) | 1;
    kt_mem_begin();
    kt_thread_begin();
    kt_watchdog_arm(t->name, limit_s * 1000);
    kt_protected(t->fn);
    kt_protected(kt_mem_end);
    kt_watchdog_disarm();
    if (kt_outcome())
        kt_printf("not ok %u - %s # %s\n", number, t->name, kt_outcome());
    else if (kt_skipped())
        kt_printf("ok %u - %s # SKIP %s\n", number, t->name, kt_skipped());
    else
        kt_printf("ok %u - %s\n", number, t->name);
    return kt_outcome() == NULL;
}

static void read_bootargs(void)
{
    char text[24];

    if (!kt_bootarg("test", filter, sizeof(filter)))
        filter[0] = 0;
    limit_s = kt_bootarg("limit", text, sizeof(text)) ? strtoull(text, NULL, 0) : TEST_LIMIT_S;
    kt_seed = kt_bootarg("seed", text, sizeof(text)) ? strtoull(text, NULL, 0) : kt_time() | 1;
}

static void start_system(void)
{
    kt_main_hart = kt_hart();
    kt_harts = kt_boot->harts < KT_HARTS_MAX ? kt_boot->harts : KT_HARTS_MAX;
    if (kt_main_hart >= kt_harts) { /* the firmware chose a hart beyond those that tests use */
        REQUIRE_OK(INV(TN_INIT_TCB, TN_TCB_SET_AFFINITY, 0));
        kt_main_hart = kt_hart();
        REQUIRE_EQ(kt_main_hart, 0);
    }
    kt_mem_init();
}

static void init_failed(void)
{
    kt_printf("Bail out! start: %s\n", kt_outcome() ? kt_outcome() : "skipped");
    kt_finish(false);
}

/* The entry (asm.S) comes here. Thread-local storage exists from the second line on. */
void kt_main(const struct tn_bootinfo *boot);
void kt_main(const struct tn_bootinfo *boot)
{
    unsigned failures = 0, number = 0;

    __asm__ volatile("mv tp, %0" : : "r"(kt_main_thread.tls));
    kt_boot = boot;
    kt_main_thread.tcb = TN_INIT_TCB;
    kt_main_thread.buffer = (struct tn_ipc_buffer *)TN_INIT_IPC_BUFFER;
    read_bootargs();
    kt_printf("KTAP version 1\n# ktest: %u harts, %u levels, %s build, seed %lu (repeat with: seed=%lu)\n", boot->harts,
              boot->levels, boot->debug_build ? "debug" : "release", (unsigned long)kt_seed, (unsigned long)kt_seed);
    kt_protected(start_system);
    if (kt_outcome() || kt_skipped())
        init_failed();
    kt_printf("1..%u\n", count_tests());
    for (unsigned i = 0; i < TABLES; i++)
        for (const struct kt_test *t = tables[i]; t->name; t++)
            if (selected(t))
                failures += !run_test(t, ++number);
    kt_printf("# %u passed, %u failed\n", number - failures, failures);
    kt_finish(failures == 0);
}
