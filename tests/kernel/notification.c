/* Notifications: signal, wait, poll; bits are collected, waiters are woken one by one, on every hart. */
#include "kt.h"

static void waiter(struct kt_thread *t)
{
    t->result[0] = (uint64_t)kt_wait(t->arg[0], &t->result[1]);
}

static void test_bits(void)
{
    tn_cptr_t ntfn = kt_object(TN_NOTIFICATION, 0);
    tn_cptr_t one = kt_mint(ntfn, TN_WRITE, 1), two = kt_mint(ntfn, TN_WRITE, 2), five = kt_mint(ntfn, TN_WRITE, 5);
    uint64_t bits = 99;

    EXPECT_OK(kt_poll(ntfn, &bits));
    EXPECT_EQ(bits, 0);
    EXPECT_OK(kt_signal(one));
    EXPECT_OK(kt_signal(one));
    EXPECT_OK(kt_poll(ntfn, &bits));
    EXPECT_EQ(bits, 1);
    EXPECT_OK(kt_poll(ntfn, &bits));
    EXPECT_EQ(bits, 0);
    EXPECT_OK(kt_signal(two));
    EXPECT_OK(kt_signal(five));
    EXPECT_OK(kt_wait(ntfn, &bits)); /* does not block: bits are set */
    EXPECT_EQ(bits, 7);
    EXPECT_OK(kt_poll(ntfn, &bits));
    EXPECT_EQ(bits, 0);
}

static void test_wait_blocks(void)
{
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        kt_case(hart);
        tn_cptr_t ntfn = kt_object(TN_NOTIFICATION, 0), four = kt_mint(ntfn, TN_WRITE, 4);
        struct kt_thread *t = kt_spawn(hart, waiter, ntfn, 0);
        kt_settle(hart);
        EXPECT(!kt_is_done(t));
        EXPECT_OK(kt_signal(four));
        kt_join(t);
        EXPECT_OK((int)t->result[0]);
        EXPECT_EQ(t->result[1], 4);
        uint64_t bits;
        EXPECT_OK(kt_poll(ntfn, &bits));
        EXPECT_EQ(bits, 0); /* the waiter got them all */
    }
}

/* Each signal wakes one waiter, the longest waiting one; who is not woken waits on. */
static void test_several_waiters(void)
{
    enum { WAITERS = 8 };
    tn_cptr_t ntfn = kt_object(TN_NOTIFICATION, 0);
    struct kt_thread *t[WAITERS];
    uint64_t bits;

    for (unsigned i = 0; i < WAITERS; i++) {
        t[i] = kt_spawn(i % kt_harts, waiter, ntfn, 0);
        kt_settle(i % kt_harts);
    }
    for (unsigned i = 0; i < WAITERS; i++) {
        kt_case(i);
        EXPECT_OK(kt_signal(kt_mint(ntfn, TN_WRITE, 1ull << i)));
        kt_join(t[i]);
        EXPECT_EQ(t[i]->result[1], 1ull << i);
        kt_settle_all();
        for (unsigned k = i + 1; k < WAITERS; k++)
            EXPECT(!kt_is_done(t[k]));
    }
    EXPECT_OK(kt_poll(ntfn, &bits));
    EXPECT_EQ(bits, 0);
}

static void test_rights(void)
{
    tn_cptr_t ntfn = kt_object(TN_NOTIFICATION, 0), reader = kt_copy(ntfn, TN_READ),
              writer = kt_mint(ntfn, TN_WRITE, 1);
    uint64_t bits;

    EXPECT_ERROR(kt_signal(reader), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(kt_poll(writer, &bits), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(kt_wait(writer, &bits), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(kt_signal(0), TN_FAILED_LOOKUP);
    EXPECT_ERROR(kt_signal(kt_slot()), TN_FAILED_LOOKUP);
    EXPECT_ERROR(kt_poll(kt_slot(), &bits), TN_FAILED_LOOKUP);
    EXPECT_ERROR(kt_wait(0, &bits), TN_FAILED_LOOKUP);
    EXPECT_OK(kt_signal(writer));
    EXPECT_OK(kt_poll(reader, &bits));
    EXPECT_EQ(bits, 1);
}

static void test_deleted(void)
{
    uint32_t ntfn = (uint32_t)kt_object(TN_NOTIFICATION, 0);
    struct kt_thread *t[KT_HARTS_MAX];

    for (unsigned hart = 0; hart < kt_harts; hart++)
        t[hart] = kt_spawn(hart, waiter, ntfn, 0);
    kt_settle_all();
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, ntfn));
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        kt_join(t[hart]);
        EXPECT_ERROR((int)t[hart]->result[0], TN_PEER_GONE);
    }
}

/* A waiter that was suspended or deleted gets nothing; the bits stay for the next. */
static void test_waiter_gone(void)
{
    for (unsigned gone = 0; gone < 2; gone++) {
        kt_case(gone);
        tn_cptr_t ntfn = kt_object(TN_NOTIFICATION, 0), one = kt_mint(ntfn, TN_WRITE, 1);
        unsigned hart = kt_harts - 1;
        struct kt_thread *t = kt_spawn(hart, waiter, ntfn, 0);
        uint64_t bits;
        kt_settle(hart);
        EXPECT_OK(gone ? INV(KT_ROOT, TN_CNODE_DELETE, t->tcb) : INV0(t->tcb, TN_TCB_SUSPEND));
        EXPECT_OK(kt_signal(one));
        kt_settle(hart);
        EXPECT(!kt_is_done(t));
        EXPECT_OK(kt_poll(ntfn, &bits));
        EXPECT_EQ(bits, 1);
    }
}

/* Ping-pong over two notifications. */
static void ponger(struct kt_thread *t)
{
    for (uint64_t i = 0; i < t->arg[2]; i++) {
        uint64_t bits;
        EXPECT_OK(kt_wait(t->arg[0], &bits));
        EXPECT_EQ(bits, 2);
        kt_signal(t->arg[1]);
    }
}

static void test_ping_pong(void)
{
    enum { ROUNDS = 200 };
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        tn_cptr_t ping = kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, 2);
        tn_cptr_t pong = kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, 4);
        struct kt_thread *t = kt_thread_new(hart, ponger);
        t->arg[0] = ping;
        t->arg[1] = pong;
        t->arg[2] = ROUNDS;
        kt_thread_start(t);
        for (unsigned i = 0; i < ROUNDS; i++) {
            uint64_t bits;
            EXPECT_OK(kt_signal(ping));
            EXPECT_OK(kt_wait(pong, &bits));
            EXPECT_EQ(bits, 4);
        }
        kt_join(t);
    }
}

const struct kt_test notification_tests[] = {
    {"notification.bits", test_bits, 0},
    {"notification.wait_blocks", test_wait_blocks, 0},
    {"notification.several_waiters", test_several_waiters, 0},
    {"notification.rights", test_rights, 0},
    {"notification.deleted", test_deleted, 0},
    {"notification.waiter_gone", test_waiter_gone, 0},
    {"notification.ping_pong", test_ping_pong, 0},
    {NULL, NULL, 0},
};
