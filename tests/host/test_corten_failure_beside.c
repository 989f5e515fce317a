// uses: mmserver/corten/[!fmr]*.c mmserver/corten/f[!a]*.c mmserver/corten/m[!a]*.c mmserver/corten/mark.c mmserver/corten/r[!e]*.c mmserver/corten/re[!s]*.c tests/host/corten_broken.c tests/host/corten_port.c tests/host/corten_tlb.c tests/host/corten_case.c tests/host/corten_operations.c
/* Failure while another worker is at work. Worker 0 makes an operation and its n-th request for memory is refused; at
 * that moment, with its locks held, worker 1 begins a transaction of its own, on another thread: beside the operation's
 * range, or in it. It gets its time: either it is done before worker 0 goes on, or it waits for a lock. When both are
 * done the space must be as if the operation had not been, if it failed; and as after both, one after the other with the
 * same request refused, whether it failed or coped. When it has been emptied everything must be back.
 *
 * The same with faults put in shows that they are found. */
#include "corten_broken.h"
#include "corten_case.h"
#include "corten_operations.h"
#include <corten/table.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <time.h>

#define RUNS_MAX 60
#define PATIENCE_NS 1000000 /* for which worker 0 waits before it goes on */
#define BESIDE (OP_BASE + 4 * GIB1 - 2 * KIB4)
#define INSIDE (OP_BASE + 4 * KIB4)

/*--- Worker 1 ---*/

static enum ct_status other_touch(uint64_t va)
{
    struct ct_worker *w = port_worker(1);
    ct_worker_begin(w);
    enum ct_status st = ct_fault(w, space, (vaddr_t){va}, TN_WRITE, 0, NULL);
    ct_worker_end(w);
    return st;
}

static void touch_beside(void)
{
    (void)other_touch(BESIDE);
}
static void touch_inside(void)
{
    (void)other_touch(INSIDE);
}
static void protect_inside(void)
{
    struct ct_worker *w = port_worker(1);
    ct_worker_begin(w);
    (void)!ct_protect(w, space, (vaddr_t){OP_BASE + KIB4}, 2 * KIB4, TN_READ, 0);
    ct_worker_end(w);
}
static void unmap_over(void)
{
    struct ct_worker *w = port_worker(1);
    ct_worker_begin(w);
    (void)!ct_unmap(w, space, (vaddr_t){OP_BASE}, 2 * MIB2, 0);
    ct_worker_end(w);
}

static void (*const partners[])(void) = {touch_beside, touch_inside, protect_inside, unmap_over};
#define PARTNERS (sizeof partners / sizeof partners[0])

static void (*partner)(void);
static sem_t go, done;
static bool begun;
static unsigned ended_first, had_to_wait; /* how often worker 1 was done, or not, when worker 0 went on */

static void *partner_main(void *unused)
{
    (void)unused;
    sem_wait(&go);
    partner();
    sem_post(&done);
    return NULL;
}

/* At worker 0's failing request. */
static void let_partner_run(void)
{
    struct timespec until;
    if (begun)
        return;
    begun = true;
    sem_post(&go);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += PATIENCE_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    if (sem_timedwait(&done, &until) == 0)
        ended_first++;
    else
        had_to_wait++;
}

/*--- What a space is, whatever frames it has ---*/

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 0x9e3779b97f4a7c15ull + (hash >> 29);
}

static uint64_t hash_page(uint64_t hash, uint64_t va, const struct ct_page *page)
{
    hash = mix(mix(mix(hash, va), page->kind), page->rights);
    if (page->kind == CT_MAPPED || page->kind == CT_HELD)
        hash = mix(hash, *(const uint64_t *)port_frame(page->frame));
    return hash;
}

static uint64_t hash_range(uint64_t hash, uint64_t low, uint64_t high)
{
    struct ct_worker *w = port_worker(0);
    struct ct_cursor c;
    struct ct_page page;
    ct_worker_begin(w);
    assert_int_equal(cursor_lock(w, space, (vaddr_t){low}, (vaddr_t){high}, &c), CT_OK);
    while (cursor_find_next(&c, &page)) {
        if (page.bytes == KIB4 || page.kind == CT_MAPPED)
            hash = hash_page(hash, c.at, &page);
        else /* a mark, which a table may have cut: by its first page and its end */
            hash = mix(hash_page(hash, c.at >> 21, &page), (c.at + page.bytes) >> 21);
        cursor_jump(&c, (vaddr_t){c.at + page.bytes});
    }
    cursor_unlock(&c);
    ct_worker_end(w);
    return hash;
}

static uint64_t hash_now(void)
{
    uint64_t low = port_worker(0)->arena_low;
    uint64_t hash = hash_range(hash_range(1, low, low + 2 * GIB1 + MIB2), OP_BASE - MIB2, OP_BASE + 5 * GIB1);
    hash = mix(hash, stat_of(MM_FRAMES_NOW));
    return mix(mix(hash, stat_of(MM_TABLES_NOW)), stat_of(MM_META_NOW));
}

/*--- Runs ---*/

static void drain_all(void)
{
    for (bool more = true; more;) {
        more = false;
        for (unsigned i = 0; i < WORKERS; i++)
            more |= ct_worker_drain(port_worker(i)) != 0;
    }
}

static void prepare(void)
{
    drain_all();
    operations_prepare();
}

/* As after port_start(); false: something is lost. */
static bool start_again(uint64_t frames_before, uint64_t tables_before)
{
    uint64_t frames, tables;
    port_space_end(port_worker(0), space);
    drain_all();
    space = port_space(port_worker(0), 0, 0);
    port_free(&frames, &tables);
    return frames == frames_before && tables == tables_before;
}

/* The state after the partner alone (no operation), or with the operation before or behind it, whose n-th request fails. */
static uint64_t in_order(const struct operation *op, bool behind, uint64_t n)
{
    uint64_t frames, tables;
    drain_all();
    port_free(&frames, &tables);
    prepare();
    if (behind)
        partner();
    if (op) {
        port_fail_worker(0);
        port_fail_only(n);
        (void)!op->run();
        port_fail_from(~0ull);
        port_fail_worker(~0u);
    }
    if (!behind)
        partner();
    uint64_t hash = hash_now();
    assert_true(start_again(frames, tables));
    return hash;
}

struct outcome {
    enum ct_status status;
    uint64_t requests, hash;
    bool lost;
};

static struct outcome run_beside(const struct operation *op, uint64_t n)
{
    struct outcome o;
    uint64_t frames, tables;
    pthread_t thread;
    drain_all();
    port_free(&frames, &tables);
    prepare();
    begun = false;
    sem_init(&go, 0, 0);
    sem_init(&done, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, partner_main, NULL), 0);
    port_fail_worker(0);
    port_fail_only(n);
    port_before_failure = let_partner_run;
    o.status = op->run();
    o.requests = port_requests();
    if (!begun)
        sem_post(&go); /* none failed */
    pthread_join(thread, NULL);
    port_before_failure = NULL;
    sem_destroy(&go);
    sem_destroy(&done);
    port_fail_from(~0ull);
    port_fail_worker(~0u);
    o.hash = hash_now();
    o.lost = !start_again(frames, tables);
    return o;
}

/* What is wrong with one operation beside one partner; NULL: nothing. */
static const char *check_one(const struct operation *op, enum broken fault, void (*on_failure)(void))
{
    uint64_t alone = in_order(NULL, false, 0);
    for (uint64_t n = 0; n < RUNS_MAX; n++) {
        corten_broken = fault;
        port_on_failure = on_failure;
        struct outcome o = run_beside(op, n);
        corten_broken = BROKEN_NOT;
        port_on_failure = NULL;
        if (o.lost)
            return "lost";
        if (!op->partial && o.status != CT_OK && o.hash != alone)
            return "a failure left something";
        if (o.hash != in_order(op, false, n) && o.hash != in_order(op, true, n))
            return "not one after the other";
        if (o.requests <= n)
            return NULL;
    }
    return "no end";
}

static const char *check_every(enum broken fault, void (*on_failure)(void))
{
    for (size_t i = 0; i < operations_count; i++) {
        for (size_t k = 0; k < PARTNERS; k++) {
            partner = partners[k];
            const char *found = check_one(&operations[i], fault, on_failure);
            if (found) {
                if (fault == BROKEN_NOT && on_failure == NULL)
                    print_error("%s, partner %zu: %s\n", operations[i].name, k, found);
                return found;
            }
        }
    }
    return NULL;
}

static void a_failure_beside_others_changes_nothing(void **state)
{
    (void)state;
    ended_first = had_to_wait = 0;
    assert_null(check_every(BROKEN_NOT, NULL));
    assert_true(ended_first > 0);
    assert_true(had_to_wait > 0);
}

static void what_is_not_undone_is_found(void **state)
{
    static const enum broken faults[] = {BROKEN_RESERVE_FRAME, BROKEN_FAULT_FRAME};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        assert_non_null(check_every(faults[i], NULL));
        case_setup(state); /* anew: the fault has spoiled it */
    }
}

/* A page of the operation's range. */
static void leave_content(void)
{
    const uint64_t va = OP_BASE + MIB2 + KIB4;
    paddr_t table = space->root;
    for (unsigned level = ct_config.levels - 1; level > 0; level--) {
        uint64_t pte = pte_read(table, va_index(va, level));
        if (!tn_pte_is_link(pte))
            return; /* worker 1 has unmapped it */
        table = pte_table(pte);
    }
    uint64_t pte = pte_read(table, va_index(va, 0));
    if (tn_pte_is_leaf(pte))
        *(uint64_t *)port_frame(pte_table(pte)) ^= 1;
}

static void a_change_left_behind_is_found(void **state)
{
    assert_non_null(check_every(BROKEN_NOT, leave_content));
    case_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_beside_others_changes_nothing),
        cmocka_unit_test(what_is_not_undone_is_found),
        cmocka_unit_test(a_change_left_behind_is_found),
    };
    port_around = 16;
    return case_run_all(tests, sizeof tests / sizeof *tests);
}
