// uses: mmserver/corten/*.c tests/host/corten_port.c tests/host/corten_tlb.c
/* Threads whose ranges overlap. The space is divided into cells of pages that do not agree with tables; each request
 * covers whole cells and gives all their pages the same rights, or none. Since transactions are atomic and isolated,
 * whoever locks a cell must find all its pages alike. Large requests make and remove tables all the time. SEED=n
 * repeats the requests of each thread. */
#include "corten_port.h"
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define CELL_PAGES 6
#define CELL_BYTES (CELL_PAGES * 4096ull)
#define CELLS 700 /* about 16 MiB: 9 leaf tables under two of level 1 */
#define LOW ((8ull << 30) - 3 * 4096 - 350 * CELL_BYTES)
#define STEPS 20000

static uint64_t seed;
static struct ct_space *space;

static void check_cells(struct ct_cursor *c, uint64_t low, uint64_t cells)
{
    for (uint64_t cell = 0; cell < cells; cell++) {
        struct ct_page first, page;
        for (uint64_t i = 0; i < CELL_PAGES; i++) {
            uint64_t va = low + cell * CELL_BYTES + i * 4096;
            cursor_jump(c, (vaddr_t){va});
            cursor_query(c, &page);
            if (i == 0)
                first = page;
            CHECK((page.kind == CT_NONE) == (first.kind == CT_NONE), va, page.kind);
            CHECK(page.rights == first.rights, va, page.rights << 8 | first.rights);
        }
    }
}

/* In one transaction: cells are alike, change them, they are alike again. */
static void one_long(struct ct_worker *w, uint64_t low, uint64_t cells, uint64_t *random)
{
    struct ct_cursor c;
    unsigned rights = random_below(random, 2) ? TN_READ : TN_READ | TN_WRITE;
    CHECK(cursor_lock(w, space, (vaddr_t){low}, (vaddr_t){low + cells * CELL_BYTES}, &c) == CT_OK, low, cells);
    check_cells(&c, low, cells);
    cursor_jump(&c, (vaddr_t){low});
    CHECK(cursor_mark(&c, cells * CELL_BYTES, ct_anon(rights)) == CT_OK, low, cells);
    cursor_jump(&c, (vaddr_t){low + CELL_BYTES - 4096});
    CHECK(cursor_populate(&c, 4096) == CT_OK, low, cells);
    check_cells(&c, low, cells);
    cursor_unlock(&c);
}

static void one_request(struct ct_worker *w, uint64_t *random)
{
    uint64_t cell = random_below(random, CELLS);
    uint64_t most = random_below(random, 10) ? 3 : CELLS - cell;
    uint64_t cells = 1 + random_below(random, most < CELLS - cell ? most : CELLS - cell);
    uint64_t low = LOW + cell * CELL_BYTES, bytes = cells * CELL_BYTES;
    unsigned rights = random_below(random, 3) ? TN_READ : TN_READ | TN_WRITE;
    unsigned ride = random_below(random, 2) ? CT_RIDE : 0;
    vaddr_t out;
    enum ct_status st;
    switch (random_below(random, 8)) {
    case 0:
        st = ct_map(w, space, (vaddr_t){low}, bytes, ct_anon(rights), CT_FIXED | ride, &out);
        CHECK(st == CT_OK, st, low);
        break;
    case 1:
        st = ct_unmap(w, space, (vaddr_t){low}, bytes, ride);
        CHECK(st == CT_OK, st, low);
        break;
    case 2:
        st = ct_protect(w, space, (vaddr_t){low}, bytes, random_below(random, 4) ? rights : 0, ride);
        CHECK(st == CT_OK || st == CT_NOT_MAPPED, st, low);
        break;
    case 3:
        one_long(w, low, cells < 8 ? cells : 8, random);
        break;
    default:
        st = ct_fault(w, space, (vaddr_t){low + random_below(random, bytes)}, TN_READ, CT_RIDE, NULL);
        CHECK(st == CT_OK || st == CT_NOT_MAPPED || st == CT_DENIED, st, low);
        break;
    }
}

static void *thread(void *arg)
{
    struct ct_worker *w = arg;
    uint64_t random = seed * 17 + w->index + 1;
    for (unsigned i = 0; i < STEPS; i++) {
        ct_worker_begin(w);
        one_request(w, &random);
        ct_worker_end(w);
        if (random_below(&random, 3) == 0)
            sched_yield();
        port_reply(w);
    }
    ct_worker_begin(w);
    ct_worker_end(w);
    return NULL;
}

static void overlapping(void **state)
{
    const int *mode = *state;
    pthread_t threads[WORKERS];
    struct ct_cursor c;
    struct ct_worker *w = port_worker(0);
    fprintf(stderr, "# %d levels, %s, %s\n", mode[0], mode[1] ? "adv" : "rw", mode[2] ? "lazy" : "now");
    port_start((unsigned)mode[0], mode[1] ? CT_PROTOCOL_ADV : CT_PROTOCOL_RW, mode[2] ? CT_FLUSH_LAZY : CT_FLUSH_NOW);
    space = port_space(w, 0, 0);
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, thread, port_worker(i)), 0);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    uint64_t stat[MM_COUNTERS];
    ct_space_stat(space, stat);
    fprintf(stderr, "# transactions %llu, retries %llu, flushes %llu\n", (unsigned long long)stat[MM_TRANSACTIONS],
            (unsigned long long)stat[MM_RETRIES], (unsigned long long)stat[MM_FLUSHES]);
    ct_worker_begin(w);
    assert_int_equal(cursor_lock(w, space, (vaddr_t){LOW}, (vaddr_t){LOW + CELLS * CELL_BYTES}, &c), CT_OK);
    check_cells(&c, LOW, CELLS);
    cursor_unlock(&c);
    ct_worker_end(w);
    port_space_end(w, space);
    port_check_nothing_lost();
}

int main(int argc, char **argv)
{
    (void)argc;
    static int modes[6][3] = {{3, 0, 0}, {3, 0, 1}, {3, 1, 0}, {3, 1, 1}, {5, 0, 1}, {5, 1, 1}};
    struct CMUnitTest tests[6];
    seed = test_seed(argv[0]);
    for (int i = 0; i < 6; i++)
        tests[i] = (struct CMUnitTest){"overlapping", overlapping, NULL, NULL, modes[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
