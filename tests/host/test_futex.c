// uses: libipc/futex.c libipc/mutex.c
/* Futex, mutex, condition variable and once of libipc over pthreads; the test plays the kernel's notifications.
 *
 * A notification is a word of bits under a pthread mutex, with a deadline. Wake-ups for no reason are added at random,
 * since on the real system late signals and reused thread ids make them. TENON_SEED=n in the environment repeats their
 * choice.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <tenon/atomic.h>
#include <tenon/invoke_stubs.h>
#include <tenon/thread.h>

#define THREADS 6
#define ROUNDS 3000

static struct notification {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t bits, deadline; /* under mutex; deadline in ns of tn_time() */
} notification[TN_CLIENT_NTFN_FIRST + THREADS + 1];

static _Thread_local struct tn_thread self;
static _Thread_local uint64_t random_state;
static uint64_t seed;

struct tn_thread *tn_self(void)
{
    return &self;
}

uint64_t tn_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t random_next(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1dull >> 11;
}

static uint64_t ntfn_wait(struct notification *n)
{
    uint64_t bits;

    pthread_mutex_lock(&n->mutex);
    while (n->bits == 0 && random_next() % 16 != 0) {
        struct timespec until = {(time_t)(n->deadline / 1000000000u), (long)(n->deadline % 1000000000u)};
        if (n->deadline == TN_FOREVER) {
            pthread_cond_wait(&n->changed, &n->mutex);
        } else if (pthread_cond_timedwait(&n->changed, &n->mutex, &until) == ETIMEDOUT) {
            n->deadline = TN_FOREVER;
            n->bits |= 1;
        }
    }
    bits = n->bits != 0 ? n->bits : 1;
    n->bits = 0;
    pthread_mutex_unlock(&n->mutex);
    return bits;
}

static _Thread_local void (*after_signal)(void); /* run once after this thread's next TN_SYS_SIGNAL */

struct tn_msg tn_syscall(uint64_t number, uint64_t cap, tn_info_t info, uint64_t m0, uint64_t m1, uint64_t m2,
                         uint64_t m3, tn_cptr_t reply)
{
    struct tn_msg result = {0};
    struct notification *n = &notification[cap];

    (void)m1, (void)m2, (void)m3, (void)reply;
    switch (number) {
    case TN_SYS_YIELD:
        sched_yield();
        break;
    case TN_SYS_WAIT:
        result.badge = ntfn_wait(n);
        break;
    case TN_SYS_SIGNAL:
    case TN_SYS_CALL:
        pthread_mutex_lock(&n->mutex);
        if (number == TN_SYS_SIGNAL) {
            n->bits |= 1;
        } else {
            assert_int_equal(tn_info_label(info), TN_NTFN_DEADLINE);
            n->deadline = m0;
        }
        pthread_cond_signal(&n->changed);
        pthread_mutex_unlock(&n->mutex);
        if (number == TN_SYS_SIGNAL && after_signal != NULL) {
            void (*function)(void) = after_signal;
            after_signal = NULL;
            function();
        }
        break;
    default:
        fail_msg("system call %llu", (unsigned long long)number);
    }
    return result;
}

struct task {
    pthread_t thread;
    unsigned index;
    void (*work)(unsigned index);
};

static void become(unsigned index)
{
    self.tid = index + 1;
    self.ntfn = TN_CLIENT_NTFN_FIRST + index;
    random_state = (seed + index * 7919) | 1;
}

static void *task_run(void *argument)
{
    struct task *t = argument;
    become(t->index);
    t->work(t->index);
    return NULL;
}

static void run_all(void (*work)(unsigned))
{
    struct task task[THREADS];

    for (unsigned i = 0; i < THREADS; i++) {
        task[i] = (struct task){.index = i, .work = work};
        assert_int_equal(pthread_create(&task[i].thread, NULL, task_run, &task[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(task[i].thread, NULL);
    }
}

/* Not atomic on purpose: the thread sanitizer sees whether the mutex orders them. */
static uint64_t counter, ring[4], ring_in, ring_out, ring_sum;
static struct tn_mutex mutex;
static struct tn_cond filled, emptied;

static void mutex_work(unsigned index)
{
    (void)index;
    for (unsigned i = 0; i < ROUNDS; i++) {
        tn_mutex_lock(&mutex);
        counter++;
        if (i % 64 == 0) {
            sched_yield();
        }
        tn_mutex_unlock(&mutex);
    }
}

static void test_mutex(void **state)
{
    (void)state;
    counter = 0;
    run_all(mutex_work);
    assert_int_equal(counter, THREADS * ROUNDS);
    assert_int_equal(mutex.state, 0);
}

static void ring_work(unsigned index)
{
    for (uint64_t i = 1; i <= ROUNDS; i++) {
        tn_mutex_lock(&mutex);
        if (index % 2 == 0) {
            while (ring_in - ring_out == 4) {
                tn_cond_wait(&emptied, &mutex);
            }
            ring[ring_in++ % 4] = i;
            tn_cond_signal(&filled);
        } else {
            while (ring_in == ring_out) {
                tn_cond_wait(&filled, &mutex);
            }
            ring_sum += ring[ring_out++ % 4];
            tn_cond_signal(&emptied);
        }
        tn_mutex_unlock(&mutex);
    }
}

static void test_condition(void **state)
{
    (void)state;
    ring_in = ring_out = ring_sum = 0;
    run_all(ring_work);
    assert_int_equal(ring_sum, THREADS / 2 * (uint64_t)ROUNDS * (ROUNDS + 1) / 2);
}

static struct tn_cond round_cond;
static unsigned round_number, round_here;

static void broadcast_work(unsigned index)
{
    (void)index;
    for (unsigned round = 0; round < 300; round++) {
        tn_mutex_lock(&mutex);
        if (++round_here == THREADS) {
            round_here = 0;
            round_number++;
            tn_cond_broadcast(&round_cond);
        }
        while (round_number == round) {
            tn_cond_wait(&round_cond, &mutex);
        }
        tn_mutex_unlock(&mutex);
    }
}

static void test_broadcast(void **state)
{
    (void)state;
    round_number = round_here = 0;
    run_all(broadcast_work);
    assert_int_equal(round_number, 300);
}

/* One signal a turn and nobody else to send another: a lost one is a hang. */
static struct tn_cond turn_cond;
static unsigned turn;

static void turn_work(unsigned index)
{
    for (unsigned i = 0; i < 20000 && index < 2; i++) {
        tn_mutex_lock(&mutex);
        while (turn != index) {
            tn_cond_wait(&turn_cond, &mutex);
        }
        turn = 1 - index;
        tn_mutex_unlock(&mutex);
        tn_cond_signal(&turn_cond);
    }
}

static void test_turns(void **state)
{
    (void)state;
    turn = 0;
    run_all(turn_work);
    assert_int_equal(turn, 0);
}

/* A signal between the unlock and the wait of tn_cond_wait: sent by the waiter itself, from within its unlock, which
 * wakes another thread that sleeps on the mutex. */
static unsigned window_done;

static void window_signal(void)
{
    window_done = 1;
    tn_cond_signal(&turn_cond);
}

static void window_work(unsigned index)
{
    if (index == 1) {
        usleep(20000);
        tn_mutex_lock(&mutex);
        tn_mutex_unlock(&mutex);
    } else if (index == 0) {
        tn_mutex_lock(&mutex);
        while (tn_load_relaxed(&mutex.state) != 2) {
            usleep(100);
        }
        usleep(20000); /* it sleeps now */
        after_signal = window_signal;
        assert_int_equal(tn_cond_wait_until(&turn_cond, &mutex, tn_time() + 300000000), 0);
        tn_mutex_unlock(&mutex);
    }
}

static void test_signal_in_window(void **state)
{
    (void)state;
    window_done = 0;
    run_all(window_work);
    assert_int_equal(window_done, 1);
}

/* Deadlines against wake-ups: each wake-up that was counted by the waker is one that returned 0. */
static uint32_t race_word[3], race_balance, race_done;

static void race_work(unsigned index)
{
    if (index == 0) {
        while (tn_load_acquire(&race_done) != THREADS - 1) {
            for (unsigned i = 0; i < 3; i++) {
                (void)tn_fetch_add_relaxed(&race_balance, 0u - tn_futex_wake(&race_word[i], 1 + i));
            }
            sched_yield();
        }
        return;
    }
    for (unsigned i = 0; i < 500; i++) {
        int error = tn_futex_wait(&race_word[random_next() % 3], 0, tn_time() + random_next() % 100000);
        if (error == 0) {
            (void)tn_fetch_add_relaxed(&race_balance, 1);
        }
    }
    (void)tn_fetch_add_release(&race_done, 1);
}

static void test_deadline_race(void **state)
{
    (void)state;
    race_balance = race_done = 0;
    run_all(race_work);
    assert_int_equal(race_balance, 0);
}

static void test_futex_values(void **state)
{
    (void)state;
    uint32_t word = 5;
    become(0);
    uint64_t before = tn_time();
    assert_int_equal(tn_futex_wait(&word, 4, TN_FOREVER), -EAGAIN);
    assert_int_equal(tn_futex_wait(&word, 5, before + 2000000), -ETIMEDOUT);
    assert_true(tn_time() >= before + 2000000);
    assert_int_equal(tn_futex_wait(&word, 5, 0), -ETIMEDOUT);
    assert_int_equal(tn_futex_wake(&word, ~0u), 0);
    struct tn_mutex m = TN_MUTEX_INIT;
    struct tn_cond c = TN_COND_INIT;
    tn_mutex_lock(&m);
    assert_int_equal(tn_mutex_trylock(&m), EBUSY);
    assert_int_equal(tn_cond_wait_until(&c, &m, tn_time() + 1000000), ETIMEDOUT);
    tn_mutex_unlock(&m);
    assert_int_equal(tn_mutex_trylock(&m), 0);
}

static struct tn_once once;
static uint64_t once_runs;

static void once_function(void)
{
    sched_yield();
    once_runs++;
}

static void once_work(unsigned index)
{
    (void)index;
    tn_once(&once, once_function);
    assert_int_equal(once_runs, 1);
}

static void test_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        once = (struct tn_once)TN_ONCE_INIT;
        once_runs = 0;
        run_all(once_work);
    }
}

int main(void)
{
    const char *text = getenv("TENON_SEED");
    seed = text != NULL ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
    printf("# seed %llu (repeat: TENON_SEED=%llu build/host/plain/test_futex)\n", (unsigned long long)seed,
           (unsigned long long)seed);
    for (unsigned i = 0; i < sizeof notification / sizeof notification[0]; i++) {
        pthread_mutex_init(&notification[i].mutex, NULL);
        pthread_cond_init(&notification[i].changed, NULL);
        notification[i].deadline = TN_FOREVER;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_futex_values),     cmocka_unit_test(test_mutex), cmocka_unit_test(test_condition),
        cmocka_unit_test(test_broadcast),        cmocka_unit_test(test_turns), cmocka_unit_test(test_deadline_race),
        cmocka_unit_test(test_signal_in_window), cmocka_unit_test(test_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
