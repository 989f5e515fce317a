/* Statistics; see stat.h. Reads other workers' counters without locks: each has one writer. Called by request.c,
 * admin.c. */
#include "stat.h"
#include "client.h"
#include "frames.h"
#include "share.h"
#include "tables.h"

void answer_counters(struct worker *w, const uint64_t counter[MM_COUNTERS], uint64_t first, struct answer *a)
{
    unsigned words = 1;

    answer_value(a, MM_COUNTERS);
    for (uint64_t i = first; i < MM_COUNTERS; i++, words++) {
        if (words < TN_MSG_REG_WORDS) {
            a->mr[words] = counter[i];
        } else {
            w->ipc->msg[words] = counter[i];
        }
    }
    a->info = tn_info(0, 0, words);
}

static void add(uint64_t sum[MM_COUNTERS], const uint64_t more[MM_COUNTERS])
{
    for (unsigned i = 0; i < MM_COUNTERS; i++) {
        sum[i] += more[i];
    }
}

void stat_keep(struct worker *w, struct ct_space *space)
{
    uint64_t part[MM_COUNTERS];

    for (unsigned hart = 0; hart < server.harts; hart++) {
        ct_share_stat(space, hart, part);
        for (unsigned i = 0; i < MM_FRAMES_NOW; i++) { /* those after it are not sums over time */
            __atomic_fetch_add(&server.worker[hart]->past[i], part[i], __ATOMIC_RELAXED);
        }
    }
    ct_space_stat(space, part);
    for (unsigned i = 0; i < MM_FRAMES_NOW; i++) {
        __atomic_fetch_add(&w->released[i], part[i], __ATOMIC_RELAXED);
    }
}

static void add_worker(uint64_t sum[MM_COUNTERS], unsigned hart)
{
    const struct worker *w = server.worker[hart];
    uint64_t part[MM_COUNTERS];

    ct_worker_stat(&w->ct, part);
    for (unsigned i = 0; i < MM_FRAMES_NOW; i++) {
        sum[i] += part[i] - __atomic_load_n(&w->released[i], __ATOMIC_RELAXED) +
                  __atomic_load_n(&w->past[i], __ATOMIC_RELAXED);
    }
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        if (clients[i].space->root.v != 0) {
            ct_share_stat(clients[i].space, hart, part);
            add(sum, part);
        }
    }
}

/* Pages in a worker's stocks and limbo. */
static uint64_t worker_free_pages(const struct ct_worker *w)
{
    uint64_t pages = ct_worker_free_frames(w) + w->limbo_open.count + w->limbo_sealed.count;

    pages += w->limbo_passed.count;
    for (unsigned level = 0; level < CT_LEVELS_MAX; level++) {
        pages += w->tables_count[level];
    }
    return pages;
}

bool stat_server(uint64_t hart, uint64_t counter[MM_COUNTERS])
{
    for (unsigned i = 0; i < MM_COUNTERS; i++) {
        counter[i] = 0;
    }
    if (hart < server.harts) {
        add_worker(counter, (unsigned)hart);
        return true;
    }
    if (hart != STAT_ALL_HARTS) {
        return false;
    }
    counter[MM_FRAMES_FREE] = share_free_pages() + frames_free_pages() + tables_free_pages();
    for (unsigned i = 0; i < server.harts; i++) {
        add_worker(counter, i);
        counter[MM_FRAMES_FREE] += worker_free_pages(&server.worker[i]->ct);
    }
    return true;
}
