/* Threads on all harts: create, join, detach, mutex, condition, futex, once, thread-local storage, floating point. */
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <tenon/mm.h>
#include "check.h"

#define THREADS 12
#define ROUNDS 400

static uint64_t ticks(uint64_t ms)
{
    return tn_start_info()->timebase_hz * ms / 1000;
}

/* Run `entry` on THREADS threads spread over the harts, with their numbers as arguments; join them. */
static void run_all(void *(*entry)(void *))
{
    const struct tn_start *start = tn_start_info();
    struct tn_thread *thread[THREADS];
    int hart[128], harts = 0;

    for (int h = 0; h < 128; h++) {
        if (start->hart_mask[h / 64] >> h % 64 & 1) {
            hart[harts++] = h;
        }
    }
    EXPECT_EQUAL(harts, start->harts);
    for (uint64_t i = 0; i < THREADS; i++) {
        EXPECT_EQUAL(tn_thread_create(&thread[i], entry, (void *)i, hart[i % (uint64_t)harts], 0), 0);
    }
    for (uint64_t i = 0; i < THREADS; i++) {
        void *result = NULL;
        EXPECT_EQUAL(tn_thread_join(thread[i], &result), 0);
        EXPECT((uint64_t)result == i + 1);
    }
}

static _Thread_local uint64_t own;
static _Thread_local uint64_t own_initialised = 0x1234;

static void *tls_thread(void *argument)
{
    EXPECT(own == 0 && own_initialised == 0x1234);
    own = (uint64_t)argument;
    errno = (int)own;
    for (unsigned i = 0; i < 50; i++) {
        tn_yield();
        EXPECT(own == (uint64_t)argument && errno == (int)own);
    }
    return (void *)(own + 1);
}

static void test_create_join(void)
{
    own = 77;
    for (unsigned i = 0; i < 8; i++) {
        run_all(tls_thread);
    }
    EXPECT_EQUAL(own, 77);
}

static struct tn_mutex mutex;
static uint64_t counter;

static void *mutex_thread(void *argument)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        tn_mutex_lock(&mutex);
        uint64_t seen = counter;
        if (i % 16 == 0) {
            tn_yield(); /* be preempted while holding it */
        }
        counter = seen + 1;
        tn_mutex_unlock(&mutex);
    }
    return (char *)argument + 1;
}

static void test_mutex(void)
{
    counter = 0;
    run_all(mutex_thread);
    EXPECT_EQUAL(counter, THREADS * ROUNDS);
    EXPECT_EQUAL(tn_mutex_trylock(&mutex), 0);
    EXPECT_EQUAL(tn_mutex_trylock(&mutex), EBUSY);
    tn_mutex_unlock(&mutex);
}

/* Even threads produce, odd ones consume, through a ring of 4. */
static pthread_mutex_t ring_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ring_filled = PTHREAD_COND_INITIALIZER, ring_emptied = PTHREAD_COND_INITIALIZER;
static uint64_t ring[4], ring_in, ring_out, ring_sum;

static void *ring_thread(void *argument)
{
    int producer = (uint64_t)argument % 2 == 0;

    for (uint64_t i = 1; i <= ROUNDS; i++) {
        pthread_mutex_lock(&ring_mutex);
        if (producer) {
            while (ring_in - ring_out == 4) {
                pthread_cond_wait(&ring_emptied, &ring_mutex);
            }
            ring[ring_in++ % 4] = i;
            pthread_cond_signal(&ring_filled);
        } else {
            while (ring_in == ring_out) {
                pthread_cond_wait(&ring_filled, &ring_mutex);
            }
            ring_sum += ring[ring_out++ % 4];
            pthread_cond_signal(&ring_emptied);
        }
        pthread_mutex_unlock(&ring_mutex);
    }
    return (char *)argument + 1;
}

static void test_condition(void)
{
    ring_in = ring_out = ring_sum = 0;
    run_all(ring_thread);
    EXPECT_EQUAL(ring_sum, THREADS / 2 * (uint64_t)ROUNDS * (ROUNDS + 1) / 2);
}

/* All threads meet again and again; none leaves a round before all have come. */
static struct tn_cond barrier_cond;
static unsigned barrier_round, barrier_here;

static void *barrier_thread(void *argument)
{
    for (unsigned round = 0; round < 100; round++) {
        tn_mutex_lock(&mutex);
        EXPECT_EQUAL(barrier_round, round);
        if (++barrier_here == THREADS) {
            barrier_here = 0;
            barrier_round++;
            tn_cond_broadcast(&barrier_cond);
        }
        while (barrier_round == round) {
            tn_cond_wait(&barrier_cond, &mutex);
        }
        tn_mutex_unlock(&mutex);
    }
    return (char *)argument + 1;
}

static void test_broadcast(void)
{
    barrier_round = barrier_here = 0;
    run_all(barrier_thread);
    EXPECT_EQUAL(barrier_round, 100);
}

static uint32_t word;

static void test_futex(void)
{
    uint64_t before = tn_time();

    word = 1;
    EXPECT_EQUAL(tn_futex_wait(&word, 0, TN_FOREVER), -EAGAIN);
    EXPECT_EQUAL(tn_futex_wait(&word, 1, before + ticks(30)), -ETIMEDOUT);
    EXPECT(tn_time() >= before + ticks(30));
    EXPECT_EQUAL(tn_futex_wait(&word, 1, 0), -ETIMEDOUT); /* a time long past */
    EXPECT_EQUAL(tn_futex_wake(&word, 1), 0);             /* nobody is left in the queue */
    struct tn_cond never = TN_COND_INIT;
    tn_mutex_lock(&mutex);
    EXPECT_EQUAL(tn_cond_wait_until(&never, &mutex, tn_time() + ticks(5)), ETIMEDOUT);
    EXPECT_EQUAL(tn_mutex_trylock(&mutex), EBUSY); /* held again */
    tn_mutex_unlock(&mutex);
    before = tn_time();
    tn_sleep_until(before + ticks(20));
    EXPECT(tn_time() >= before + ticks(20));
}

/* Waits with a deadline against wake-ups: whoever is woken was counted by the waker. */
static uint32_t race_word, race_woken, race_done;

static void *race_thread(void *argument)
{
    if (argument == NULL) {
        while (tn_load_acquire(&race_done) != THREADS - 1) {
            (void)tn_fetch_add_relaxed(&race_woken, (uint32_t) - (int)tn_futex_wake(&race_word, 2));
            tn_yield();
        }
        return (void *)1;
    }
    for (unsigned i = 0; i < 200; i++) {
        int error = tn_futex_wait(&race_word, 0, tn_time() + i % 8 * 50);
        EXPECT(error == 0 || error == -ETIMEDOUT);
        if (error == 0) {
            (void)tn_fetch_add_relaxed(&race_woken, 1);
        }
    }
    (void)tn_fetch_add_release(&race_done, 1);
    return (char *)argument + 1;
}

static void test_futex_race(void)
{
    race_word = race_woken = race_done = 0;
    run_all(race_thread);
    EXPECT_EQUAL(race_woken, 0);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static unsigned once_runs;

static void once_function(void)
{
    for (unsigned i = 0; i < 20; i++) {
        tn_yield();
    }
    once_runs++;
}

static void *once_thread(void *argument)
{
    pthread_once(&once, once_function);
    EXPECT_EQUAL(once_runs, 1);
    return (char *)argument + 1;
}

static void test_once(void)
{
    run_all(once_thread);
    EXPECT_EQUAL(once_runs, 1);
}

/* A sum whose last bits depend on every step: a lost or mixed-up register shows. */
static double series(uint64_t seed, int yield)
{
    double sum = (double)seed, scale = 1.0 + (double)seed / 7;

    for (unsigned i = 1; i < 20000; i++) {
        sum += scale / i;
        scale *= 1.0000001;
        if (yield && i % 64 == 0) {
            tn_yield();
        }
    }
    return sum;
}

static void *float_thread(void *argument)
{
    double with = series((uint64_t)argument, 1), without = series((uint64_t)argument, 0);

    EXPECT(memcmp(&with, &without, sizeof with) == 0);
    return (char *)argument + 1;
}

static void test_float(void)
{
    double before = series(99, 0);
    run_all(float_thread);
    double after = series(99, 0);
    EXPECT(memcmp(&before, &after, sizeof before) == 0);
}

static void *hart_thread(void *argument)
{
    for (unsigned i = 0; i < 20; i++) {
        EXPECT_EQUAL(tn_hart(), (uint64_t)argument);
        tn_yield();
    }
    return NULL;
}

/* A thread runs on the hart that was asked for; harts that are not the client's are refused. */
static void test_harts(void)
{
    const struct tn_start *start = tn_start_info();

    for (int h = 0; h < 128; h++) {
        struct tn_thread *thread;
        int own_hart = start->hart_mask[h / 64] >> h % 64 & 1;
        int error = tn_thread_create(&thread, hart_thread, (void *)(uint64_t)h, h, 0);
        EXPECT_EQUAL(error, own_hart ? 0 : EINVAL);
        if (error == 0) {
            EXPECT_EQUAL(tn_thread_join(thread, NULL), 0);
        }
    }
}

static void *exit_thread(void *argument)
{
    tn_thread_exit((char *)argument + 1);
}

static void *idle_thread(void *argument)
{
    while (tn_load_acquire(&word) == 0) {
        (void)tn_futex_wait(&word, 0, TN_FOREVER);
    }
    return argument;
}

static void test_errors(void)
{
    struct tn_thread *thread;

    EXPECT_EQUAL(tn_thread_join(tn_self(), NULL), EDEADLK);
    EXPECT_EQUAL(tn_thread_create(&thread, exit_thread, NULL, 100000, 0), EINVAL);
    EXPECT_EQUAL(tn_thread_create(&thread, exit_thread, NULL, TN_HART_ANY, 1), EINVAL);
    EXPECT_EQUAL(tn_thread_create(&thread, exit_thread, NULL, -7, 0), EINVAL);
    run_all(exit_thread);
}

static void *detached_thread(void *argument)
{
    (void)argument;
    EXPECT_EQUAL(tn_thread_detach(tn_self()), 0);
    EXPECT_EQUAL(tn_thread_detach(tn_self()), EINVAL);
    (void)tn_fetch_add_release(&race_done, 1);
    return NULL;
}

/* Threads that nobody joins give their place back: many more of them than the client may have at once. */
static void test_detached(void)
{
    struct tn_thread *thread;
    unsigned wanted = 3 * tn_start_info()->max_threads, started = 0;

    race_done = 0;
    for (unsigned tries = 0; started < wanted && tries < 100 * wanted; tries++) {
        int error = tn_thread_create(&thread, detached_thread, NULL, TN_HART_ANY, TN_STACK_BYTES_MIN);
        EXPECT(error == 0 || error == EAGAIN);
        started += error == 0;
        if (error != 0) {
            tn_sleep_until(tn_time() + ticks(1));
        }
    }
    EXPECT_EQUAL(started, wanted);
    while (tn_load_acquire(&race_done) != started) {
        tn_sleep_until(tn_time() + ticks(1));
    }
}

/* As many as allowed, then EAGAIN; after they ended there is room again. */
static void test_limit(void)
{
    static struct tn_thread *thread[1024];
    unsigned most = tn_start_info()->max_threads, n = 0;
    int error = 0;

    word = 0;
    while (n < 1024 && error == 0) {
        error = tn_thread_create(&thread[n], idle_thread, &thread[n], TN_HART_ANY, TN_STACK_BYTES_MIN);
        n += error == 0;
    }
    EXPECT_EQUAL(error, EAGAIN);
    EXPECT(n <= most && n + 2 >= most); /* the main thread may count; a detached one may not be quite gone */
    tn_store_release(&word, 1);
    (void)tn_futex_wake(&word, ~0u);
    for (unsigned i = 0; i < n; i++) {
        void *result;
        EXPECT_EQUAL(tn_thread_join(thread[i], &result), 0);
        EXPECT(result == &thread[i]);
    }
    run_all(exit_thread);
}

/* malloc from all threads at once. */
static void *heap_thread(void *argument)
{
    unsigned char *block[16] = {NULL};
    uint64_t state = (uint64_t)argument + 1;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t r = check_random(&state), slot = r % 16;
        if (block[slot] != NULL) {
            EXPECT(block[slot][0] == (unsigned char)(uint64_t)argument);
            free(block[slot]);
        }
        block[slot] = malloc(1 + r / 16 % 3000);
        EXPECT(block[slot] != NULL);
        block[slot][0] = (unsigned char)(uint64_t)argument;
    }
    for (unsigned i = 0; i < 16; i++) {
        free(block[i]);
    }
    return (char *)argument + 1;
}

static void test_heap(void)
{
    run_all(heap_thread);
}

int main(void)
{
    check_begin("threads");
    check_case("create, join, own storage", test_create_join);
    check_case("harts", test_harts);
    check_case("mutex", test_mutex);
    check_case("condition", test_condition);
    check_case("broadcast", test_broadcast);
    check_case("futex", test_futex);
    check_case("futex against deadlines", test_futex_race);
    check_case("once", test_once);
    check_case("floating point", test_float);
    check_case("errors, exit", test_errors);
    check_case("detached", test_detached);
    check_case("limit", test_limit);
    check_case("heap", test_heap);
    return check_end();
}
