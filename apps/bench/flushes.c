/* Flushes and remote interrupts of munmap where threads on all harts share an address space. See suites.h and
 * docs/benchmarks.md.
 *
 *     one     the first thread maps, touches and unmaps; the others compute on memory that they have
 *     all     each thread maps, touches and unmaps pages of its own
 *
 * How often each thread does so stands in the program's input file. Flushes and harts interrupted are the memory manager's
 * counters for this client. Threads that unmap nothing never wait, so each hart is busy with this address space and must be
 * told. Counts, not times, are printed: there may be more threads than the host has processors.
 */
#include <stdlib.h>
#include <tenon/atomic.h>
#include <tenon/ipc.h>
#include <tenon/thread.h>
#include "check.h"
#include "suites.h"

#define HARTS_MAX 64u

static uint32_t ready, go, working, failed;
static unsigned threads_count, unmaps; /* unmaps: of each thread that unmaps */
static bool all_unmap;

static void unmap_own(void)
{
    for (unsigned i = 0; i < unmaps; i++) {
        volatile uint64_t *p = mmap(NULL, PAGE_BYTES, RW, ANON, -1, 0);
        if (p == MAP_FAILED || *p != 0) { /* what a TLB still showed would not be zero */
            tn_store_relaxed(&failed, 1);
            return;
        }
        *p = i + 1;
        if (*p != i + 1 || munmap((void *)p, PAGE_BYTES) != 0)
            tn_store_relaxed(&failed, 1);
    }
}

/* A thread's own page, there from the start. */
static void compute(volatile uint64_t *page)
{
    while (tn_load_acquire(&working) != 0) /* pairs with: work */
        page[0]++;
}

static void *work(void *argument)
{
    uint64_t index = (uint64_t)argument;
    static uint64_t page[HARTS_MAX][512];

    page[index][0] = index;
    tn_fetch_add_release(&ready, 1);
    while (tn_load_acquire(&go) == 0) /* pairs with: run */
        page[index][1]++;
    if (all_unmap || index == 0) {
        unmap_own();
        tn_fetch_sub_acq_rel(&working, 1);
    }
    compute(page[index]);
    return NULL;
}

static bool run(const char *name, bool all)
{
    struct tn_thread *thread[HARTS_MAX];

    all_unmap = all;
    tn_store_relaxed(&ready, 0);
    tn_store_relaxed(&go, 0);
    tn_store_relaxed(&working, all ? threads_count : 1);
    for (uint64_t i = 1; i < threads_count; i++)
        if (tn_thread_create(&thread[i], work, (void *)i, (int)i, 0) != 0)
            return wrong(name, "no thread", i, 0);
    while (tn_load_acquire(&ready) != threads_count - 1) /* pairs with: work */
        tn_yield();
    uint64_t flushes = counter(MM_FLUSHES), remote = counter(MM_REMOTE_FLUSHES);
    tn_store_release(&go, 1); /* pairs with: work */
    work((void *)0);
    flushes = counter(MM_FLUSHES) - flushes;
    remote = counter(MM_REMOTE_FLUSHES) - remote;
    for (unsigned i = 1; i < threads_count; i++)
        if (tn_thread_join(thread[i], NULL) != 0)
            return wrong(name, "join", i, 0);
    measure_say("flushes %s unmaps %u flushes %" PRIu64 " remote %" PRIu64 "\n", name,
                unmaps * (all ? threads_count : 1), flushes, remote);
    return tn_load_relaxed(&failed) == 0 || wrong(name, "a page was not fresh, or a call failed", 1, 0);
}

bool suite_flushes(unsigned harts)
{
    const struct tn_start *start = tn_start_info();

    threads_count = harts <= HARTS_MAX ? harts : HARTS_MAX;
    unmaps = start->input_bytes != 0 ? (unsigned)strtoul((const char *)start->input, NULL, 10) : 0;
    if (unmaps == 0)
        return wrong("flushes", "unmaps, from the input file", 0, 1);
    return run("one", false) && run("all", true);
}
