// uses: mmserver/corten/*.c tests/host/corten_port.c tests/host/corten_tlb.c tests/host/corten_model.c
/* Random requests against a plain model of an address space: by one thread on everything, and by several, each on
 * pages of its own that lie scattered among the others' in the same tables. Both protocols, both flush policies, 3 to
 * 5 levels. SEED=n repeats (the order in which threads run is not repeated, but each thread's requests are). */
#include "corten_model.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define STEPS_ALONE 15000
#define STEPS_TOGETHER 15000
#define BLOCK 5 /* pages in a row of one owner */

static uint64_t seed;
static struct model model;

static void start(const int *mode)
{
    fprintf(stderr, "# %d levels, %s, %s, fault-around %d\n", mode[0], mode[1] ? "adv" : "rw", mode[2] ? "lazy" : "now",
            mode[3]);
    port_around = (unsigned)mode[3];
    port_start((unsigned)mode[0], mode[1] ? CT_PROTOCOL_ADV : CT_PROTOCOL_RW, mode[2] ? CT_FLUSH_LAZY : CT_FLUSH_NOW);
    memset(&model, 0, sizeof model);
    model.space = port_space(port_worker(0), 0, 0);
}

static void finish(void)
{
    ct_worker_begin(port_worker(0));
    model_compare(&model, port_worker(0), 0, MODEL_PAGES);
    ct_worker_end(port_worker(0));
    port_space_end(port_worker(0), model.space);
    port_check_nothing_lost();
}

static void alone(void **state)
{
    uint64_t random = seed;
    start(*state);
    for (unsigned i = 0; i < STEPS_ALONE; i++)
        model_step(&model, port_worker(i % WORKERS), 0, MODEL_PAGES, &random); /* workers take turns */
    finish();
}

static void *owner(void *arg)
{
    unsigned me = (unsigned)(uintptr_t)arg;
    uint64_t random = seed * 31 + me + 1;
    for (unsigned i = 0; i < STEPS_TOGETHER; i++) {
        uint64_t blocks = MODEL_PAGES / BLOCK / WORKERS;
        uint64_t block = random_below(&random, blocks) * WORKERS + me;
        model_step(&model, port_worker(me), block * BLOCK, (block + 1) * BLOCK, &random);
    }
    ct_worker_begin(port_worker(me)); /* what rode is written */
    ct_worker_end(port_worker(me));
    return NULL;
}

static void together(void **state)
{
    pthread_t threads[WORKERS];
    start(*state);
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, owner, (void *)(uintptr_t)i), 0);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    finish();
}

int main(int argc, char **argv)
{
    (void)argc;
    static int modes[16][4];
    struct CMUnitTest tests[32];
    seed = test_seed(argv[0]);
    for (int i = 0; i < 16; i++) { /* the last four: with fault-around */
        int mode[4] = {3 + i / 4 % 3, i & 1, i >> 1 & 1, i < 12 ? 1 : 16};
        memcpy(modes[i], mode, sizeof mode);
        tests[2 * i] = (struct CMUnitTest){"alone", alone, NULL, NULL, modes[i]};
        tests[2 * i + 1] = (struct CMUnitTest){"together", together, NULL, NULL, modes[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
