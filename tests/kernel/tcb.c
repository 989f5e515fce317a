/* TCB operations: spaces, priority, registers, affinity, badge; every refusal. Life and death: tcb_life.c. */
#include "kt.h"

static void test_set_space_errors(void)
{
    tn_cptr_t tcb = kt_object(TN_TCB, 0), ep = kt_object(TN_ENDPOINT, 0), vspace = kt_space_with_root();
    uint32_t empty = kt_slot();

    EXPECT_ERROR(INV(tcb, TN_TCB_SET_SPACE, empty, vspace, ep), TN_FAILED_LOOKUP);
    EXPECT_ERROR(INV(tcb, TN_TCB_SET_SPACE, KT_ROOT, empty, ep), TN_FAILED_LOOKUP);
    EXPECT_ERROR(INV(tcb, TN_TCB_SET_SPACE, KT_ROOT, vspace, empty), TN_FAILED_LOOKUP);
    struct kt_msg m = INVM(tcb, TN_TCB_SET_SPACE, vspace, vspace, ep);
    EXPECT_ERROR(kt_error(&m), TN_INVALID_CAPABILITY);
    EXPECT_EQ(m.mr[0], 1);
    m = INVM(tcb, TN_TCB_SET_SPACE, KT_ROOT, ep, ep);
    EXPECT_ERROR(kt_error(&m), TN_INVALID_CAPABILITY);
    EXPECT_EQ(m.mr[0], 2);
    m = INVM(tcb, TN_TCB_SET_SPACE, KT_ROOT, vspace, vspace);
    EXPECT_ERROR(kt_error(&m), TN_INVALID_CAPABILITY);
    EXPECT_EQ(m.mr[0], 3);
    EXPECT_ERROR(INV(tcb, TN_TCB_SET_SPACE, KT_ROOT, vspace), TN_TRUNCATED_MESSAGE);
    EXPECT_OK(INV(tcb, TN_TCB_SET_SPACE, KT_ROOT, vspace, ep));
    EXPECT_OK(INV(tcb, TN_TCB_SET_SPACE, KT_ROOT, vspace, kt_object(TN_GATE, kt_gate_bits())));
    EXPECT_OK(INV(tcb, TN_TCB_SET_SPACE, KT_ROOT, vspace, 0));
}

static void look_up(struct kt_thread *t)
{
    struct kt_msg m = {0};

    t->result[0] = (uint64_t)kt_nb_recv(t->arg[0], &m, 0);
    kt_add(&t->count, 1);
    for (;;)
        kt_yield();
}

/* 0 for a space is refused, or means none: then every capability pointer fails, and every access faults. */
static void test_null_spaces(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    struct kt_thread *t = kt_thread_new(kt_main_hart, look_up);

    t->arg[0] = ep;
    if (INV(t->tcb, TN_TCB_SET_SPACE, 0, TN_INIT_VSPACE, ep) == TN_OK) {
        kt_thread_start(t);
        kt_await_count(&t->count, 1);
        EXPECT_ERROR((int)t->result[0], TN_FAILED_LOOKUP);
        EXPECT_OK(INV0(t->tcb, TN_TCB_SUSPEND));
    }
    if (INV(t->tcb, TN_TCB_SET_SPACE, KT_ROOT, 0, ep) == TN_OK) {
        struct kt_msg m = {0};
        EXPECT_OK(INV0(t->tcb, TN_TCB_RESUME));
        EXPECT_OK(kt_recv(ep, &m, kt_object(TN_REPLY, 0)));
        EXPECT_EQ(tn_info_label(m.info), TN_FAULT_VM);
    }
    struct kt_thread *second = kt_thread_new(kt_main_hart, look_up); /* a VSpace that has no root yet */
    if (INV(second->tcb, TN_TCB_SET_SPACE, KT_ROOT, kt_object(TN_VSPACE, 0), ep) == TN_OK) {
        struct kt_msg m = {0};
        EXPECT_OK(INV0(second->tcb, TN_TCB_RESUME));
        EXPECT_OK(kt_recv(ep, &m, kt_object(TN_REPLY, 0)));
        EXPECT_EQ(tn_info_label(m.info), TN_FAULT_VM);
    }
}

/* A thread that lacks its spaces is not started, or faults at once; the kernel does not mind. */
static void test_resume_bare(void)
{
    tn_cptr_t tcb = kt_object(TN_TCB, 0);

    INV0(tcb, TN_TCB_RESUME);
    EXPECT_OK(INV(tcb, TN_TCB_SET_AFFINITY, kt_main_hart));
    INV0(tcb, TN_TCB_RESUME);
    kt_settle(kt_main_hart);
    EXPECT_OK(INV0(tcb, TN_TCB_SUSPEND));
    EXPECT_OK(INV(tcb, TN_TCB_WRITE_REGS, 0x1234, 0, 0, 0));
}

static void set_priorities(struct kt_thread *t)
{
    t->result[0] = (uint64_t)INV(t->arg[0], TN_TCB_SET_PRIORITY, KT_PRIO_LOW);
    struct kt_msg m = INVM(t->arg[0], TN_TCB_SET_PRIORITY, KT_PRIO_LOW + 1);
    t->result[1] = (uint64_t)kt_error(&m);
    t->result[2] = m.mr[1];
    t->result[3] = (uint64_t)INV(t->tcb, TN_TCB_SET_PRIORITY, KT_PRIO_LOW + 1); /* not its own either */
}

static void test_priority_limits(void)
{
    tn_cptr_t tcb = kt_object(TN_TCB, 0);

    EXPECT_OK(INV(tcb, TN_TCB_SET_PRIORITY, 0));
    EXPECT_OK(INV(tcb, TN_TCB_SET_PRIORITY, kt_prio_max));
    EXPECT_ERROR(INV(tcb, TN_TCB_SET_PRIORITY, TN_PRIORITIES), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(tcb, TN_TCB_SET_PRIORITY, ~0ull), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(tcb, TN_TCB_SET_PRIORITY, 1ull << 32), TN_RANGE_ERROR);
    EXPECT_ERROR(INV0(tcb, TN_TCB_SET_PRIORITY), TN_TRUNCATED_MESSAGE);
    struct kt_thread *t = kt_spawn(kt_main_hart, set_priorities, tcb, 0);
    kt_join(t);
    EXPECT_OK((int)t->result[0]);
    EXPECT_EITHER((int)t->result[1], TN_RANGE_ERROR, TN_INVALID_ARGUMENT);
    if (t->result[1] == TN_RANGE_ERROR)
        EXPECT_EQ(t->result[2], KT_PRIO_LOW);
    EXPECT_EITHER((int)t->result[3], TN_RANGE_ERROR, TN_INVALID_ARGUMENT);
}

static void test_affinity_errors(void)
{
    tn_cptr_t tcb = kt_object(TN_TCB, 0);

    EXPECT_OK(INV(tcb, TN_TCB_SET_AFFINITY, kt_boot->harts - 1));
    struct kt_msg m = INVM(tcb, TN_TCB_SET_AFFINITY, kt_boot->harts);
    EXPECT_ERROR(kt_error(&m), TN_RANGE_ERROR);
    EXPECT_EQ(m.mr[0], 0);
    EXPECT_EQ(m.mr[1], kt_boot->harts - 1);
    EXPECT_ERROR(INV(tcb, TN_TCB_SET_AFFINITY, ~0ull), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(tcb, TN_TCB_SET_AFFINITY, 1ull << 32), TN_RANGE_ERROR);
}

static void test_registers(void)
{
    tn_cptr_t tcb = kt_object(TN_TCB, 0);
    struct tn_ipc_buffer *buffer = kt_buffer();

    EXPECT_OK(INV(tcb, TN_TCB_WRITE_REGS, 0x1000, 0x2000, 0x3000, 0x4000));
    struct kt_msg m = INVM(tcb, TN_TCB_READ_REGS, 0, 32);
    EXPECT_OK(kt_error(&m));
    EXPECT_EQ(tn_info_words(m.info), 32);
    for (unsigned i = 0; i < 32; i++) {
        uint64_t expected = i == 0 ? 0x1000 : i == 2 ? 0x2000 : i == 4 ? 0x3000 : i == 10 ? 0x4000 : 0;
        kt_case(i);
        EXPECT_EQ(i < TN_MSG_REG_WORDS ? m.mr[i] : buffer->msg[i], expected);
    }
    for (unsigned i = 0; i < 32; i++)
        EXPECT_OK(INV(tcb, TN_TCB_WRITE_REG, i, 0x100 + i * 2));
    for (unsigned i = 0; i < 32; i++) {
        kt_case(i);
        m = INVM(tcb, TN_TCB_READ_REGS, i, 1);
        EXPECT_OK(kt_error(&m));
        EXPECT_EQ(m.mr[0], 0x100 + i * 2);
    }
    m = INVM(tcb, TN_TCB_READ_REGS, 28, 4);
    EXPECT_EQ(m.mr[3], 0x100 + 31 * 2);
    EXPECT_OK(INV(tcb, TN_TCB_WRITE_REGS, 0x5000, 0, 0, 0));
    m = INVM(tcb, TN_TCB_READ_REGS, 31, 1);
    EXPECT_EQ(m.mr[0], 0); /* the other registers become 0 */
}

static void test_register_errors(void)
{
    tn_cptr_t tcb = kt_object(TN_TCB, 0);

    EXPECT_ERROR(INV(tcb, TN_TCB_READ_REGS, 32, 1), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(tcb, TN_TCB_READ_REGS, 31, 2), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(tcb, TN_TCB_READ_REGS, 0, 33), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(tcb, TN_TCB_READ_REGS, ~0ull, 2), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(tcb, TN_TCB_READ_REGS, 2, ~0ull), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(tcb, TN_TCB_WRITE_REG, 32, 1), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(tcb, TN_TCB_WRITE_REG, ~0ull, 1), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(tcb, TN_TCB_WRITE_REG, 1), TN_TRUNCATED_MESSAGE);
    EXPECT_ERROR(INV(tcb, TN_TCB_WRITE_REGS, 1, 2, 3), TN_TRUNCATED_MESSAGE);
    struct kt_thread *t = kt_spawn((kt_main_hart + 1) % kt_harts, kt_spin, 0, 0);
    kt_await_count(&t->count, 1);
    EXPECT_ERROR(INV(t->tcb, TN_TCB_WRITE_REGS, 1, 2, 3, 4), TN_ILLEGAL_OPERATION);
    EXPECT_ERROR(INV(t->tcb, TN_TCB_WRITE_REG, 5, 2), TN_ILLEGAL_OPERATION);
    EXPECT_ERROR(INV(TN_INIT_TCB, TN_TCB_WRITE_REGS, 1, 2, 3, 4), TN_ILLEGAL_OPERATION); /* oneself */
    t->stop = 1;
    kt_join(t);
}

static void read_long(struct kt_thread *t)
{
    struct kt_msg m = INVM(t->arg[0], TN_TCB_READ_REGS, 0, 4);

    t->result[0] = (uint64_t)kt_error(&m);
    m = INVM(t->arg[0], TN_TCB_READ_REGS, 0, 5);
    t->result[1] = (uint64_t)kt_error(&m);
}

static void test_read_without_buffer(void)
{
    struct kt_thread *t = kt_thread_new(kt_main_hart, read_long);

    t->arg[0] = kt_object(TN_TCB, 0);
    EXPECT_OK(INV(t->tcb, TN_TCB_SET_BUFFER, 0, 0, 0));
    kt_thread_start(t);
    kt_join(t);
    EXPECT_OK((int)t->result[0]);
    EXPECT_EITHER((int)t->result[1], TN_TRUNCATED_MESSAGE, TN_OK); /* seL4: as many words as fit */
}

/* Registers of a running thread, read from another hart and from its own. */
static void test_read_running(void)
{
    for (unsigned hart = 0; hart < kt_harts && hart < 2; hart++) {
        kt_case(hart);
        struct kt_thread *t = kt_spawn(hart, kt_spin, 0, 0);
        kt_await_count(&t->count, 1);
        struct kt_msg m = INVM(t->tcb, TN_TCB_READ_REGS, 2, 3);
        EXPECT_OK(kt_error(&m));
        EXPECT(m.mr[0] <= (uint64_t)t->stack_top && m.mr[0] > (uint64_t)t->stack_top - 8192);
        EXPECT_EQ(m.mr[2], (uint64_t)t->tls);
        uint64_t before = kt_load_acquire(&t->count);
        kt_await_count(&t->count, before + 1000); /* it runs on */
        t->stop = 1;
        kt_join(t);
    }
}

static void wait_words(struct kt_thread *t)
{
    t->result[0] = (uint64_t)kt_wait(t->arg[0], &t->result[1]);
}

/* A blocked thread's registers may be written: here its stack pointer's neighbour s11, kept through the wait. */
static void test_write_blocked(void)
{
    tn_cptr_t ntfn = kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, 1);
    struct kt_thread *t = kt_spawn(kt_main_hart, wait_words, ntfn, 0);

    kt_settle(kt_main_hart);
    EXPECT_OK(INV(t->tcb, TN_TCB_WRITE_REG, 31, 0xabcdef));
    struct kt_msg m = INVM(t->tcb, TN_TCB_READ_REGS, 31, 1);
    EXPECT_EQ(m.mr[0], 0xabcdef);
    EXPECT_ERROR(INV(t->tcb, TN_TCB_WRITE_REGS, 1, 2, 3, 4), TN_ILLEGAL_OPERATION);
    EXPECT_OK(kt_signal(ntfn));
    kt_join(t);
    EXPECT_OK((int)t->result[0]);
    EXPECT_EQ(t->result[1], 1);
}

/* The pc a thread is given may be anything; what it cannot execute is its own fault. */
static void test_bad_pc(void)
{
    struct kt_space space;
    struct kt_probe probe;
    static const uint64_t pcs[] = {0,          0x7fff000, 1ull << 38,  1ull << 47,
                                   1ull << 63, ~0ull,     ~0ull << 39, 0x8000000000000ull};
    struct kt_msg m = {0};

    kt_space_new(&space);
    kt_probe_new(&probe, &space, kt_main_hart);
    for (unsigned i = 0; i < sizeof(pcs) / sizeof(pcs[0]); i++) {
        kt_case(pcs[i]);
        EXPECT_OK(INV0(probe.tcb, TN_TCB_SUSPEND));
        EXPECT_OK(INV(probe.tcb, TN_TCB_WRITE_REGS, pcs[i], 0, 0, 0));
        EXPECT_OK(INV0(probe.tcb, TN_TCB_RESUME));
        EXPECT_OK(kt_recv(probe.ep, &m, probe.reply));
        EXPECT_EQ(tn_info_label(m.info), TN_FAULT_VM);
        EXPECT_EQ(m.mr[2], 1);
        EXPECT(m.mr[3] == 12 || m.mr[3] == 1);
        EXPECT_OK(kt_reply1(probe.reply, 1, 0));
    }
}

/* The fault message's badge is the handler capability's; only where that has none is it the thread's own, so that nobody who
 * was given a badged capability can send under another badge. */
static void test_badge(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), badged = kt_mint(ep, TN_RIGHTS_ALL, 0x51);

    for (unsigned i = 0; i < 2; i++) {
        struct kt_space space;
        struct kt_probe probe;
        struct kt_msg m = {0};
        kt_case(i);
        kt_space_new(&space);
        kt_probe_new_handled(&probe, &space, kt_main_hart, i == 0 ? badged : ep);
        kt_probe_start(&probe, KT_LOAD, 0x77000, 0);
        EXPECT_OK(kt_recv(ep, &m, probe.reply));
        EXPECT_EQ(m.badge, i == 0 ? 0x51 : 0);
        EXPECT_OK(INV(probe.tcb, TN_TCB_SET_BADGE, 0x7700000088ull));
        EXPECT_OK(kt_reply1(probe.reply, 0, 0)); /* tries again, faults again */
        EXPECT_OK(kt_recv(ep, &m, probe.reply));
        EXPECT_EQ(m.badge, i == 0 ? 0x51 : 0x7700000088ull);
        EXPECT_OK(kt_reply1(probe.reply, 1, 0));
    }
}

const struct kt_test tcb_tests[] = {
    {"tcb.set_space_errors", test_set_space_errors, 0},
    {"tcb.null_spaces", test_null_spaces, 0},
    {"tcb.resume_bare", test_resume_bare, 0},
    {"tcb.priority_limits", test_priority_limits, 0},
    {"tcb.affinity_errors", test_affinity_errors, 0},
    {"tcb.registers", test_registers, 0},
    {"tcb.register_errors", test_register_errors, 0},
    {"tcb.read_without_buffer", test_read_without_buffer, 0},
    {"tcb.read_running", test_read_running, 0},
    {"tcb.write_blocked", test_write_blocked, 0},
    {"tcb.bad_pc", test_bad_pc, 0},
    {"tcb.badge", test_badge, 0},
    {NULL, NULL, 0},
};
