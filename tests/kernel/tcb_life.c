/* Threads started, suspended, moved and deleted, running or not, from their own hart and from others. */
#include "kt.h"

static void check_progress(struct kt_thread *t)
{
    kt_await_count(&t->count, kt_load_acquire(&t->count) + 100);
}

static void test_suspend_resume(void)
{
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        kt_case(hart);
        struct kt_thread *t = kt_spawn(hart, kt_spin, 0, 0);
        for (unsigned i = 0; i < 5; i++) {
            check_progress(t);
            EXPECT_OK(INV0(t->tcb, TN_TCB_SUSPEND));
            uint64_t count = kt_load_acquire(&t->count);
            kt_sleep_ticks(kt_ticks_ms(2));
            EXPECT_EQ(kt_load_acquire(&t->count), count);
            if (i % 2)
                EXPECT_OK(INV0(t->tcb, TN_TCB_SUSPEND)); /* twice is once */
            EXPECT_OK(INV0(t->tcb, TN_TCB_RESUME));
            if (i % 2)
                EXPECT_OK(INV0(t->tcb, TN_TCB_RESUME));
        }
        kt_stop_and_join(t);
    }
}

static void suspend_itself(struct kt_thread *t)
{
    for (unsigned i = 0; i < 3; i++) {
        kt_add(&t->count, 1);
        EXPECT_OK(INV0(t->tcb, TN_TCB_SUSPEND));
    }
}

static void test_suspend_oneself(void)
{
    for (unsigned hart = 0; hart < kt_harts && hart < 2; hart++) {
        struct kt_thread *t = kt_spawn(hart, suspend_itself, 0, 0);
        for (unsigned i = 1; i <= 3; i++) {
            kt_await_count(&t->count, i);
            kt_settle(hart);
            EXPECT_EQ(kt_load_acquire(&t->count), i);
            EXPECT_OK(INV0(t->tcb, TN_TCB_RESUME));
        }
        kt_join(t);
    }
}

/* Deleted while it runs on another hart, or is ready on one's own: it never runs again. */
static void test_delete_running(void)
{
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        kt_case(hart);
        struct kt_thread *t = kt_spawn(hart, kt_spin, 0, 0);
        check_progress(t);
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, t->tcb));
        uint64_t count = kt_load_acquire(&t->count);
        kt_sleep_ticks(kt_ticks_ms(2));
        EXPECT_EQ(kt_load_acquire(&t->count), count);
    }
}

static void delete_itself(struct kt_thread *t)
{
    kt_add(&t->count, 1);
    INV(KT_ROOT, TN_CNODE_DELETE, t->tcb);
    kt_add(&t->count, 1);
}

static void test_delete_oneself(void)
{
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        kt_case(hart);
        struct kt_thread *t = kt_spawn(hart, delete_itself, 0, 0);
        kt_await_count(&t->count, 1);
        kt_settle(hart);
        EXPECT_EQ(kt_load_acquire(&t->count), 1);
        EXPECT(kt_slot_is_empty((uint32_t)t->tcb));
    }
}

static void hart_watcher(struct kt_thread *t)
{
    while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
        kt_store_release(&t->result[0], kt_hart() + 1);
        kt_add(&t->count, 1);
    }
}

/* Moved while it runs; from then on it runs where it was moved to. */
static void test_move_running(void)
{
    struct kt_thread *t = kt_spawn(0, hart_watcher, 0, 0);
    uint64_t state = kt_test_seed;

    for (unsigned i = 0; i < 60; i++) {
        unsigned hart = kt_random(&state) % kt_harts;
        kt_case(i);
        EXPECT_OK(INV(t->tcb, TN_TCB_SET_AFFINITY, hart));
        kt_await_count(&t->count, kt_load_acquire(&t->count) + 3);
        EXPECT_EQ(kt_load_acquire(&t->result[0]), hart + 1);
    }
    kt_stop_and_join(t);
}

static void wait_and_tell(struct kt_thread *t)
{
    for (unsigned i = 0; i < 20; i++) {
        EXPECT_OK(kt_wait(t->arg[0], NULL));
        t->result[0] = kt_hart() + 1;
        kt_add(&t->count, 1);
    }
}

/* Moved while it waits, it wakes on the new hart. */
static void test_move_blocked(void)
{
    tn_cptr_t ntfn = kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, 1);
    struct kt_thread *t = kt_spawn(0, wait_and_tell, ntfn, 0);
    uint64_t state = kt_test_seed;

    for (unsigned i = 0; i < 20; i++) {
        unsigned hart = kt_random(&state) % kt_harts;
        kt_case(i);
        EXPECT_OK(INV(t->tcb, TN_TCB_SET_AFFINITY, hart));
        EXPECT_OK(kt_signal(ntfn));
        kt_await_count(&t->count, i + 1);
        EXPECT_EQ(t->result[0], hart + 1);
    }
    kt_join(t);
}

static void tell_hart(struct kt_thread *t)
{
    t->result[0] = kt_hart() + 1;
}

/* Moved while it is ready, or inactive, and never ran. */
static void test_move_ready(void)
{
    struct kt_thread *busy = kt_thread_new_prio(1, KT_PRIO_LOW + 2, kt_spin);

    kt_thread_start(busy);
    check_progress(busy);
    struct kt_thread *t = kt_spawn(1, tell_hart, 0, 0); /* cannot run yet */
    EXPECT_OK(INV(t->tcb, TN_TCB_SET_AFFINITY, 0));
    kt_join(t);
    EXPECT_EQ(t->result[0], 1);
    t = kt_thread_new(1, tell_hart);
    EXPECT_OK(INV(t->tcb, TN_TCB_SET_AFFINITY, 0));
    kt_thread_start(t);
    kt_join(t);
    EXPECT_EQ(t->result[0], 1);
    kt_stop_and_join(busy);
}

static void move_itself(struct kt_thread *t)
{
    for (unsigned i = 0; i < 4 * kt_harts; i++) {
        unsigned hart = i * 3 % kt_harts;
        EXPECT_OK(INV(t->tcb, TN_TCB_SET_AFFINITY, hart));
        EXPECT_EQ(kt_hart(), hart);
    }
}

static void test_move_oneself(void)
{
    kt_join(kt_spawn(0, move_itself, 0, 0));
}

static void caller_loop(struct kt_thread *t)
{
    while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
        struct kt_msg m = kt_msg1(1, t->count);
        if (kt_call(t->arg[0], &m) == TN_OK)
            EXPECT(m.mr[0] == t->count + 1 || t->arg[1] != 0);
        kt_add(&t->count, 1);
    }
}

static void server_loop(struct kt_thread *t)
{
    struct kt_msg m = {0};
    int error = kt_recv(t->arg[0], &m, t->arg[1]);

    for (;;) {
        if (error == TN_OK)
            m.mr[0]++;
        m.info = tn_info(1, 0, 1);
        error = kt_reply_recv(t->arg[0], &m, error == TN_OK ? t->arg[1] : 0);
        if (error != TN_OK)
            error = kt_recv(t->arg[0], &m, t->arg[1]);
    }
}

/* Client and server moved from hart to hart at random while they talk: nothing is lost. */
static void test_move_talking(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    struct kt_thread *server = kt_spawn(0, server_loop, ep, kt_object(TN_REPLY, 0));
    struct kt_thread *client = kt_spawn(1, caller_loop, ep, 0);
    uint64_t state = kt_test_seed;

    for (unsigned i = 0; i < 200; i++) {
        struct kt_thread *t = kt_random(&state) % 2 ? server : client;
        EXPECT_OK(INV(t->tcb, TN_TCB_SET_AFFINITY, kt_random(&state) % kt_harts));
        if (i % 8 == 0)
            check_progress(client);
    }
    check_progress(client);
    kt_stop_and_join(client);
}

/* A spinner suspended and resumed at random moments, by several threads at once. */
static void suspender(struct kt_thread *t)
{
    uint64_t state = kt_test_seed + t->index;

    for (unsigned i = 0; i < 150; i++) {
        EXPECT_OK(INV0(t->arg[0], kt_random(&state) % 2 ? TN_TCB_SUSPEND : TN_TCB_RESUME));
        for (uint64_t k = kt_random(&state) % 2000; k > 0; k--)
            __asm__ volatile("" : : : "memory");
    }
}

static void suspend_storm(struct kt_thread *victim)
{
    struct kt_thread *t[KT_HARTS_MAX];
    unsigned n = kt_harts < 6 ? kt_harts : 6;

    for (unsigned i = 0; i < n; i++)
        t[i] = kt_spawn(i, suspender, victim->tcb, 0);
    for (unsigned i = 0; i < n; i++)
        kt_join(t[i]);
}

static void test_suspend_storm(void)
{
    struct kt_thread *victim = kt_spawn(kt_harts - 1, kt_spin, 0, 0);

    suspend_storm(victim);
    EXPECT_OK(INV0(victim->tcb, TN_TCB_RESUME));
    check_progress(victim);
    kt_stop_and_join(victim);
}

/* The same with a victim in the middle of calls and a server beside it. */
static void test_suspend_storm_calling(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    struct kt_thread *server = kt_spawn(0, server_loop, ep, kt_object(TN_REPLY, 0));
    struct kt_thread *victim = kt_spawn(kt_harts - 1, caller_loop, ep, 1);

    suspend_storm(victim);
    EXPECT_OK(INV0(victim->tcb, TN_TCB_RESUME));
    check_progress(victim);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, victim->tcb));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, server->tcb));
}

/* Two threads suspend each other at the same time; the main thread frees them. Nobody waits for ever in the kernel. */
static void suspend_peer(struct kt_thread *t)
{
    while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
        INV0(t->arg[0], TN_TCB_SUSPEND);
        INV0(t->arg[0], TN_TCB_RESUME);
        kt_add(&t->count, 1);
    }
}

static void test_mutual_suspend(void)
{
    struct kt_thread *a = kt_thread_new(0, suspend_peer), *b = kt_thread_new(1, suspend_peer);

    a->arg[0] = b->tcb;
    b->arg[0] = a->tcb;
    kt_thread_start(a);
    kt_thread_start(b);
    for (unsigned i = 0; i < 100; i++) {
        kt_sleep_ticks(kt_ticks_ms(1) / 2);
        EXPECT_OK(INV0(a->tcb, TN_TCB_RESUME));
        EXPECT_OK(INV0(b->tcb, TN_TCB_RESUME));
    }
    __atomic_store_n(&a->stop, 1, __ATOMIC_RELEASE);
    __atomic_store_n(&b->stop, 1, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < 2000 && !(kt_is_done(a) && kt_is_done(b)); i++) {
        if (!kt_is_done(a))
            EXPECT_OK(INV0(a->tcb, TN_TCB_RESUME));
        if (!kt_is_done(b))
            EXPECT_OK(INV0(b->tcb, TN_TCB_RESUME));
        kt_sleep_ticks(kt_ticks_ms(1));
    }
    EXPECT(kt_is_done(a) && kt_is_done(b));
    EXPECT(a->count + b->count > 0);
}

/* The victim's call is taken by one hart, and answered through the same reply object by another, the victim's own, while it is
 * suspended: between the two it is in nobody's queue. */
static void taker(struct kt_thread *t)
{
    while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
        struct kt_msg m = {0};
        (void)!kt_nb_recv(t->arg[0], &m, t->arg[1]); /* nobody calls, or the reply object is in use */
    }
}

/* Answers whoever is in the reply object each time that it is sent something. */
static void answerer(struct kt_thread *t)
{
    for (;;) {
        struct kt_msg m = {0};
        (void)!kt_reply_recv(t->arg[0], &m, t->arg[1]);
    }
}

static void poker(struct kt_thread *t)
{
    while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
        struct kt_msg m = {0};
        (void)!kt_nb_send(t->arg[0], &m);
    }
}

static struct kt_thread *spawn_prio(unsigned hart, unsigned prio, void (*fn)(struct kt_thread *), tn_cptr_t arg0,
                                    uint64_t arg1)
{
    struct kt_thread *t = kt_thread_new_prio(hart, prio, fn);

    t->arg[0] = arg0;
    t->arg[1] = arg1;
    kt_thread_start(t);
    return t;
}

static void test_suspend_answered(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), bell = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0);
    struct kt_thread *t[3], *answers = spawn_prio(0, KT_PRIO_LOW + 2, answerer, bell, reply);
    struct kt_thread *victim = spawn_prio(0, KT_PRIO_LOW + 1, caller_loop, ep, 1);

    t[0] = kt_spawn(1, taker, ep, reply);
    t[1] = spawn_prio(0, KT_PRIO_LOW - 1, poker, bell, 0);
    t[2] = kt_spawn(kt_harts - 1, suspend_peer, victim->tcb, 0);
    kt_await_count(&t[2]->count, 4000);
    kt_stop_and_join(t[2]);
    EXPECT_OK(INV0(victim->tcb, TN_TCB_RESUME));
    check_progress(victim);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, victim->tcb));
    kt_stop_and_join(t[0]);
    kt_stop_and_join(t[1]);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, answers->tcb));
}

static void test_create_many(void)
{
    for (unsigned round = 0; round < 4; round++) {
        struct kt_thread *t[64];
        for (unsigned i = 0; i < 64; i++)
            t[i] = kt_spawn(i % kt_harts, tell_hart, 0, 0);
        for (unsigned i = 0; i < 64; i++) {
            kt_join(t[i]);
            EXPECT_EQ(t[i]->result[0], i % kt_harts + 1);
        }
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, kt_slot_untyped));
        kt_thread_begin();
    }
}

const struct kt_test tcb_life_tests[] = {
    {"tcb.suspend_resume", test_suspend_resume, 0},
    {"tcb.suspend_answered", test_suspend_answered, 3},
    {"tcb.suspend_oneself", test_suspend_oneself, 0},
    {"tcb.delete_running", test_delete_running, 0},
    {"tcb.delete_oneself", test_delete_oneself, 0},
    {"tcb.move_running", test_move_running, 2},
    {"tcb.move_blocked", test_move_blocked, 2},
    {"tcb.move_ready", test_move_ready, 2},
    {"tcb.move_oneself", test_move_oneself, 0},
    {"tcb.move_talking", test_move_talking, 2},
    {"tcb.suspend_storm", test_suspend_storm, 0},
    {"tcb.suspend_storm_calling", test_suspend_storm_calling, 2},
    {"tcb.mutual_suspend", test_mutual_suspend, 2},
    {"tcb.create_many", test_create_many, 0},
    {NULL, NULL, 0},
};
