/* Messages: every length, with and without an IPC buffer, on the fast path and on the slow one. */
#include "echo.h"

static uint64_t word_of(unsigned length, unsigned index)
{
    return (uint64_t)length << 32 | (index * 0x10001u + 7);
}

/* Calls `ep` with `words` words and checks that each came back increased by one. */
static void call_length(tn_cptr_t ep, unsigned words)
{
    struct tn_ipc_buffer *buffer = kt_buffer();
    struct kt_msg m = {.info = tn_info(words + 300, 0, words)};

    for (unsigned i = 0; i < words; i++) {
        if (i < TN_MSG_REG_WORDS)
            m.mr[i] = word_of(words, i);
        else
            buffer->msg[i] = word_of(words, i);
    }
    if (words < TN_MSG_WORDS_MAX && words >= TN_MSG_REG_WORDS)
        buffer->msg[words] = 0x5ca1ab1e; /* behind the message: nobody's business */
    EXPECT_OK(kt_call(ep, &m));
    EXPECT_EQ(m.info, tn_info(words + 301, 0, words));
    for (unsigned i = 0; i < words; i++)
        EXPECT_EQ(i < TN_MSG_REG_WORDS ? m.mr[i] : buffer->msg[i], word_of(words, i) + 1);
    if (words < TN_MSG_WORDS_MAX && words >= TN_MSG_REG_WORDS)
        EXPECT_EQ(buffer->msg[words], 0x5ca1ab1e);
}

static void all_lengths(unsigned hart)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    struct kt_thread *server = echo_spawn(hart, ep);

    for (unsigned words = 0; words <= TN_MSG_WORDS_MAX; words++) {
        kt_case(words);
        call_length(ep, words);
    }
    echo_stop(server);
}

static void test_lengths_same_hart(void)
{
    all_lengths(kt_main_hart);
}

static void test_lengths_cross_hart(void)
{
    all_lengths((kt_main_hart + 1) % kt_harts);
}

static void long_sender(struct kt_thread *t)
{
    for (unsigned words = 0; words <= TN_MSG_WORDS_MAX; words++) {
        struct kt_msg m = {.info = tn_info(words, 0, words)};
        for (unsigned i = 0; i < words; i++) {
            if (i < TN_MSG_REG_WORDS)
                m.mr[i] = word_of(words, i);
            else
                t->buffer->msg[i] = word_of(words, i);
        }
        EXPECT_OK(kt_send(t->arg[0], &m));
    }
}

/* Send, received by the main thread: sender first and receiver first occur, as the harts go. */
static void test_send_lengths(void)
{
    for (unsigned hart = 0; hart < kt_harts && hart < 2; hart++) {
        tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
        struct kt_thread *t = kt_spawn(hart, long_sender, ep, 0);
        for (unsigned words = 0; words <= TN_MSG_WORDS_MAX; words++) {
            struct kt_msg m = {0};
            kt_case(words);
            EXPECT_OK(kt_recv(ep, &m, 0));
            EXPECT_EQ(m.info, tn_info(words, 0, words));
            for (unsigned i = 0; i < words; i++)
                EXPECT_EQ(i < TN_MSG_REG_WORDS ? m.mr[i] : kt_buffer()->msg[i], word_of(words, i));
        }
        kt_join(t);
    }
}

static void test_too_long(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    struct kt_thread *server = echo_spawn(kt_main_hart, ep);

    for (unsigned words = TN_MSG_WORDS_MAX + 1; words < 128; words++) {
        kt_case(words);
        struct kt_msg m = {.info = tn_info(5, 0, words)};
        EXPECT_ERROR(kt_call(ep, &m), TN_TRUNCATED_MESSAGE);
        m = (struct kt_msg){.info = tn_info(5, 0, words)};
        EXPECT_ERROR(kt_send(ep, &m), TN_TRUNCATED_MESSAGE);
    }
    EXPECT_EQ(server->count, 0); /* nothing reached it */
    call_length(ep, 64);
    echo_stop(server);
}

static void short_buffer_client(struct kt_thread *t)
{
    for (unsigned words = 0; words <= 6; words++) {
        struct kt_msg m = {.info = tn_info(1, 0, words), .mr = {words, 2, 3, 4}};
        int error = kt_call(t->arg[0], &m);
        EXPECT_ERROR(error, words <= TN_MSG_REG_WORDS ? TN_OK : TN_TRUNCATED_MESSAGE);
        if (error == TN_OK && words > 0)
            EXPECT_EQ(m.mr[0], words + 1);
    }
    struct kt_msg m = {.info = tn_info(1, 1, 1)};
    EXPECT_ERROR(kt_call(t->arg[0], &m), TN_TRUNCATED_MESSAGE); /* a capability needs a buffer as well */
}

static void test_no_buffer_sender(void)
{
    for (unsigned hart = 0; hart < kt_harts && hart < 2; hart++) {
        tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
        struct kt_thread *server = echo_spawn(kt_main_hart, ep);
        struct kt_thread *t = kt_thread_new(hart, short_buffer_client);
        t->arg[0] = ep;
        EXPECT_OK(INV(t->tcb, TN_TCB_SET_BUFFER, 0, 0, 0));
        kt_thread_start(t);
        kt_join(t);
        EXPECT_EQ(server->count, 5);
        echo_stop(server);
    }
}

static void recv_one(struct kt_thread *t)
{
    struct kt_msg m = {0};

    t->result[0] = (uint64_t)kt_recv(t->arg[0], &m, 0);
    t->result[1] = m.info;
    t->result[2] = m.mr[0];
    t->result[3] = m.mr[3];
}

/* A receiver without a buffer gets the four words that fit, as in seL4, or the sender is told; never more. */
static void test_no_buffer_receiver(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    struct kt_thread *t = kt_thread_new(kt_main_hart, recv_one);

    t->arg[0] = ep;
    EXPECT_OK(INV(t->tcb, TN_TCB_SET_BUFFER, 0, 0, 0));
    kt_thread_start(t);
    kt_settle(kt_main_hart);
    struct kt_msg m = {.info = tn_info(9, 0, 10), .mr = {1, 2, 3, 4}};
    int error = kt_send(ep, &m);
    if (error != TN_OK) {
        EXPECT_ERROR(error, TN_TRUNCATED_MESSAGE);
        m = (struct kt_msg){.info = tn_info(9, 0, 4), .mr = {1, 2, 3, 4}};
        EXPECT_OK(kt_send(ep, &m));
    }
    kt_join(t);
    EXPECT_OK((int)t->result[0]);
    EXPECT_EQ(t->result[1], tn_info(9, 0, 4));
    EXPECT_EQ(t->result[2], 1);
    EXPECT_EQ(t->result[3], 4);
}

/* The buffer may be any page of a Frame, and is not where anybody maps it. */
static void test_buffer_in_large_frame(void)
{
    tn_cptr_t frame = kt_object(TN_FRAME, 16), ep = kt_object(TN_ENDPOINT, 0);
    struct kt_thread *server = kt_thread_new(kt_main_hart, echo_main);

    server->arg[0] = ep;
    server->arg[1] = kt_object(TN_REPLY, 0);
    server->buffer = kt_map(frame, 13, 1, TN_READ | TN_WRITE);
    EXPECT_OK(INV(server->tcb, TN_TCB_SET_BUFFER, frame, 13, 1));
    kt_thread_start(server);
    for (unsigned words = 0; words <= TN_MSG_WORDS_MAX; words += 16)
        call_length(ep, words);
    EXPECT_EQ(server->buffer->msg[40], word_of(64, 40) + 1);
    echo_stop(server);
}

static void test_buffer_errors(void)
{
    tn_cptr_t frame = kt_object(TN_FRAME, 14), tcb = kt_object(TN_TCB, 0), ep = kt_object(TN_ENDPOINT, 0);

    EXPECT_OK(INV(tcb, TN_TCB_SET_BUFFER, frame, 0, 4));
    EXPECT_OK(INV(tcb, TN_TCB_SET_BUFFER, frame, 3, 1));
    EXPECT_ERROR(INV(tcb, TN_TCB_SET_BUFFER, frame, 4, 1), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(tcb, TN_TCB_SET_BUFFER, frame, 1, 4), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(tcb, TN_TCB_SET_BUFFER, frame, ~0ull, 2), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(tcb, TN_TCB_SET_BUFFER, frame, 2, ~0ull), TN_RANGE_ERROR);
    EXPECT_REFUSED(INV(tcb, TN_TCB_SET_BUFFER, frame, 0, 0));
    EXPECT_ERROR(INV(tcb, TN_TCB_SET_BUFFER, ep, 0, 1), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(INV(tcb, TN_TCB_SET_BUFFER, kt_slot(), 0, 1), TN_FAILED_LOOKUP);
    EXPECT_ERROR(INV(tcb, TN_TCB_SET_BUFFER, kt_copy(frame, TN_READ), 0, 1), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(INV(tcb, TN_TCB_SET_BUFFER, kt_copy(frame, TN_WRITE), 0, 1), TN_INVALID_CAPABILITY);
    EXPECT_OK(INV(tcb, TN_TCB_SET_BUFFER, 0, 0, 0));
}

/* The Frame of a buffer is deleted while its thread uses it: messages of four words still pass. */
static void test_buffer_deleted(void)
{
    tn_cptr_t frame = kt_object(TN_FRAME, 12), ep = kt_object(TN_ENDPOINT, 0);
    struct kt_thread *server = kt_thread_new(kt_main_hart, echo_main);

    server->arg[0] = ep;
    server->arg[1] = kt_object(TN_REPLY, 0);
    EXPECT_OK(INV(server->tcb, TN_TCB_SET_BUFFER, frame, 0, 1));
    kt_thread_start(server);
    call_length(ep, 4);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, frame));
    call_length(ep, 4);
    call_length(ep, 0);
    echo_stop(server);
}

#define HASTY_ROUNDS 4000
#define HASTY_WORD 0xbadbadull

/* Answers whoever stands in a Reply object that it shares with the receiver, all the time. */
static void hasty(struct kt_thread *t)
{
    while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED)) {
        struct kt_msg m = {.info = tn_info(7, 0, TN_MSG_WORDS_MAX)};
        for (unsigned i = 0; i < TN_MSG_WORDS_MAX; i++)
            *(i < TN_MSG_REG_WORDS ? &m.mr[i] : &kt_buffer()->msg[i]) = HASTY_WORD;
        EXPECT_OK(kt_reply(&m, t->arg[0]));
    }
}

static void asks_at_length(struct kt_thread *t)
{
    for (uint64_t round = 0; round < HASTY_ROUNDS; round++) {
        struct kt_msg m = {.info = tn_info(1, 0, t->arg[1])};
        for (unsigned i = 0; i < t->arg[1]; i++)
            *(i < TN_MSG_REG_WORDS ? &m.mr[i] : &kt_buffer()->msg[i]) = round;
        if (!EXPECT_OK(kt_call(t->arg[0], &m)))
            return;
    }
}

/* The caller is answered by another hart as soon as it stands in the Reply object, while its message is on its way: what the
 * receiver gets is the message, and nothing of the answer. */
static void hasty_answers(unsigned client_hart, unsigned hasty_hart, unsigned words)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0);
    struct kt_thread *answerer = kt_spawn(hasty_hart, hasty, reply, 0);
    struct kt_thread *client = kt_spawn(client_hart, asks_at_length, ep, words);
    struct kt_msg m = {.info = 0};

    for (uint64_t round = 0; round < HASTY_ROUNDS; round++) {
        REQUIRE_OK(round == 0 ? kt_recv(ep, &m, reply) : kt_reply_recv(ep, &m, reply));
        REQUIRE_EQ(m.info, tn_info(1, 0, words));
        for (unsigned i = 0; i < words; i++)
            REQUIRE_EQ(i < TN_MSG_REG_WORDS ? m.mr[i] : kt_buffer()->msg[i], round);
        m.info = 0;
    }
    EXPECT_OK(kt_reply(&m, reply));
    kt_join(client);
    answerer->stop = 1;
    kt_join(answerer);
}

static void test_hasty_answer(void)
{
    for (unsigned words = 2; words <= TN_MSG_WORDS_MAX; words += TN_MSG_WORDS_MAX - 2)
        for (unsigned hart = 0; hart + 1 < kt_harts && hart < 2; hart++) {
            kt_case(words << 8 | hart);
            hasty_answers((kt_main_hart + hart) % kt_harts, (kt_main_hart + kt_harts - 1) % kt_harts, words);
        }
}

const struct kt_test message_tests[] = {
    {"message.hasty_answer", test_hasty_answer, 2},
    {"message.lengths_same_hart", test_lengths_same_hart, 0},
    {"message.lengths_cross_hart", test_lengths_cross_hart, 2},
    {"message.send_lengths", test_send_lengths, 0},
    {"message.too_long", test_too_long, 0},
    {"message.no_buffer_sender", test_no_buffer_sender, 0},
    {"message.no_buffer_receiver", test_no_buffer_receiver, 0},
    {"message.buffer_in_large_frame", test_buffer_in_large_frame, 0},
    {"message.buffer_errors", test_buffer_errors, 0},
    {"message.buffer_deleted", test_buffer_deleted, 0},
    {NULL, NULL, 0},
};
