// uses: mmserver/corten/[!fmr]*.c mmserver/corten/f[!a]*.c mmserver/corten/m[!a]*.c mmserver/corten/mark.c mmserver/corten/r[!e]*.c mmserver/corten/re[!s]*.c tests/host/corten_broken.c tests/host/corten_port.c tests/host/corten_tlb.c tests/host/corten_case.c tests/host/corten_dump.c tests/host/corten_operations.c
/* Failure of every allocation of every operation. Each operation is run on the same state again and again: with its
 * first request for memory refused, its second, and so on, alone or with all that follow; with so many frames and tables
 * left; with so many pages of quota left; until it succeeds. Whenever it fails, the space, its accounting and all that
 * is free must be as before, word by word (corten_dump.h); when the space has been emptied, everything must be back.
 *
 * The same runs with faults in the core's undoing (corten_broken.h) and with changes that a core might leave behind show
 * that each of them is found. */
#include "corten_case.h"
#include "corten_broken.h"
#include "corten_dump.h"
#include "corten_operations.h"
#include <corten/stock.h>
#include <corten/table.h>
#include <stdio.h>
#include <string.h>

#define RUNS_MAX 60 /* of one operation under one kind of failure */

/*--- One run ---*/

/* How memory is short during the operation. */
static void fail_from(uint64_t n, uint64_t unused)
{
    (void)unused;
    port_fail_from(n);
}
static void fail_only(uint64_t n, uint64_t unused)
{
    (void)unused;
    port_fail_only(n);
}
static void limit(uint64_t frames, uint64_t tables)
{
    port_fail_from(~0ull); /* counts requests */
    port_limit(frames, tables);
}
static void no_shortage(uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    port_fail_from(~0ull);
}

struct run {
    const struct operation *operation;
    void (*shortage)(uint64_t a, uint64_t b);
    uint64_t a, b;
    int64_t quota; /* pages left; -1: no limit */
    enum ct_status status;
    uint64_t requests; /* for memory, that it made */
};

/* Leaves `pages` of the quota, as another worker's credit. Returns what was left before. */
static int64_t leave_quota(int64_t pages)
{
    int64_t had = space->budget;
    for (unsigned i = 0; i < WORKERS; i++) {
        had += space->share[i].credit;
        space->share[i].credit = 0;
    }
    space->budget = 0;
    space->share[WORKERS - 1].credit = pages;
    return had;
}

static struct dump before, after;
static void **machine; /* case_setup()'s argument */

/* Takes the space apart and makes it anew; what does not come back is lost. */
static const char *start_again(uint64_t frames_before, uint64_t tables_before)
{
    static char text[100];
    uint64_t frames, tables;
    port_space_end(port_worker(0), space);
    space = NULL;
    while (ct_worker_drain(port_worker(0)) != 0)
        ;
    space = port_space(port_worker(0), 0, 0);
    port_free(&frames, &tables);
    if (frames == frames_before && tables == tables_before)
        return NULL;
    snprintf(text, sizeof text, "lost: free frames %lld, free tables %lld", (long long)(frames - frames_before),
             (long long)(tables - tables_before));
    return text;
}

/* Prepares, runs, compares, cleans. What was found wrong; NULL: nothing. */
static const char *run_once(struct run *r, enum broken fault, void (*on_failure)(void))
{
    uint64_t frames, tables;
    port_free(&frames, &tables);
    operations_prepare();
    int64_t had = r->quota >= 0 ? leave_quota(r->quota) : 0;
    dump_take(&before, space);
    corten_broken = fault;
    port_on_failure = on_failure;
    r->shortage(r->a, r->b);
    r->status = r->operation->run();
    r->requests = port_requests();
    port_fail_from(~0ull);
    port_limit(~0ull, ~0ull);
    port_on_failure = NULL;
    corten_broken = BROKEN_NOT;
    if (r->status != CT_OK && !r->operation->partial) {
        dump_take(&after, space);
        const char *found = dump_difference(&before, &after);
        if (found)
            return found; /* the state may be beyond cleaning */
    }
    if (on_failure && r->requests > r->a) {
        case_setup(machine); /* the change was made, and it succeeded all the same */
        return NULL;
    }
    if (r->quota >= 0)
        space->budget += had - r->quota;
    return start_again(frames, tables);
}

static bool out_of_memory(enum ct_status st)
{
    return st == CT_NO_MEMORY || st == CT_QUOTA;
}

/* Runs it, as it is expected to be: nothing wrong. */
static void run_well(struct run *r)
{
    const char *found = run_once(r, BROKEN_NOT, NULL);
    if (found)
        print_error("%s, %llu %llu, quota %lld: status %d: %s\n", r->operation->name, (unsigned long long)r->a,
                    (unsigned long long)r->b, (long long)r->quota, r->status, found);
    assert_null(found);
    assert_true(r->status == CT_OK || out_of_memory(r->status));
}

/*--- The core as it is ---*/

static void every_request_for_memory_fails_in_turn(void **state)
{
    (void)state;
    unsigned failures = 0;
    for (const struct operation *op = operations; op < operations + operations_count; op++) {
        uint64_t n = 0, alone = 0;
        struct run r = {op, fail_from, 0, 0, -1, CT_OK, 0};
        for (; n < RUNS_MAX; n++) {
            r.a = n;
            run_well(&r);
            failures += r.status != CT_OK;
            if (r.requests <= n) /* none was refused */
                break;
        }
        assert_in_range(n, 0, RUNS_MAX - 1);
        assert_int_equal(r.status, CT_OK);
        for (r.shortage = fail_only; alone < RUNS_MAX; alone++) {
            r.a = alone;
            run_well(&r);
            failures += r.status != CT_OK;
            if (r.requests <= alone)
                break;
        }
        assert_in_range(alone, 0, RUNS_MAX - 1);
    }
    assert_true(failures > 2 * operations_count);
}

/* Requests are given less than they ask for. */
static void every_number_of_frames_and_tables_is_left(void **state)
{
    (void)state;
    unsigned failures = 0;
    for (const struct operation *op = operations; op < operations + operations_count; op++) {
        for (uint64_t frames = 0; frames < 3; frames++) {
            for (uint64_t tables = 0; tables < 5; tables++) {
                struct run r = {op, limit, frames, tables, -1, CT_OK, 0};
                run_well(&r);
                failures += r.status != CT_OK;
            }
        }
    }
    assert_true(failures > 2 * operations_count);
}

static void every_page_of_quota_is_missing(void **state)
{
    (void)state;
    for (const struct operation *op = operations; op < operations + operations_count; op++) {
        unsigned refused = 0;
        struct run r = {op, no_shortage, 0, 0, 0, CT_QUOTA, 0};
        for (; r.status != CT_OK && r.quota < 300; r.quota += op->partial && r.quota > 20 ? 37 : 1) {
            run_well(&r);
            refused += r.status == CT_QUOTA;
        }
        assert_int_equal(r.status, CT_OK);
        assert_true(refused > 0 || op->uncharged);
    }
}

/* A client can always be taken apart. */
static void the_end_of_a_space_needs_nothing(void **state)
{
    (void)state;
    uint64_t frames, tables, frames_after, tables_after;
    port_free(&frames, &tables);
    operations_prepare();
    (void)leave_quota(0);
    port_fail_from(0);
    port_space_end(port_worker(0), space);
    assert_int_equal(port_requests(), 0);
    port_fail_from(~0ull);
    space = port_space(port_worker(0), 0, 0);
    port_free(&frames_after, &tables_after);
    assert_int_equal(frames_after, frames);
    assert_int_equal(tables_after, tables);
}

/* No range is long enough: nothing is taken, and the hints stay. */
static void no_room_changes_nothing(void **state)
{
    (void)state;
    uint64_t low = ct_config.arena_low.v, bytes = ct_config.arena_high.v - low;
    assert_int_equal(map_fixed(low, bytes, ct_anon(TN_READ)), CT_OK);
    assert_int_equal(unmap(low + GIB1, 2 * KIB4), CT_OK);
    assert_int_equal(ct_worker_drain(port_worker(0)), 0);
    dump_take(&before, space);
    vaddr_t out;
    ct_worker_begin(port_worker(0));
    assert_int_equal(ct_map(port_worker(0), space, (vaddr_t){0}, 3 * KIB4, ct_anon(RW), 0, &out), CT_NO_ROOM);
    ct_worker_end(port_worker(0));
    dump_take(&after, space);
    const char *found = dump_difference(&before, &after);
    if (found)
        print_error("%s\n", found);
    assert_null(found);
}

/*--- Faults put in, each of which must be found ---*/

/* Runs every operation with every request failing in turn, and with every page of quota missing, until something is
 * found. */
static const char *search(enum broken fault, void (*on_failure)(void))
{
    const char *found = NULL;
    for (const struct operation *op = operations; !found && op < operations + operations_count; op++) {
        struct run r = {op, fail_only, 0, 0, -1, CT_OK, 1};
        for (; !found && r.requests > r.a; r.a++)
            found = run_once(&r, fault, on_failure);
        r = (struct run){op, no_shortage, 0, 0, 0, CT_QUOTA, 0};
        for (; !found && r.status != CT_OK && r.quota < 20; r.quota++)
            found = run_once(&r, fault, NULL);
    }
    return found;
}

static void expect_found(void **state, enum broken fault, void (*on_failure)(void), const char *what)
{
    machine = state;
    const char *found = search(fault, on_failure);
    assert_non_null(found);
    if (strstr(found, what) == NULL)
        print_error("expected to find '%s', found: %s\n", what, found);
    assert_non_null(strstr(found, what));
    case_setup(state); /* anew: the fault has spoiled it */
}

static void undoing_that_is_left_out_is_found(void **state)
{
    static const char *const what[BROKEN_FAULTS] = {
        [BROKEN_RESERVE_FRAME] = "free frames", [BROKEN_RESERVE_CHARGE] = "budget",
        [BROKEN_FAULT_FRAME] = "free frames",   [BROKEN_FAULT_CHARGE] = "budget",
        [BROKEN_MAP_CHARGE] = "budget",
    };
    for (enum broken fault = BROKEN_NOT + 1; fault < BROKEN_FAULTS; fault++)
        expect_found(state, fault, NULL, what[fault]);
}

/* What a core could leave behind that changes things before it has all it needs; done at the moment at which memory is
 * refused. All tables are of the state that operations_prepare() makes. */
static struct ct_desc *lowest(uint64_t va, paddr_t *table)
{
    *table = space->root;
    for (unsigned level = ct_config.levels - 1; level > 0; level--) {
        uint64_t pte = pte_read(*table, va_index(va, level));
        if (!tn_pte_is_link(pte))
            break;
        *table = pte_table(pte);
    }
    return port_desc(*table);
}

static void leaves_fill(void)
{
    paddr_t table;
    lowest(OP_BASE + MIB2, &table)->fill ^= WORD_STAMP_MASK;
}
static void leaves_word(void)
{
    paddr_t table;
    struct ct_desc *d = lowest(OP_HELD, &table);
    desc_words(d)[va_index(OP_BASE + 3 * KIB4, 0)] ^= WORD_STAMP_MASK;
}
static void leaves_entry(void)
{
    paddr_t table;
    (void)lowest(OP_BASE + KIB4, &table);
    uint64_t *entry = (uint64_t *)(uintptr_t)&port_view(table)[va_index(OP_BASE + KIB4, 0)];
    *entry ^= 3ull << TN_PTE_SOFT_SHIFT;
}
static void leaves_content(void)
{
    paddr_t table;
    (void)lowest(OP_BASE + KIB4, &table);
    *(uint64_t *)port_frame(pte_table(pte_read(table, va_index(OP_BASE + KIB4, 0)))) ^= 1;
}
static void leaves_lock(void)
{
    paddr_t table;
    lowest(OP_BASE + KIB4, &table)->tail = 0x40;
}
static void leaves_stale(void)
{
    paddr_t table;
    lowest(OP_BASE + KIB4, &table)->stale = 1;
}
static void leaves_count(void)
{
    space->share[0].meta++;
}
static void leaves_range(void)
{
    space->share[0].bump += KIB4;
}

static void changes_left_behind_are_found(void **state)
{
    static const struct {
        void (*leave)(void);
        const char *what;
    } change[] = {
        {leaves_fill, "fill"},        {leaves_word, "word"},          {leaves_entry, "entry"},
        {leaves_content, "content"},  {leaves_lock, "queue lock"},    {leaves_stale, "stale"},
        {leaves_count, "words held"}, {leaves_range, "next address"},
    };
    for (unsigned i = 0; i < sizeof change / sizeof *change; i++)
        expect_found(state, BROKEN_NOT, change[i].leave, change[i].what);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_for_memory_fails_in_turn),
        cmocka_unit_test(every_number_of_frames_and_tables_is_left),
        cmocka_unit_test(every_page_of_quota_is_missing),
        cmocka_unit_test(no_room_changes_nothing),
        cmocka_unit_test(the_end_of_a_space_needs_nothing),
        cmocka_unit_test(undoing_that_is_left_out_is_found),
        cmocka_unit_test(changes_left_behind_are_found),
    };
    port_around = 16;
    return case_run_all(tests, sizeof tests / sizeof *tests);
}
