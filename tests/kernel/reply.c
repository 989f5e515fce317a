/* Reply objects: parked callers answered in any order, by any thread, once. */
#include "echo.h"

static void caller(struct kt_thread *t)
{
    t->result[0] = (uint64_t)kt_call1(t->arg[0], 1, t->arg[1], &t->result[1]);
}

static void two_calls(struct kt_thread *t)
{
    for (unsigned i = 0; i < 2; i++) {
        kt_add(&t->count, 1);
        EXPECT_OK(kt_call1(t->arg[0], 1, i, &t->result[i]));
    }
}

/* Callers of all harts are parked, each in its own Reply, and answered in random order. */
static void test_any_order(void)
{
    enum { CALLERS = 12 };
    uint64_t state = kt_test_seed;

    for (unsigned round = 0; round < 4; round++) {
        tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reply[CALLERS];
        struct kt_thread *t[CALLERS], *in_reply[CALLERS];
        for (unsigned i = 0; i < CALLERS; i++) {
            reply[i] = kt_object(TN_REPLY, 0);
            t[i] = kt_spawn(i % kt_harts, caller, ep, i);
        }
        for (unsigned i = 0; i < CALLERS; i++) {
            struct kt_msg m = {0};
            EXPECT_OK(kt_recv(ep, &m, reply[i]));
            REQUIRE(m.mr[0] < CALLERS);
            in_reply[i] = t[m.mr[0]];
        }
        for (unsigned left = CALLERS; left > 0; left--) {
            unsigned pick = kt_random(&state) % left;
            EXPECT(!kt_is_done(in_reply[pick]));
            EXPECT_OK(kt_reply1(reply[pick], 0, in_reply[pick]->arg[1] * 7));
            kt_join(in_reply[pick]);
            EXPECT_OK((int)in_reply[pick]->result[0]);
            EXPECT_EQ(in_reply[pick]->result[1], in_reply[pick]->arg[1] * 7);
            in_reply[pick] = in_reply[left - 1];
            reply[pick] = reply[left - 1];
        }
    }
}

/* A second reply goes nowhere: not to the caller's next call either. */
static void test_twice(void)
{
    for (unsigned hart = 0; hart < kt_harts && hart < 2; hart++) {
        kt_case(hart);
        tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0), other = kt_object(TN_REPLY, 0);
        struct kt_thread *t = kt_spawn(hart, two_calls, ep, 0);
        struct kt_msg m = {0};
        EXPECT_OK(kt_recv(ep, &m, reply));
        EXPECT_OK(kt_reply1(reply, 0, 11));
        kt_await_count(&t->count, 2);
        kt_settle(hart);
        kt_reply1(reply, 0, 22);
        EXPECT_OK(kt_recv(ep, &m, other));
        kt_reply1(reply, 0, 33);
        kt_settle(hart);
        EXPECT(!kt_is_done(t));
        EXPECT_OK(kt_reply1(other, 0, 44));
        kt_join(t);
        EXPECT_EQ(t->result[0], 11);
        EXPECT_EQ(t->result[1], 44);
    }
}

static void test_wrong_capabilities(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);

    EXPECT_ERROR(kt_reply1(ep, 0, 0), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(kt_reply1(KT_UNTYPED, 0, 0), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(kt_reply1(kt_slot(), 0, 0), TN_FAILED_LOOKUP);
    struct kt_msg m = {.info = tn_info(0, 0, 65)};
    EXPECT_REFUSED(kt_reply(&m, kt_object(TN_REPLY, 0)));
}

/* A Reply that holds a caller takes no second one: the receive is refused, the first caller is still answered. */
static void test_in_use(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0);
    struct kt_thread *first = kt_spawn(kt_main_hart, caller, ep, 1), *second;
    struct kt_msg m = {0};

    EXPECT_OK(kt_recv(ep, &m, reply));
    second = kt_spawn(kt_main_hart, caller, ep, 2);
    kt_settle(kt_main_hart);
    EXPECT_ERROR(kt_nb_recv(ep, &m, reply), TN_ILLEGAL_OPERATION);
    EXPECT_OK(kt_reply1(reply, 0, 5));
    kt_join(first);
    EXPECT_OK((int)first->result[0]);
    EXPECT_OK(kt_recv(ep, &m, reply));
    EXPECT_EQ(m.mr[0], 2);
    EXPECT_OK(kt_reply1(reply, 0, 6));
    kt_join(second);
    EXPECT_EQ(second->result[1], 6);
}

static void answerer(struct kt_thread *t)
{
    t->result[0] = (uint64_t)kt_reply1(t->arg[0], 0, t->arg[1]);
}

/* Whoever holds the Reply may answer, from any hart. */
static void test_other_thread(void)
{
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        kt_case(hart);
        tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0);
        struct kt_thread *c = kt_spawn((hart + 1) % kt_harts, caller, ep, 1);
        struct kt_msg m = {0};
        EXPECT_OK(kt_recv(ep, &m, reply));
        struct kt_thread *a = kt_spawn(hart, answerer, reply, 100 + hart);
        kt_join(a);
        EXPECT_OK((int)a->result[0]);
        kt_join(c);
        EXPECT_EQ(c->result[1], 100 + hart);
    }
}

/* The same, when all of them answer at once: the caller gets one answer and goes on once. */
static void test_race(void)
{
    for (unsigned round = 0; round < 30; round++) {
        tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0);
        struct kt_thread *c = kt_spawn(0, two_calls, ep, 1), *a[2];
        struct kt_msg m = {0};
        kt_case(round);
        EXPECT_OK(kt_recv(ep, &m, reply));
        for (unsigned i = 0; i < 2; i++)
            a[i] = kt_spawn(kt_harts - 1 - i, answerer, reply, 100 + i);
        for (unsigned i = 0; i < 2; i++)
            kt_join(a[i]);
        EXPECT_OK(kt_recv(ep, &m, reply));
        EXPECT_EQ(m.mr[0], 1);
        EXPECT_OK(kt_reply1(reply, 0, 9));
        kt_join(c);
        EXPECT(c->result[0] == 100 || c->result[0] == 101);
        EXPECT_EQ(c->result[1], 9);
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, kt_slot_untyped));
        kt_thread_begin();
    }
}

static void recv_only_server(struct kt_thread *t)
{
    struct kt_msg m = {0};

    for (unsigned i = 0; i < 3; i++) { /* no reply object: REPLY_RECV answers nobody */
        EXPECT_OK(kt_reply_recv(t->arg[0], &m, 0));
        EXPECT_EQ(m.mr[0], i);
    }
}

static void test_reply_recv_without_reply(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    struct kt_thread *t = kt_spawn(kt_main_hart, recv_only_server, ep, 0);

    for (unsigned i = 0; i < 3; i++) {
        struct kt_msg m = kt_msg1(1, i);
        EXPECT_OK(kt_send(ep, &m));
    }
    kt_join(t);
}

static void start_with_reply_recv(struct kt_thread *t)
{
    struct kt_msg m = {0};
    int error = kt_reply_recv(t->arg[0], &m, t->arg[1]);

    t->result[0] = (uint64_t)error;
    if (error == TN_OK)
        t->result[1] = (uint64_t)kt_reply1(t->arg[1], 0, m.mr[0] + 1);
}

/* REPLY_RECV with a Reply that holds nobody receives all the same, as in seL4. */
static void test_reply_recv_empty(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    struct kt_thread *t = kt_spawn(kt_main_hart, start_with_reply_recv, ep, kt_object(TN_REPLY, 0));

    kt_settle(kt_main_hart);
    EXPECT(!kt_is_done(t));
    uint64_t result = 0;
    EXPECT_OK(kt_call1(ep, 1, 8, &result));
    EXPECT_EQ(result, 9);
    kt_join(t);
    EXPECT_OK((int)t->result[0]);
    EXPECT_OK((int)t->result[1]);
}

/* One Reply capability copied: both name the one caller. */
static void test_copied(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0);
    uint32_t copy = kt_slot();

    if (INV(KT_ROOT, TN_CNODE_COPY, copy, reply, TN_RIGHTS_ALL) != TN_OK)
        kt_skip("Reply capabilities are not copied");
    struct kt_thread *c = kt_spawn(kt_main_hart, two_calls, ep, 0);
    struct kt_msg m = {0};
    EXPECT_OK(kt_recv(ep, &m, reply));
    EXPECT_OK(kt_reply1(copy, 0, 3));
    EXPECT_OK(kt_recv(ep, &m, copy));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, copy));
    EXPECT_OK(kt_reply1(reply, 0, 4));
    kt_join(c);
    EXPECT_EQ(c->result[0], 3);
    EXPECT_EQ(c->result[1], 4);
}

/* A chain of servers, each calling the next while its own client is parked. */
static void middle(struct kt_thread *t)
{
    struct kt_msg m = {0};

    EXPECT_OK(kt_recv(t->arg[0], &m, t->arg[1]));
    uint64_t word = m.mr[0] + 1;
    EXPECT_OK(kt_call1(t->arg[2], 1, word, &word));
    EXPECT_OK(kt_reply1(t->arg[1], 0, word * 2));
}

static void test_chain(void)
{
    enum { LENGTH = 10 };
    tn_cptr_t ep[LENGTH + 1];

    for (unsigned i = 0; i <= LENGTH; i++)
        ep[i] = kt_object(TN_ENDPOINT, 0);
    for (unsigned i = 0; i < LENGTH; i++) {
        struct kt_thread *t = kt_thread_new(i % kt_harts, middle);
        t->arg[0] = ep[i];
        t->arg[1] = kt_object(TN_REPLY, 0);
        t->arg[2] = ep[i + 1];
        kt_thread_start(t);
    }
    struct kt_thread *last = echo_spawn(kt_main_hart, ep[LENGTH]);
    uint64_t word = 0;
    EXPECT_OK(kt_call1(ep[0], 1, 100, &word));
    EXPECT_EQ(word, (100 + LENGTH + 1) << LENGTH);
    echo_stop(last);
}

const struct kt_test reply_tests[] = {
    {"reply.any_order", test_any_order, 0},
    {"reply.twice", test_twice, 0},
    {"reply.wrong_capabilities", test_wrong_capabilities, 0},
    {"reply.in_use", test_in_use, 0},
    {"reply.other_thread", test_other_thread, 0},
    {"reply.race", test_race, 3},
    {"reply.reply_recv_without_reply", test_reply_recv_without_reply, 0},
    {"reply.reply_recv_empty", test_reply_recv_empty, 0},
    {"reply.copied", test_copied, 0},
    {"reply.chain", test_chain, 0},
    {NULL, NULL, 0},
};
