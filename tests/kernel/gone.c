/* Peers that go away: endpoints, replies and threads deleted or suspended while others wait for them. */
#include "kt.h"

#define STORM_ROUNDS 50

static void recv_once(struct kt_thread *t)
{
    struct kt_msg m = {0};

    t->result[0] = (uint64_t)kt_recv(t->arg[0], &m, 0);
    t->result[1] = m.mr[0];
}

static void send_once(struct kt_thread *t)
{
    struct kt_msg m = kt_msg1(1, t->arg[1]);

    t->result[0] = (uint64_t)kt_send(t->arg[0], &m);
}

static void call_once(struct kt_thread *t)
{
    t->result[0] = (uint64_t)kt_call1(t->arg[0], 1, t->arg[1], &t->result[1]);
}

/* The endpoint goes while threads of all harts wait on it, on either side. */
static void endpoint_deleted(bool by_revoke)
{
    static void (*const forms[])(struct kt_thread *) = {recv_once, send_once, call_once};

    for (unsigned form = 0; form < 3; form++) {
        kt_case(form);
        tn_cptr_t untyped = kt_object(TN_UNTYPED, 12);
        uint32_t ep = kt_slot();
        struct kt_thread *t[KT_HARTS_MAX];
        REQUIRE_OK(kt_retype(untyped, TN_ENDPOINT, 0, KT_ROOT, ep, 1));
        for (unsigned hart = 0; hart < kt_harts; hart++)
            t[hart] = kt_spawn(hart, forms[form], ep, 1);
        kt_settle_all();
        EXPECT_OK(by_revoke ? INV(KT_ROOT, TN_CNODE_REVOKE, untyped) : INV(KT_ROOT, TN_CNODE_DELETE, ep));
        for (unsigned hart = 0; hart < kt_harts; hart++) {
            kt_join(t[hart]);
            EXPECT_ERROR((int)t[hart]->result[0], TN_PEER_GONE);
        }
    }
}

static void test_endpoint_deleted(void)
{
    endpoint_deleted(false);
}

static void test_endpoint_revoked(void)
{
    endpoint_deleted(true);
}

/* More wait than are woken at a time. */
static void test_many_waiters(void)
{
    enum { WAITERS = 40 };
    struct kt_thread *t[WAITERS];
    uint32_t ep = (uint32_t)kt_object(TN_ENDPOINT, 0);

    for (unsigned i = 0; i < WAITERS; i++)
        t[i] = kt_spawn(i % kt_harts, recv_once, ep, 0);
    kt_settle_all();
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, ep));
    for (unsigned i = 0; i < WAITERS; i++) {
        kt_case(i);
        kt_join(t[i]);
        EXPECT_ERROR((int)t[i]->result[0], TN_PEER_GONE);
    }
}

/* Deleting one of two capabilities to an endpoint wakes nobody. */
static void test_endpoint_kept(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), copy = kt_copy(ep, TN_RIGHTS_ALL);
    struct kt_thread *t = kt_spawn(kt_main_hart, recv_once, copy, 0);
    struct kt_msg m = kt_msg1(1, 5);

    kt_settle(kt_main_hart);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, copy));
    kt_settle(kt_main_hart);
    EXPECT(!kt_is_done(t));
    EXPECT_OK(kt_send(ep, &m));
    kt_join(t);
    EXPECT_EQ(t->result[1], 5);
}

static void test_reply_deleted(void)
{
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        kt_case(hart);
        tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0);
        struct kt_thread *t = kt_spawn(hart, call_once, ep, 7);
        struct kt_msg m = {0};
        EXPECT_OK(kt_recv(ep, &m, reply));
        kt_settle(hart);
        EXPECT(!kt_is_done(t));
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, reply));
        kt_join(t);
        EXPECT_ERROR((int)t->result[0], TN_PEER_GONE);
    }
}

/* A caller is deleted while parked: the reply finds nobody, the Reply object is free again. */
static void test_caller_deleted(void)
{
    for (unsigned hart = 0; hart < kt_harts && hart < 2; hart++) {
        kt_case(hart);
        tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0);
        struct kt_thread *t = kt_spawn(hart, call_once, ep, 7);
        struct kt_msg m = {0};
        EXPECT_OK(kt_recv(ep, &m, reply));
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, t->tcb));
        kt_reply1(reply, 0, 1); /* its result is not specified: there is nobody to miss the answer */
        t = kt_spawn(hart, call_once, ep, 8);
        EXPECT_OK(kt_recv(ep, &m, reply));
        EXPECT_EQ(m.mr[0], 8);
        EXPECT_OK(kt_reply1(reply, 0, 1));
        kt_join(t);
        EXPECT_OK((int)t->result[0]);
    }
}

/* Waiters of every kind are deleted in place: the endpoint works on, and their neighbours in the queue do too. */
static void test_waiter_deleted(void)
{
    enum { WAITERS = 5 };
    for (unsigned gone = 0; gone < WAITERS; gone++) {
        kt_case(gone);
        tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
        struct kt_thread *t[WAITERS];
        for (unsigned i = 0; i < WAITERS; i++) {
            t[i] = kt_spawn(i % kt_harts, send_once, ep, i);
            kt_settle(i % kt_harts);
        }
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, t[gone]->tcb));
        for (unsigned i = 0; i < WAITERS; i++) {
            struct kt_msg m = {0};
            if (i == gone)
                continue;
            EXPECT_OK(kt_nb_recv(ep, &m, 0));
            EXPECT_EQ(m.mr[0], i);
            kt_join(t[i]);
        }
        struct kt_msg m = {0};
        EXPECT_ERROR(kt_nb_recv(ep, &m, 0), TN_WOULD_BLOCK);
        EXPECT(!kt_is_done(t[gone]));
    }
}

static void test_receiver_deleted(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    struct kt_thread *first = kt_spawn(kt_main_hart, recv_once, ep, 0);
    kt_settle(kt_main_hart);
    struct kt_thread *second = kt_spawn(kt_main_hart, recv_once, ep, 0);
    struct kt_msg m = kt_msg1(1, 3);

    kt_settle(kt_main_hart);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, first->tcb));
    EXPECT_OK(kt_nb_send(ep, &m));
    kt_join(second);
    EXPECT_EQ(second->result[1], 3);
    m = kt_msg1(1, 4);
    EXPECT_OK(kt_nb_send(ep, &m)); /* nobody is left: dropped */
    EXPECT_ERROR(kt_nb_recv(ep, &m, 0), TN_WOULD_BLOCK);
}

/* Suspending cancels the IPC under way: nobody meets the thread at the endpoint. Resumed, it starts the call again (as
 * in seL4) or returns from it with an error; it does not hang. */
static void suspended(void (*form)(struct kt_thread *), unsigned hart)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0);
    struct kt_thread *t = kt_spawn(hart, form, ep, 9);
    struct kt_msg m = kt_msg1(1, 1);

    kt_settle(hart);
    EXPECT_OK(INV0(t->tcb, TN_TCB_SUSPEND));
    if (form == recv_once)
        EXPECT_OK(kt_nb_send(ep, &m)); /* dropped */
    else
        EXPECT_ERROR(kt_nb_recv(ep, &m, reply), TN_WOULD_BLOCK);
    kt_settle(hart);
    EXPECT(!kt_is_done(t));
    EXPECT_OK(INV0(t->tcb, TN_TCB_RESUME));
    kt_settle(hart);
    if (kt_is_done(t)) {
        EXPECT_REFUSED((int)t->result[0]);
        return;
    }
    m = kt_msg1(1, 66);
    EXPECT_OK(form == recv_once ? kt_nb_send(ep, &m) : kt_nb_recv(ep, &m, reply));
    if (form == call_once)
        EXPECT_OK(kt_reply1(reply, 0, 66));
    kt_join(t);
    EXPECT_OK((int)t->result[0]);
    if (form != send_once)
        EXPECT_EQ(t->result[1], 66);
}

static void test_suspended(void)
{
    for (unsigned hart = 0; hart < kt_harts && hart < 2; hart++) {
        kt_case(hart);
        suspended(recv_once, hart);
        suspended(send_once, hart);
        suspended(call_once, hart);
    }
}

/* A parked caller is suspended: the reply does not reach it. */
static void test_parked_suspended(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0);
    struct kt_thread *t = kt_spawn(kt_main_hart, call_once, ep, 9);
    struct kt_msg m = {0};

    EXPECT_OK(kt_recv(ep, &m, reply));
    EXPECT_OK(INV0(t->tcb, TN_TCB_SUSPEND));
    kt_reply1(reply, 0, 123);
    kt_settle(kt_main_hart);
    EXPECT(!kt_is_done(t));
    EXPECT_ERROR(kt_nb_recv(ep, &m, reply), TN_WOULD_BLOCK);
}

/* Set up to race: a thread waits or calls on an endpoint while the main thread deletes it. */
static void looper(struct kt_thread *t)
{
    while (!t->stop) {
        struct kt_msg m = kt_msg1(1, 1);
        int error = t->arg[1] ? kt_call(t->arg[0], &m) : kt_recv(t->arg[0], &m, t->arg[2]);
        if (error == TN_OK && !t->arg[1])
            kt_reply1(t->arg[2], 0, 0); /* the caller may be gone by now: any result will do */
        else if (error == TN_FAILED_LOOKUP)
            kt_yield();
        else if (error != TN_OK && error != TN_PEER_GONE)
            EXPECT_ERROR(error, TN_PEER_GONE);
        kt_add(&t->count, 1);
    }
}

/* The endpoint is made and deleted again and again under the feet of callers and receivers on all harts. */
static void test_delete_storm(void)
{
    uint32_t ep = kt_slot();
    struct kt_thread *t[KT_HARTS_MAX];
    unsigned n = kt_harts < 8 ? kt_harts : 8;

    REQUIRE_OK(kt_retype(KT_UNTYPED, TN_ENDPOINT, 0, KT_ROOT, ep, 1));
    for (unsigned i = 0; i < n; i++) {
        t[i] = kt_thread_new(i, looper);
        t[i]->arg[0] = ep;
        t[i]->arg[1] = i % 2;
        t[i]->arg[2] = kt_object(TN_REPLY, 0);
        kt_thread_start(t[i]);
    }
    for (unsigned round = 0; round < STORM_ROUNDS; round++) {
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, ep));
        EXPECT_OK(kt_retype(KT_UNTYPED, TN_ENDPOINT, 0, KT_ROOT, ep, 1));
        kt_sleep_ticks(kt_ticks_ms(1) / 4);
    }
    for (unsigned i = 0; i < n; i++)
        t[i]->stop = 1;
    for (unsigned i = 0; i < n; i++)
        while (!kt_is_done(t[i])) { /* wake whoever waits for a partner that has ended */
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, ep));
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, t[i]->arg[2]));
            for (unsigned k = 0; k < n; k++)
                INV(KT_ROOT, TN_CNODE_DELETE, t[k]->arg[2]);
            kt_sleep_ticks(kt_ticks_ms(1));
        }
}

const struct kt_test gone_tests[] = {
    {"gone.endpoint_deleted", test_endpoint_deleted, 0},
    {"gone.endpoint_revoked", test_endpoint_revoked, 0},
    {"gone.many_waiters", test_many_waiters, 0},
    {"gone.endpoint_kept", test_endpoint_kept, 0},
    {"gone.reply_deleted", test_reply_deleted, 0},
    {"gone.caller_deleted", test_caller_deleted, 0},
    {"gone.waiter_deleted", test_waiter_deleted, 0},
    {"gone.receiver_deleted", test_receiver_deleted, 0},
    {"gone.suspended", test_suspended, 0},
    {"gone.parked_suspended", test_parked_suspended, 0},
    {"gone.delete_storm", test_delete_storm, 0},
    {NULL, NULL, 0},
};
