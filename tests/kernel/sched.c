/* Scheduling: strict priorities, preemption, round robin among equals, yield, the effect of priority changes. */
#include "kt.h"

/* A thread of lower priority does not run while a higher one is ready. */
static void test_strict(void)
{
    for (unsigned hart = 0; hart < kt_harts && hart < 2; hart++) {
        kt_case(hart);
        struct kt_thread *high = kt_thread_new_prio(hart, 12, kt_spin), *low = kt_thread_new_prio(hart, 11, kt_spin);
        kt_thread_start(high);
        kt_await_count(&high->count, 1);
        kt_thread_start(low);
        kt_sleep_ticks(kt_ticks_ms(60));
        EXPECT_EQ(kt_load_acquire(&low->count), 0);
        kt_stop_and_join(high);
        kt_await_count(&low->count, 1);
        kt_stop_and_join(low);
    }
}

/* Equals share the hart without asking: each gets its turn within bounded time. */
static void test_round_robin(void)
{
    enum { THREADS = 4 };
    for (unsigned hart = 0; hart < kt_harts && hart < 2; hart++) {
        struct kt_thread *t[THREADS];
        kt_case(hart);
        for (unsigned i = 0; i < THREADS; i++)
            t[i] = kt_spawn(hart, kt_spin, 0, 0);
        for (unsigned round = 0; round < 3; round++)
            for (unsigned i = 0; i < THREADS; i++)
                kt_await_count(&t[i]->count, kt_load_acquire(&t[i]->count) + 1);
        for (unsigned i = 0; i < THREADS; i++)
            kt_stop_and_join(t[i]);
    }
}

static void wait_then_stamp(struct kt_thread *t)
{
    EXPECT_OK(kt_wait(t->arg[0], NULL));
    t->result[0] = kt_load_acquire((uint64_t *)t->arg[1]);
    kt_add(&t->count, 1);
}

static void spin_signal_spin(struct kt_thread *t)
{
    for (unsigned i = 0; i < 1000; i++)
        kt_add(&t->count, 1);
    EXPECT_OK(kt_signal(t->arg[0]));
    t->result[0] = kt_load_acquire((uint64_t *)t->arg[1]); /* has the woken one run before we go on? */
    for (unsigned i = 0; i < 1000; i++)
        kt_add(&t->count, 1);
}

/* Whoever wakes a thread of higher priority on its own hart is preempted at once; an equal or lower one waits. */
static void test_wake_preempts(void)
{
    for (unsigned prio = 8; prio <= 12; prio += 2) {
        kt_case(prio);
        tn_cptr_t ntfn = kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, 1);
        struct kt_thread *waker = kt_thread_new_prio(kt_main_hart, 10, spin_signal_spin);
        struct kt_thread *woken = kt_thread_new_prio(kt_main_hart, prio, wait_then_stamp);
        woken->arg[0] = waker->arg[0] = ntfn;
        woken->arg[1] = (uint64_t)&waker->count;
        waker->arg[1] = (uint64_t)&woken->count;
        kt_thread_start(woken);
        kt_settle(kt_main_hart);
        kt_thread_start(waker);
        kt_join(waker);
        kt_join(woken);
        if (prio > 10) {
            EXPECT_EQ(waker->result[0], 1);
            EXPECT_EQ(woken->result[0], 1000);
        } else if (prio < 10) {
            EXPECT_EQ(waker->result[0], 0);
            EXPECT_EQ(woken->result[0], 2000);
        }
    }
}

/* A thread woken from another hart preempts a lower one that never enters the kernel. */
static void test_wake_preempts_cross(void)
{
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        if (hart == kt_main_hart)
            continue;
        kt_case(hart);
        tn_cptr_t ntfn = kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, 1);
        struct kt_thread *busy = kt_thread_new_prio(hart, 10, kt_spin),
                         *woken = kt_thread_new_prio(hart, 11, wait_then_stamp);
        woken->arg[0] = ntfn;
        woken->arg[1] = (uint64_t)&busy->count;
        kt_thread_start(woken);
        kt_settle(hart);
        kt_thread_start(busy);
        kt_await_count(&busy->count, 1);
        EXPECT_OK(kt_signal(ntfn));
        kt_join(woken);
        kt_stop_and_join(busy);
    }
}

/* Raising a ready thread above the running one, and lowering it again. */
static void test_priority_change(void)
{
    unsigned hart = kt_harts - 1;
    struct kt_thread *a = kt_thread_new_prio(hart, 10, kt_spin), *b = kt_thread_new_prio(hart, 9, kt_spin);

    kt_thread_start(a);
    kt_await_count(&a->count, 1);
    kt_thread_start(b);
    for (unsigned i = 0; i < 5; i++) {
        kt_case(i);
        EXPECT_OK(INV(b->tcb, TN_TCB_SET_PRIORITY, 11));
        kt_await_count(&b->count, kt_load_acquire(&b->count) + 10);
        uint64_t still = kt_load_acquire(&a->count);
        kt_sleep_ticks(kt_ticks_ms(3));
        EXPECT_EQ(kt_load_acquire(&a->count), still);
        EXPECT_OK(INV(b->tcb, TN_TCB_SET_PRIORITY, 9));
        kt_await_count(&a->count, still + 10);
        still = kt_load_acquire(&b->count);
        kt_sleep_ticks(kt_ticks_ms(3));
        EXPECT_EQ(kt_load_acquire(&b->count), still);
    }
    kt_stop_and_join(a);
    kt_stop_and_join(b);
}

struct log {
    uint64_t next;
    uint32_t who[64];
};
static struct log turns;

static void yielder(struct kt_thread *t)
{
    for (unsigned i = 0; i < 10; i++) {
        uint64_t at = kt_add(&turns.next, 1) - 1;
        turns.who[at] = t->index;
        kt_yield();
    }
}

/* Yield lets each equal run before one's next turn. */
static void test_yield(void)
{
    for (unsigned hart = 0; hart < kt_harts && hart < 2; hart++) {
        struct kt_thread *gate_keeper = kt_thread_new_prio(hart, 12, kt_spin), *t[3];
        kt_case(hart);
        turns.next = 0;
        kt_thread_start(gate_keeper); /* holds the others back until all are ready */
        kt_await_count(&gate_keeper->count, 1);
        for (unsigned i = 0; i < 3; i++)
            t[i] = kt_spawn(hart, yielder, 0, 0);
        kt_stop_and_join(gate_keeper);
        for (unsigned i = 0; i < 3; i++)
            kt_join(t[i]);
        EXPECT_EQ(turns.next, 30);
        unsigned wrong = 0; /* a time slice may end between two yields, rarely */
        for (unsigned i = 3; i < 30; i++)
            wrong += turns.who[i] != turns.who[i - 3];
        EXPECT(wrong <= 6);
    }
}

/* Yield with nobody of equal priority returns at once, and does not let lower ones in. */
static void yield_alone_main(struct kt_thread *t)
{
    for (unsigned i = 0; i < 1000; i++)
        kt_yield();
    t->result[0] = kt_load_acquire((uint64_t *)t->arg[0]);
}

static void test_yield_alone(void)
{
    struct kt_thread *low = kt_thread_new_prio(kt_main_hart, 9, kt_spin);
    struct kt_thread *high = kt_thread_new_prio(kt_main_hart, 10, yield_alone_main);

    high->arg[0] = (uint64_t)&low->count;
    kt_thread_start(low);
    kt_thread_start(high);
    kt_join(high);
    EXPECT_EQ(high->result[0], 0);
    kt_stop_and_join(low);
}

/* arg[0]: endpoint, arg[1]: Reply object. Each answer takes 3 ms; label 0 ends it. */
static void slow_server(struct kt_thread *t)
{
    struct kt_msg m = {0};

    int error = kt_recv(t->arg[0], &m, t->arg[1]);
    while (EXPECT_OK(error) && tn_info_label(m.info) != 0) {
        uint64_t until = kt_time() + kt_ticks_ms(3);
        while (kt_time() < until)
            kt_add(&t->count, 1);
        m.info = 0;
        error = kt_reply_recv(t->arg[0], &m, t->arg[1]);
    }
}

static void call_and_count(struct kt_thread *t)
{
    while (!t->stop && EXPECT_OK(kt_call1(t->arg[0], 1, 0, NULL)))
        kt_add(&t->count, 1);
}

/* Counts the times at which it finds that the thread of arg[0] has made calls since it last looked. */
static void count_turns(struct kt_thread *t)
{
    const struct kt_thread *caller = (const struct kt_thread *)t->arg[0];

    for (uint64_t seen = 0; !t->stop;) {
        uint64_t now = kt_load_acquire(&caller->count);
        if (now != seen)
            kt_add(&t->count, 1);
        seen = now;
    }
}

/* A slice ends also while a server runs on it: who does nothing but call shares the hart with its equals. */
static void test_slice_of_server(void)
{
    for (unsigned prio = 10; prio <= 12; prio++) {
        kt_case(prio);
        tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
        struct kt_thread *server = kt_thread_new_prio(kt_main_hart, prio, slow_server);
        struct kt_thread *caller = kt_thread_new_prio(kt_main_hart, 9, call_and_count);
        struct kt_thread *other = kt_thread_new_prio(kt_main_hart, 9, count_turns);
        server->arg[0] = caller->arg[0] = ep;
        server->arg[1] = kt_object(TN_REPLY, 0);
        other->arg[0] = (uint64_t)caller;
        kt_thread_start(server);
        kt_settle(kt_main_hart);
        kt_thread_start(other);
        kt_thread_start(caller);
        kt_await_count(&caller->count, 40); /* 12 slices */
        EXPECT(kt_load_acquire(&other->count) >= 4);
        kt_stop_and_join(caller);
        kt_stop_and_join(other);
        struct kt_msg end = {0};
        EXPECT_OK(kt_send(ep, &end));
        kt_join(server);
    }
}

static void count_to(struct kt_thread *t)
{
    for (uint64_t i = 0; i < t->arg[0]; i++)
        kt_add(&t->count, 1);
}

/* Many threads of random priorities and harts: all of them get through. */
static void test_all_finish(void)
{
    enum { THREADS = 60 };
    struct kt_thread *t[THREADS];
    uint64_t state = kt_test_seed;

    for (unsigned i = 0; i < THREADS; i++) {
        t[i] = kt_thread_new_prio(kt_random(&state) % kt_harts, 2 + kt_random(&state) % 20, count_to);
        t[i]->arg[0] = 1000 + kt_random(&state) % 20000;
        kt_thread_start(t[i]);
    }
    for (unsigned i = 0; i < THREADS; i++)
        kt_join(t[i]);
}

const struct kt_test sched_tests[] = {
    {"sched.strict", test_strict, 0},
    {"sched.round_robin", test_round_robin, 0},
    {"sched.wake_preempts", test_wake_preempts, 0},
    {"sched.wake_preempts_cross", test_wake_preempts_cross, 2},
    {"sched.priority_change", test_priority_change, 0},
    {"sched.yield", test_yield, 0},
    {"sched.yield_alone", test_yield_alone, 0},
    {"sched.slice_of_server", test_slice_of_server, 0},
    {"sched.all_finish", test_all_finish, 0},
    {NULL, NULL, 0},
};
