/* Makes requests of one kind without end, on every hart at once, until it is ended.
 *
 * usage: victim KIND WAY TICKS SEED
 *
 * KIND: 0 map and unmap, 1 populate, 2 protect, 3 page faults, 4 statistics, 5 threads, 6 nonsense, 7 all of them.
 * WAY: 0 waits to be killed; 1 one of its threads faults after TICKS, 2 one exits, with status 7.
 */
#include <sys/mman.h>
#include <tenon/ipc.h>
#include <tenon/mm.h>
#include <tenon/thread.h>
#include "check.h"

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define EXIT_STATUS 7
#define LARGE (1ul << 30)

typedef void kind_function(uint64_t *state);

static uint64_t end_time, way, kind_number, seed;

static void map_and_unmap(uint64_t *state)
{
    uint64_t bytes = check_random(state) % 8 == 0 ? LARGE + PAGE : (check_random(state) % 64 + 1) * PAGE;
    char *p = mmap(NULL, bytes, RW, ANON, -1, 0);

    if (p != MAP_FAILED) {
        p[check_random(state) % bytes] = 1;
        (void)munmap(p, check_random(state) % 2 ? bytes : PAGE); /* splits it, or leaves most of it behind */
        (void)munmap(p, bytes);
    }
}

static void populate(uint64_t *state)
{
    uint64_t bytes = (check_random(state) % 128 + 1) * PAGE;
    char *p = mmap(NULL, bytes, RW, ANON | MAP_POPULATE, -1, 0);

    if (p != MAP_FAILED) {
        (void)munmap(p, bytes);
    }
}

static void protect(uint64_t *state)
{
    static char area[64 * PAGE] __attribute__((aligned(4096)));
    uint64_t page = check_random(state) % 64, pages = check_random(state) % (64 - page) + 1;

    /* Other threads write there without care only while it may be written: nobody does. */
    (void)mprotect(area + page * PAGE, pages * PAGE, (int)(check_random(state) % 2) ? RW : PROT_NONE);
    (void)mprotect(area, sizeof area, PROT_READ);
}

static void touch(uint64_t *state)
{
    char *p = mmap(NULL, 600 * PAGE, RW, ANON, -1, 0);

    if (p != MAP_FAILED) {
        for (unsigned i = 0; i < 100; i++) {
            p[check_random(state) % 600 * PAGE] = 1;
        }
        (void)munmap(p, 600 * PAGE);
    }
}

static void statistics(uint64_t *state)
{
    uint64_t counter[MM_COUNTERS];

    (void)state;
    (void)mm_stat(counter, MM_COUNTERS);
}

static void *nothing(void *argument)
{
    return argument;
}

static void threads(uint64_t *state)
{
    struct tn_thread *thread;

    if (tn_thread_create(&thread, nothing, NULL, TN_HART_ANY, 0) == 0) {
        if (check_random(state) % 2) {
            (void)tn_thread_join(thread, NULL);
        } else {
            (void)tn_thread_detach(thread);
        }
    }
}

static void nonsense(uint64_t *state)
{
    uint64_t label = check_random(state) % 80;

    if (label == MM_THREAD_EXIT || label == MM_EXIT || label == MM_UNMAP || label == MM_PROTECT) {
        label = 0;
    }
    tn_info_t info = tn_info(label, 0, (unsigned)(check_random(state) % 5));
    (void)tn_call(TN_CLIENT_MM, info, check_random(state), 0, 0, 0);
    (void)!tn_nb_send(TN_CLIENT_MM, tn_info(MM_STAT, 0, 1), 0, 0, 0, 0); /* whose answer nobody wants */
}

static kind_function *const kind[] = {map_and_unmap, populate, protect, touch, statistics, threads, nonsense};
#define KINDS (sizeof kind / sizeof kind[0])

static void *work(void *argument)
{
    uint64_t state = seed + 977 * (uint64_t)argument;

    for (;;) {
        kind[kind_number < KINDS ? kind_number : check_random(&state) % KINDS](&state);
    }
    return NULL;
}

/* Ends the client when it is time. */
static void *end(void *argument)
{
    while (tn_time() < end_time) {
        __asm__ volatile("");
    }
    if (way == 2) {
        mm_exit(EXIT_STATUS);
    }
    *(volatile char *)argument = 1; /* nothing is mapped there */
    return NULL;
}

int main(int argc, char **argv)
{
    struct tn_thread *thread;
    unsigned harts = tn_start_info()->harts;

    kind_number = check_argument(argc, argv, 1, 0);
    way = check_argument(argc, argv, 2, 0);
    end_time = tn_time() + check_argument(argc, argv, 3, 0);
    seed = check_argument(argc, argv, 4, 1);
    if (way != 0 && tn_thread_create(&thread, end, NULL, TN_HART_ANY, 0) != 0) {
        return EXIT_FAILURE;
    }
    for (uint64_t i = 1; i < harts; i++) {
        if (tn_thread_create(&thread, work, (void *)i, TN_HART_ANY, 0) != 0) {
            return EXIT_FAILURE;
        }
    }
    (void)work(NULL);
    return EXIT_FAILURE;
}
