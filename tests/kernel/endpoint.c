/* Endpoints: every form of sending and receiving, order of waiters, rights, badges, the error bit. */
#include "echo.h"

static unsigned other_hart(void)
{
    return (kt_main_hart + 1) % kt_harts;
}

static void echo_round(unsigned hart)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), badged = kt_mint(ep, TN_WRITE, 0xbad6e);
    struct kt_thread *server = echo_spawn(hart, ep);

    for (uint64_t i = 0; i < 300; i++) {
        unsigned words = i % 5;
        struct kt_msg m = {.info = tn_info(i + 1000, 0, words), .mr = {i, i + 1, i + 2, i + 3}};
        EXPECT_OK(kt_call(badged, &m));
        EXPECT_EQ(m.info, tn_info(i + 1001, 0, words));
        for (unsigned k = 0; k < words; k++)
            EXPECT_EQ(m.mr[k], i + k + 1);
    }
    uint64_t badge = 0;
    EXPECT_OK(kt_call1(badged, ECHO_BADGE, 0, &badge));
    EXPECT_EQ(badge, 0xbad6e);
    EXPECT_OK(kt_call1(ep, ECHO_BADGE, 5, &badge));
    EXPECT_EQ(badge, 0);
    echo_stop(server);
}

static void test_call_same_hart(void)
{
    echo_round(kt_main_hart);
}

static void test_call_cross_hart(void)
{
    echo_round(other_hart());
}

static void caller(struct kt_thread *t)
{
    for (uint64_t i = 0; i < 100; i++) {
        uint64_t result = 0;
        EXPECT_OK(kt_call1(t->arg[0], 1, i * 3, &result));
        EXPECT_EQ(result, i * 3 + 1);
    }
}

/* Client and server on one hart, in each order of priority: the fast path and the cases it must leave to the slow one. */
static void test_call_priorities(void)
{
    static const unsigned prio[][2] = {{10, 10}, {10, 12}, {12, 10}};

    for (unsigned i = 0; i < 3; i++) {
        for (unsigned hart = 0; hart < kt_harts && hart < 2; hart++) {
            kt_case(i << 8 | hart);
            tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
            struct kt_thread *server = kt_thread_new_prio(hart, prio[i][0], echo_main);
            struct kt_thread *client = kt_thread_new_prio(hart, prio[i][1], caller);
            server->arg[0] = client->arg[0] = ep;
            server->arg[1] = kt_object(TN_REPLY, 0);
            kt_thread_start(client); /* it may have to wait for the server */
            kt_thread_start(server);
            kt_join(client);
            echo_stop(server);
        }
    }
}

static void send_once(struct kt_thread *t)
{
    struct kt_msg m = {.info = tn_info(t->arg[1], 0, 2), .mr = {t->arg[1] * 2, t->arg[1] * 5}};

    t->result[0] = (uint64_t)kt_send(t->arg[0], &m);
}

static void recv_once(struct kt_thread *t)
{
    struct kt_msg m = {0};

    t->result[0] = (uint64_t)kt_recv(t->arg[0], &m, t->arg[2]);
    t->result[1] = tn_info_label(m.info);
    t->result[2] = m.mr[0];
    t->result[3] = m.badge;
}

static void check_word(tn_cptr_t ep, uint64_t label)
{
    struct kt_msg m = {0};

    EXPECT_OK(kt_recv(ep, &m, 0));
    EXPECT_EQ(m.info, tn_info(label, 0, 2));
    EXPECT_EQ(m.mr[0], label * 2);
    EXPECT_EQ(m.mr[1], label * 5);
}

/* The sender waits until it is received from. */
static void test_send_blocks(void)
{
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        kt_case(hart);
        tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
        struct kt_thread *t = kt_spawn(hart, send_once, ep, 40 + hart);
        kt_settle(hart);
        EXPECT(!kt_is_done(t));
        check_word(ep, 40 + hart);
        kt_join(t);
        EXPECT_OK((int)t->result[0]);
    }
}

/* The receiver waits until it is sent to; Send to a waiting receiver does not wait for anything else. */
static void test_recv_blocks(void)
{
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        kt_case(hart);
        tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), badged = kt_mint(ep, TN_WRITE, 77);
        struct kt_thread *t = kt_spawn(hart, recv_once, ep, 0);
        kt_settle(hart);
        EXPECT(!kt_is_done(t));
        struct kt_msg m = kt_msg1(9, 1234);
        EXPECT_OK(kt_send(badged, &m));
        kt_join(t);
        EXPECT_OK((int)t->result[0]);
        EXPECT_EQ(t->result[1], 9);
        EXPECT_EQ(t->result[2], 1234);
        EXPECT_EQ(t->result[3], 77);
    }
}

static void test_nb_send(void)
{
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        kt_case(hart);
        tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
        struct kt_msg m = kt_msg1(3, 33);
        EXPECT_OK(kt_nb_send(ep, &m)); /* nobody there: dropped */
        EXPECT_ERROR(kt_nb_recv(ep, &m, 0), TN_WOULD_BLOCK);
        struct kt_thread *t = kt_spawn(hart, recv_once, ep, 0);
        kt_settle(hart);
        EXPECT(!kt_is_done(t)); /* the dropped one did not come back */
        m = kt_msg1(4, 44);
        EXPECT_OK(kt_nb_send(ep, &m));
        kt_join(t);
        EXPECT_EQ(t->result[1], 4);
        EXPECT_EQ(t->result[2], 44);
    }
}

static void test_nb_recv(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    struct kt_msg m = {0};

    EXPECT_ERROR(kt_nb_recv(ep, &m, 0), TN_WOULD_BLOCK);
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        struct kt_thread *t = kt_spawn(hart, send_once, ep, 5 + hart);
        kt_settle(hart);
        EXPECT_OK(kt_nb_recv(ep, &m, 0));
        EXPECT_EQ(m.mr[0], (5 + hart) * 2);
        EXPECT_ERROR(kt_nb_recv(ep, &m, 0), TN_WOULD_BLOCK);
        kt_join(t);
    }
}

static void call_once(struct kt_thread *t)
{
    t->result[0] = (uint64_t)kt_call1(t->arg[0], t->arg[1], t->arg[1] + 100, &t->result[1]);
}

static void test_nb_recv_call(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0);
    struct kt_thread *t = kt_spawn(other_hart(), call_once, ep, 6);
    struct kt_msg m = {0};

    kt_settle(other_hart());
    EXPECT_OK(kt_nb_recv(ep, &m, reply));
    EXPECT_EQ(m.mr[0], 106);
    EXPECT(!kt_is_done(t));
    EXPECT_OK(kt_reply1(reply, 0, 99));
    kt_join(t);
    EXPECT_OK((int)t->result[0]);
    EXPECT_EQ(t->result[1], 99);
}

/* Senders are received from in the order in which they came, whatever hart they are on. */
static void test_sender_order(void)
{
    enum { SENDERS = 12 };
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0);
    struct kt_thread *t[SENDERS];

    for (unsigned i = 0; i < SENDERS; i++) {
        t[i] = kt_spawn(i % kt_harts, i % 3 ? send_once : call_once, ep, 1 + i);
        kt_settle(i % kt_harts);
    }
    for (unsigned i = 0; i < SENDERS; i++) {
        struct kt_msg m = {0};
        kt_case(i);
        EXPECT_OK(kt_recv(ep, &m, reply));
        EXPECT_EQ(tn_info_label(m.info), 1 + i);
        if (i % 3 == 0)
            EXPECT_OK(kt_reply1(reply, 0, 0));
        kt_join(t[i]);
    }
}

static void test_receiver_order(void)
{
    enum { RECEIVERS = 8 };
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    struct kt_thread *t[RECEIVERS];

    for (unsigned i = 0; i < RECEIVERS; i++) {
        t[i] = kt_spawn(i % kt_harts, recv_once, ep, 0);
        kt_settle(i % kt_harts);
    }
    for (unsigned i = 0; i < RECEIVERS; i++) {
        struct kt_msg m = kt_msg1(i + 1, i);
        EXPECT_OK(kt_send(ep, &m));
    }
    for (unsigned i = 0; i < RECEIVERS; i++) {
        kt_case(i);
        kt_join(t[i]);
        EXPECT_EQ(t[i]->result[1], i + 1);
    }
}

static void test_rights(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reader = kt_copy(ep, TN_READ), writer = kt_copy(ep, TN_WRITE);
    struct kt_msg m = kt_msg1(1, 1);

    EXPECT_ERROR(kt_send(reader, &m), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(kt_nb_send(reader, &m), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(kt_call(reader, &m), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(kt_recv(writer, &m, 0), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(kt_nb_recv(writer, &m, 0), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(kt_reply_recv(writer, &m, 0), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(kt_send(0, &m), TN_FAILED_LOOKUP);
    EXPECT_ERROR(kt_call(kt_slot(), &m), TN_FAILED_LOOKUP);
    EXPECT_ERROR(kt_recv(kt_slot(), &m, 0), TN_FAILED_LOOKUP);
    EXPECT_REFUSED(kt_recv(ep, &m, kt_slot()));                  /* a Reply capability that is not there */
    EXPECT_ERROR(kt_nb_recv(ep, &m, ep), TN_INVALID_CAPABILITY); /* or not a Reply */
    struct kt_thread *server = echo_spawn(kt_main_hart, ep);
    uint64_t result;
    EXPECT_OK(kt_call1(writer, 1, 41, &result)); /* WRITE is all a Call needs */
    EXPECT_EQ(result, 42);
    echo_stop(server);
}

/* A receiver without a Reply object: a caller is refused and the receiver gets the next plain message. */
static void test_call_without_reply_object(void)
{
    for (unsigned hart = 0; hart < kt_harts && hart < 2; hart++) {
        kt_case(hart);
        tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
        struct kt_thread *receiver = kt_spawn(hart, recv_once, ep, 0);
        kt_settle(hart);
        struct kt_thread *c = kt_spawn(hart, call_once, ep, 5);
        kt_join(c);
        EXPECT_REFUSED((int)c->result[0]);
        EXPECT(!kt_is_done(receiver));
        struct kt_msg m = kt_msg1(8, 88);
        EXPECT_OK(kt_send(ep, &m));
        kt_join(receiver);
        EXPECT_OK((int)receiver->result[0]);
        EXPECT_EQ(receiver->result[2], 88);
    }
}

/* The same, but the caller was there first. */
static void test_queued_call_without_reply_object(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    struct kt_thread *c = kt_spawn(kt_main_hart, call_once, ep, 5);
    kt_settle(kt_main_hart);
    struct kt_thread *s = kt_spawn(kt_main_hart, send_once, ep, 6);
    kt_settle(kt_main_hart);
    struct kt_msg m = {0};

    EXPECT_OK(kt_recv(ep, &m, 0));
    EXPECT_EQ(tn_info_label(m.info), 6);
    kt_join(c);
    EXPECT_REFUSED((int)c->result[0]);
    kt_join(s);
}

static void forge_sender(struct kt_thread *t)
{
    struct kt_msg m = {.info = TN_INFO_ERROR | tn_info(TN_PEER_GONE, 0, 1), .mr = {4}};

    kt_nb_send(t->arg[0], &m);
    m = (struct kt_msg){.info = TN_INFO_ERROR | tn_info(TN_PEER_GONE, 0, 1), .mr = {5}};
    kt_call(t->arg[0], &m);
    /* If it was refused, that is as good: tell the receiver. */
    m = kt_msg1(TN_PEER_GONE, 5);
    kt_call(t->arg[0], &m);
}

/* Nobody can pretend to be the kernel. */
static void test_error_bit(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0);
    struct kt_msg m = {0};

    kt_spawn(kt_main_hart, forge_sender, ep, 0);
    struct kt_thread *c = kt_spawn(kt_main_hart, call_once, ep, 6);
    for (;;) {
        if (!EXPECT_OK(kt_recv(ep, &m, reply)))
            return;
        EXPECT(!tn_info_is_error(m.info));
        if (tn_info_label(m.info) == 6)
            break;
        if (m.mr[0] == 5) /* a call; 4: the non-blocking send */
            EXPECT_OK(kt_reply1(reply, 0, 0));
    }
    m = (struct kt_msg){.info = TN_INFO_ERROR | tn_info(TN_PEER_GONE, 0, 1), .mr = {77}};
    if (kt_reply(&m, reply) != TN_OK)
        EXPECT_OK(kt_reply1(reply, 0, 77));
    kt_join(c);
    EXPECT_OK((int)c->result[0]);
    EXPECT_EQ(c->result[1], 77);
}

static void test_wide_label(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    struct kt_thread *server = echo_spawn(kt_main_hart, ep);

    for (unsigned bit = 8; bit < 51; bit++) {
        kt_case(bit);
        struct kt_msg m = {.info = tn_info(1ull << bit, 0, 0)};
        EXPECT_OK(kt_call(ep, &m));
        EXPECT_EQ(tn_info_label(m.info), (1ull << bit) + 1);
    }
    echo_stop(server);
}

const struct kt_test endpoint_tests[] = {
    {"endpoint.call_same_hart", test_call_same_hart, 0},
    {"endpoint.call_cross_hart", test_call_cross_hart, 2},
    {"endpoint.call_priorities", test_call_priorities, 0},
    {"endpoint.send_blocks", test_send_blocks, 0},
    {"endpoint.recv_blocks", test_recv_blocks, 0},
    {"endpoint.nb_send", test_nb_send, 0},
    {"endpoint.nb_recv", test_nb_recv, 0},
    {"endpoint.nb_recv_call", test_nb_recv_call, 0},
    {"endpoint.sender_order", test_sender_order, 0},
    {"endpoint.receiver_order", test_receiver_order, 0},
    {"endpoint.rights", test_rights, 0},
    {"endpoint.call_without_reply_object", test_call_without_reply_object, 0},
    {"endpoint.queued_call_without_reply_object", test_queued_call_without_reply_object, 0},
    {"endpoint.error_bit", test_error_bit, 0},
    {"endpoint.wide_label", test_wide_label, 0},
    {NULL, NULL, 0},
};
