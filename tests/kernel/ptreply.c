/* PT_REPLY_RECV: a batch that rides on the reply, accepted and refused. */
#include "kt.h"

static int pt_reply_recv(tn_cptr_t ep, struct kt_msg *m, tn_cptr_t reply)
{
    m->badge = ep;
    kt_ecall(TN_SYS_PT_REPLY_RECV, m, reply);
    return kt_error(m);
}

/* Page faults of one probe served one after the other, each with a single kernel entry. */
static void serve_faults(unsigned hart)
{
    struct kt_space s;
    struct kt_probe p;
    tn_cptr_t frame = kt_object(TN_FRAME, 18);

    kt_space_new(&s);
    kt_probe_new(&p, &s, hart);
    for (unsigned i = 0; i < 64; i++) {
        unsigned index = 100 + i * 5;
        kt_case(i);
        kt_probe_start(&p, KT_STORE, KT_VA(index) + 8 * i, 1000 + i);
        REQUIRE_OK(kt_recv(p.ep, &p.msg, p.reply));
        EXPECT_EQ(tn_info_label(p.msg.info), TN_FAULT_VM);
        EXPECT_EQ(p.msg.mr[1], KT_VA(index) + 8 * i);
        kt_batch_clear();
        kt_batch_add(s.table[0], TN_PT_MAP, index, 1, frame, i, TN_READ | TN_WRITE);
        struct kt_msg m = {.info = tn_info(0, 0, 0)};
        REQUIRE_OK(
            pt_reply_recv(p.ep, &m, p.reply)); /* the next message is the probe's answer: the store went through */
        EXPECT_EQ(tn_info_label(m.info), KT_PROBE_LABEL);
        EXPECT_EQ(*(uint64_t *)kt_map(frame, i, 1, TN_READ), i == 0 ? 1000 : 0);
        EXPECT(kt_probe_loads(&p, KT_VA(index) + 8 * i, 1000 + i));
    }
}

static void test_same_hart(void)
{
    serve_faults(kt_main_hart);
}

static void test_cross_hart(void)
{
    serve_faults((kt_main_hart + 1) % kt_harts);
}

/* A refused batch: the error, no reply, no receive; the caller is still there to be answered otherwise. */
static void test_refused(void)
{
    struct kt_space s;
    struct kt_probe p;
    tn_cptr_t frame = kt_object(TN_FRAME, 12);

    kt_space_new(&s);
    kt_probe_new(&p, &s, kt_main_hart);
    const volatile uint64_t *view = kt_view(s.table[0]);
    kt_probe_start(&p, KT_LOAD, KT_VA(KT_DATA_INDEX), 0);
    REQUIRE_OK(kt_recv(p.ep, &p.msg, p.reply));
    kt_batch_clear();
    kt_batch_add(s.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame, 0, TN_READ);
    kt_batch_add(s.table[0], TN_PT_MAP, 511, 2, frame, 0, TN_READ);
    struct kt_msg m = {0};
    EXPECT_ERROR(pt_reply_recv(p.ep, &m, p.reply), TN_RANGE_ERROR);
    EXPECT_EQ(kt_batch()->failed_run, 1);
    EXPECT_EQ(view[KT_DATA_INDEX], 0);
    kt_settle(kt_main_hart);
    EXPECT_ERROR(kt_nb_recv(p.ep, &m, 0), TN_WOULD_BLOCK); /* it has not been resumed */
    kt_batch()->runs = 1;
    m = (struct kt_msg){0};
    EXPECT_OK(pt_reply_recv(p.ep, &m, p.reply));
    EXPECT_EQ(tn_info_label(m.info), KT_PROBE_LABEL);
    EXPECT_EQ(m.mr[0], 0);
}

/* Each error of a batch, by this way in. */
static void test_refused_kinds(void)
{
    tn_cptr_t table = kt_object(TN_PAGETABLE, 0), frame = kt_object(TN_FRAME, 12), ep = kt_object(TN_ENDPOINT, 0);
    static const int expected[] = {TN_FAILED_LOOKUP, TN_INVALID_CAPABILITY, TN_INVALID_ARGUMENT, TN_TRUNCATED_MESSAGE};

    for (unsigned k = 0; k < 4; k++) {
        struct kt_msg m = {0};
        kt_case(k);
        kt_batch_clear();
        kt_batch_add(k == 0 ? 0 : k == 1 ? frame : table, TN_PT_MAP, 0, k == 2 ? 0 : 1, frame, 0, TN_READ);
        if (k == 3)
            kt_batch()->runs = TN_PT_RUNS_MAX + 1;
        EXPECT_ERROR(pt_reply_recv(ep, &m, 0), expected[k]);
    }
}

static void send_one(struct kt_thread *t)
{
    struct kt_msg m = kt_msg1(3, 33);

    EXPECT_OK(kt_send(t->arg[0], &m));
}

/* No reply object, or an empty batch: it is then a PT_WRITE and a receive. */
static void test_without_reply(void)
{
    tn_cptr_t table = kt_object(TN_PAGETABLE, 0), frame = kt_object(TN_FRAME, 12), ep = kt_object(TN_ENDPOINT, 0);
    struct kt_msg m = {0};

    struct kt_thread *t = kt_spawn(kt_main_hart, send_one, ep, 0);
    kt_batch_clear();
    kt_batch_add(table, TN_PT_MAP, 9, 1, frame, 0, TN_READ);
    EXPECT_OK(pt_reply_recv(ep, &m, 0));
    EXPECT_EQ(m.mr[0], 33);
    EXPECT(kt_view(table)[9] != 0);
    kt_join(t);
    t = kt_spawn(kt_main_hart, send_one, ep, 0);
    kt_batch_clear();
    m = (struct kt_msg){0};
    EXPECT_OK(pt_reply_recv(ep, &m, 0));
    EXPECT_EQ(m.mr[0], 33);
    kt_join(t);
}

static void call_words(struct kt_thread *t)
{
    struct kt_msg m = {.info = tn_info(2, 0, 20), .mr = {1, 2, 3, 4}};

    for (unsigned i = 4; i < 20; i++)
        t->buffer->msg[i] = i;
    EXPECT_OK(kt_call(t->arg[0], &m));
    EXPECT_EQ(m.info, tn_info(9, 0, 30));
    EXPECT_EQ(m.mr[3], 103);
    for (unsigned i = 4; i < 30; i++)
        EXPECT_EQ(t->buffer->msg[i], 100 + i);
}

/* A long reply beside the batch: the two parts of the buffer do not disturb each other. */
static void test_long_reply(void)
{
    tn_cptr_t table = kt_object(TN_PAGETABLE, 0), frame = kt_object(TN_FRAME, 12), ep = kt_object(TN_ENDPOINT, 0);
    tn_cptr_t reply = kt_object(TN_REPLY, 0);
    struct kt_thread *t = kt_spawn(kt_main_hart, call_words, ep, 0);
    struct kt_msg m = {0};

    EXPECT_OK(kt_recv(ep, &m, reply));
    EXPECT_EQ(kt_buffer()->msg[19], 19);
    kt_batch_clear();
    struct tn_pt_run *r = kt_batch_add(table, TN_PT_MAP, 0, 4, frame, 0, TN_READ);
    r->count = 1;
    r->flags = TN_PT_OLD;
    r->out = 40;
    kt_batch_words()[40] = 5;
    m = (struct kt_msg){.info = tn_info(9, 0, 30), .mr = {100, 101, 102, 103}};
    for (unsigned i = 4; i < 30; i++)
        kt_buffer()->msg[i] = 100 + i;
    struct kt_thread *next = kt_spawn(kt_main_hart, send_one, ep, 0);
    EXPECT_OK(pt_reply_recv(ep, &m, reply));
    EXPECT_EQ(kt_batch_words()[40], 0);
    EXPECT_EQ(m.mr[0], 33);
    kt_join(t);
    kt_join(next);
}

const struct kt_test ptreply_tests[] = {
    {"ptreply.same_hart", test_same_hart, 0},
    {"ptreply.cross_hart", test_cross_hart, 2},
    {"ptreply.refused", test_refused, 0},
    {"ptreply.refused_kinds", test_refused_kinds, 0},
    {"ptreply.without_reply", test_without_reply, 0},
    {"ptreply.long_reply", test_long_reply, 0},
    {NULL, NULL, 0},
};
