/* Faults: each kind with its documented words, what replies do, and threads without a handler. */
#include "kt.h"

static struct kt_space space;
static struct kt_probe probe;

static void bed_init(unsigned hart)
{
    kt_space_new(&space);
    kt_probe_new(&probe, &space, hart);
}

/* Where in the probe's page an instruction must stand; the exact place is the probe's own business. */
static bool pc_in_probe(uint64_t pc)
{
    return pc >= KT_CODE_VA && pc < KT_CODE_VA + kt_code_bytes;
}

static void expect_fault(unsigned op, uint64_t addr, uint64_t value, unsigned label, unsigned words)
{
    kt_probe_start(&probe, op, addr, value);
    EXPECT_EQ(kt_probe_finish(&probe), label);
    EXPECT_EQ(tn_info_words(probe.msg.info), words);
    EXPECT_EQ(tn_info_caps(probe.msg.info), 0);
    EXPECT(!tn_info_is_error(probe.msg.info));
}

static void page_faults(unsigned hart)
{
    static const struct {
        unsigned op, scause;
    } kinds[] = {{KT_LOAD, 13}, {KT_STORE, 15}, {KT_AMO, 15}, {KT_EXEC, 12}, {KT_LOAD_BYTE, 13}};

    bed_init(hart);
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        uint64_t va = 0x12345000 + 8 * i;
        kt_case(i);
        expect_fault(kinds[i].op, va, 1, TN_FAULT_VM, 4);
        EXPECT_EQ(probe.msg.mr[1], va);
        EXPECT_EQ(probe.msg.mr[2], kinds[i].op == KT_EXEC);
        if (kinds[i].op != KT_AMO || probe.msg.mr[3] != 13) /* QEMU on one hart calls an AMO's fault a load's */
            EXPECT_EQ(probe.msg.mr[3], kinds[i].scause);
        if (kinds[i].op == KT_EXEC)
            EXPECT_EQ(probe.msg.mr[0], va);
        else
            EXPECT(pc_in_probe(probe.msg.mr[0]));
        kt_probe_reset(&probe);
    }
}

static void test_page_faults_same_hart(void)
{
    page_faults(kt_main_hart);
}

static void test_page_faults_cross_hart(void)
{
    page_faults((kt_main_hart + 1) % kt_harts);
}

/* Any address as the guilty one: odd, unaligned across a page end, at the top of the user's half. */
static void test_addresses(void)
{
    bed_init(kt_main_hart);
    uint64_t top = 1ull << (12 + 9 * kt_boot->levels - 1);
    const uint64_t addresses[] = {0, 7, 0x20fff8, 0x200000, top - 8, top / 2, 0x3fffffff8};
    for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        kt_case(addresses[i]);
        expect_fault(KT_LOAD_BYTE, addresses[i], 0, TN_FAULT_VM, 4);
        EXPECT_EQ(probe.msg.mr[1], addresses[i]);
        kt_probe_reset(&probe);
    }
}

static void test_illegal_instruction(void)
{
    bed_init(kt_main_hart);
    expect_fault(KT_ILLEGAL, 0, 0, TN_FAULT_USER_EXCEPTION, 4);
    EXPECT(pc_in_probe(probe.msg.mr[0]));
    EXPECT(probe.msg.mr[1] == 0xffffffff || probe.msg.mr[1] == 0); /* stval: the instruction, or nothing */
    EXPECT_EQ(probe.msg.mr[2], 0);
    EXPECT_EQ(probe.msg.mr[3], 2);
    /* Label 0 without a word: the same instruction again, and again a fault. */
    uint64_t pc = probe.msg.mr[0];
    struct kt_msg m = {.info = tn_info(0, 0, 0)};
    EXPECT_OK(kt_reply(&m, probe.reply));
    EXPECT_EQ(kt_probe_finish(&probe), TN_FAULT_USER_EXCEPTION);
    EXPECT_EQ(probe.msg.mr[0], pc);
    /* With a word: on at that pc. The instruction after it jumps back to the answer. */
    EXPECT_OK(kt_reply1(probe.reply, 0, pc + 4));
    EXPECT_EQ(kt_probe_finish(&probe), 0);
    EXPECT_EQ(probe.msg.mr[0], 0);
}

static void test_breakpoint(void)
{
    bed_init(kt_main_hart);
    expect_fault(KT_BREAK, 0, 0, TN_FAULT_BREAKPOINT, 4);
    uint64_t pc = probe.msg.mr[0];
    EXPECT(pc_in_probe(pc));
    EXPECT(probe.msg.mr[1] == pc || probe.msg.mr[1] == 0);
    EXPECT_EQ(probe.msg.mr[2], 0);
    EXPECT_EQ(probe.msg.mr[3], 3);
    EXPECT_OK(kt_reply1(probe.reply, 0, pc + 4));
    EXPECT_EQ(kt_probe_finish(&probe), 0);
}

static void unknown_syscall(uint64_t number)
{
    kt_case(number);
    expect_fault(KT_ECALL, number, 0x600d, TN_FAULT_UNKNOWN_SYSCALL, 4);
    EXPECT(pc_in_probe(probe.msg.mr[0]));
    EXPECT_EQ(probe.msg.mr[1], number);
    EXPECT_EQ(probe.msg.mr[2], 0x600d);
    EXPECT_EQ(probe.msg.mr[3], 0x600e);
    EXPECT_OK(kt_reply1(probe.reply, 0, probe.msg.mr[0] + 4));
    EXPECT_EQ(kt_probe_finish(&probe), 0);
    EXPECT_EQ(probe.msg.mr[0], 0x600d); /* its registers are as they were */
}

static void test_unknown_syscall(void)
{
    uint64_t state = kt_test_seed;

    bed_init(kt_main_hart);
    for (uint64_t number = TN_SYS_COUNT; number < TN_SYS_COUNT + 20; number++)
        unknown_syscall(number);
    unknown_syscall(~0ull);
    unknown_syscall(1ull << 63);
    unknown_syscall(1ull << 32 | TN_SYS_HART); /* all 64 bits count */
    for (unsigned i = 0; i < 50; i++)
        unknown_syscall(kt_random(&state) | TN_SYS_COUNT << 4);
}

/* A handler resumes with label 0 alone; any other label leaves the thread inactive. */
static void test_reply_labels(void)
{
    static const uint64_t labels[] = {1, 2, TN_FAULT_VM, 0x7ffffffffffff};

    for (unsigned i = 0; i < 4; i++) {
        kt_case(labels[i]);
        bed_init(kt_main_hart);
        expect_fault(KT_LOAD, 0x77000, 0, TN_FAULT_VM, 4);
        EXPECT_OK(kt_reply1(probe.reply, labels[i], 0));
        kt_settle(kt_main_hart);
        struct kt_msg m = {0};
        EXPECT_ERROR(kt_nb_recv(probe.ep, &m, probe.reply), TN_WOULD_BLOCK);
        EXPECT_OK(INV0(probe.tcb, TN_TCB_RESUME)); /* inactive, not dead: it tries again */
        EXPECT_EQ(kt_probe_finish(&probe), TN_FAULT_VM);
        EXPECT_EQ(probe.msg.mr[1], 0x77000);
    }
}

/* A page fault is resumed at the same instruction, whatever the reply's words say. */
static void test_resume_same_instruction(void)
{
    bed_init(kt_main_hart);
    expect_fault(KT_LOAD, KT_VA(KT_DATA_INDEX), 0, TN_FAULT_VM, 4);
    tn_cptr_t frame = kt_object(TN_FRAME, 12);
    *(uint64_t *)kt_map(frame, 0, 1, TN_READ | TN_WRITE) = 4242;
    REQUIRE_OK(kt_pt(space.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame, 0, TN_READ));
    EXPECT_OK(kt_reply1(probe.reply, 0, 0xbad0));
    EXPECT_EQ(kt_probe_finish(&probe), 0);
    EXPECT_EQ(probe.msg.mr[0], 4242);
}

static void no_handler(unsigned op, unsigned label)
{
    kt_case(op);
    bed_init(kt_main_hart);
    EXPECT_OK(INV(probe.tcb, TN_TCB_SET_SPACE, KT_ROOT, space.vspace, 0));
    kt_probe_start(&probe, op, 0x77000, 0);
    kt_settle(kt_main_hart);
    struct kt_msg m = {0};
    EXPECT_ERROR(kt_nb_recv(probe.ep, &m, probe.reply), TN_WOULD_BLOCK);
    EXPECT_OK(INV(probe.tcb, TN_TCB_SET_SPACE, KT_ROOT, space.vspace, probe.ep));
    EXPECT_OK(INV0(probe.tcb, TN_TCB_RESUME)); /* inactive before; now it faults to somebody */
    EXPECT_EQ(kt_probe_finish(&probe), label);
    if (op == KT_LOAD)
        EXPECT_EQ(probe.msg.mr[1], 0x77000);
}

static void test_no_handler(void)
{
    no_handler(KT_LOAD, TN_FAULT_VM);
    no_handler(KT_BREAK, TN_FAULT_BREAKPOINT);
    no_handler(KT_ILLEGAL, TN_FAULT_USER_EXCEPTION);
}

static void receive_without_reply(struct kt_thread *t)
{
    struct kt_msg m = {0};

    t->result[0] = (uint64_t)kt_recv(t->arg[0], &m, 0);
    t->result[1] = m.mr[0];
}

/* Who receives names no Reply, so nobody could answer the fault: the thread stops, and the receiver is told nothing. */
static void test_no_reply(void)
{
    struct kt_msg m = {0}, word = kt_msg1(1, 77);

    bed_init(kt_main_hart);
    kt_probe_start(&probe, KT_LOAD, 0x77000, 0);
    kt_settle(kt_main_hart); /* the fault waits */
    EXPECT_ERROR(kt_nb_recv(probe.ep, &m, 0), TN_WOULD_BLOCK);
    EXPECT_ERROR(kt_nb_recv(probe.ep, &m, probe.reply), TN_WOULD_BLOCK); /* it is gone */
    EXPECT_OK(INV0(probe.tcb, TN_TCB_RESUME));
    EXPECT_EQ(kt_probe_finish(&probe), TN_FAULT_VM);
    kt_probe_reset(&probe);
    struct kt_thread *t = kt_spawn(kt_main_hart, receive_without_reply, probe.ep, 0);
    kt_settle(kt_main_hart); /* the receiver waits */
    kt_probe_start(&probe, KT_LOAD, 0x78000, 0);
    kt_settle(kt_main_hart);
    EXPECT(!kt_is_done(t));
    EXPECT_OK(kt_send(probe.ep, &word));
    kt_join(t);
    EXPECT_OK(t->result[0]);
    EXPECT_EQ(t->result[1], 77);
    EXPECT_OK(INV0(probe.tcb, TN_TCB_RESUME));
    EXPECT_EQ(kt_probe_finish(&probe), TN_FAULT_VM);
    EXPECT_EQ(probe.msg.mr[1], 0x78000);
}

/* The handler's endpoint goes, before the fault and while it waits to be received. */
static void test_handler_deleted(void)
{
    for (unsigned before = 0; before < 2; before++) {
        tn_cptr_t untyped = kt_object(TN_UNTYPED, 12);
        uint32_t handler = kt_slot();
        kt_case(before);
        REQUIRE_OK(kt_retype(untyped, TN_ENDPOINT, 0, KT_ROOT, handler, 1));
        kt_space_new(&space);
        kt_probe_new_handled(&probe, &space, kt_main_hart, handler);
        if (before)
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
        kt_probe_start(&probe, KT_LOAD, 0x77000, 0);
        kt_settle(kt_main_hart);
        if (!before)
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
        kt_settle(kt_main_hart); /* nobody runs wild */
        struct kt_msg m = {0};
        EXPECT_ERROR(kt_nb_recv(probe.ep, &m, 0), TN_WOULD_BLOCK);
        EXPECT_OK(INV0(probe.tcb, TN_TCB_SUSPEND));
    }
}

/* The Reply that holds a faulting thread is deleted: the thread does not go on as if it had been answered. */
static void test_reply_deleted(void)
{
    bed_init(kt_main_hart);
    expect_fault(KT_LOAD, 0x77000, 0, TN_FAULT_VM, 4);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, probe.reply));
    kt_settle(kt_main_hart);
    struct kt_msg m = {0};
    int error = kt_nb_recv(probe.ep, &m, kt_object(TN_REPLY, 0));
    if (error == TN_OK) /* it may fault once more, but nothing else */
        EXPECT_EQ(tn_info_label(m.info), TN_FAULT_VM);
    else
        EXPECT_ERROR(error, TN_WOULD_BLOCK);
}

/* WRITE is what a handler capability needs; a badge comes from it. */
static void test_handler_rights(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), tcb = kt_object(TN_TCB, 0), vspace = kt_space_with_root();

    EXPECT_OK(INV(tcb, TN_TCB_SET_SPACE, KT_ROOT, vspace, kt_mint(ep, TN_WRITE, 1)));
    EXPECT_ERROR(INV(tcb, TN_TCB_SET_SPACE, KT_ROOT, vspace, kt_copy(ep, TN_READ)), TN_INVALID_CAPABILITY);
}

/* Misaligned accesses work or come as an exception with the address; they never do harm. */
static void test_misaligned(void)
{
    bed_init(kt_main_hart);
    tn_cptr_t frame = kt_object(TN_FRAME, 12);
    uint64_t *page = kt_map(frame, 0, 1, TN_READ | TN_WRITE);
    page[0] = 0x0807060504030201, page[1] = 0x100f0e0d0c0b0a09;
    REQUIRE_OK(kt_pt(space.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame, 0, TN_READ | TN_WRITE));
    for (unsigned i = 1; i < 8; i++) {
        uint64_t va = KT_VA(KT_DATA_INDEX) + i, value = 0;
        kt_case(i);
        unsigned fault = kt_probe_run(&probe, KT_LOAD, va, 0, &value);
        if (fault == 0) {
            EXPECT_EQ(value, page[0] >> (8 * i) | page[1] << (64 - 8 * i));
        } else {
            EXPECT_EQ(fault, TN_FAULT_USER_EXCEPTION);
            EXPECT_EQ(probe.msg.mr[1], va);
            EXPECT_EQ(probe.msg.mr[3], 4);
        }
        fault = kt_probe_run(&probe, KT_AMO, va, 0, NULL);
        if (fault != 0) {
            EXPECT_EQ(fault, TN_FAULT_USER_EXCEPTION);
            EXPECT_EQ(probe.msg.mr[1], va);
            EXPECT(probe.msg.mr[3] == 6 || probe.msg.mr[3] == 4);
        }
    }
    EXPECT_EQ(page[0], 0x0807060504030201);
}

/* A device page where no device answers: an access fault, told like a page fault. */
static void test_access_fault(void)
{
    uint64_t uart, page;

    if (!kt_device("ns16550a", &uart, NULL))
        kt_skip("no UART in the device tree");
    tn_cptr_t frame = kt_device_frame(uart, &page);
    if (!frame)
        kt_skip("no device Untyped holds the UART");
    bed_init(kt_main_hart);
    REQUIRE_OK(kt_pt(space.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame, page, TN_READ | TN_WRITE));
    if (kt_probe_run(&probe, KT_LOAD_BYTE, KT_VA(KT_DATA_INDEX) + 0x800, 0, NULL) == 0)
        kt_skip("this machine answers everywhere");
    EXPECT_EQ(tn_info_label(probe.msg.info), TN_FAULT_VM);
    EXPECT_EQ(probe.msg.mr[1], KT_VA(KT_DATA_INDEX) + 0x800);
    EXPECT_EQ(probe.msg.mr[2], 0);
    EXPECT_EQ(probe.msg.mr[3], 5);
}

/* Faulting threads queue like callers, from all harts, each with its own badge and address. */
static void test_many_faulters(void)
{
    enum { PROBES = 12 };
    struct kt_space s;
    struct kt_probe p[PROBES];
    tn_cptr_t handler = kt_object(TN_ENDPOINT, 0), reply[PROBES], frame = kt_object(TN_FRAME, 16);

    kt_space_new(&s);
    for (unsigned i = 0; i < PROBES; i++) {
        kt_probe_new_handled(&p[i], &s, i % kt_harts, handler);
        EXPECT_OK(INV(p[i].tcb, TN_TCB_SET_BADGE, 100 + i));
        reply[i] = kt_object(TN_REPLY, 0);
        kt_probe_start(&p[i], KT_STORE, KT_VA(200 + i), 7000 + i);
    }
    uint32_t seen = 0;
    for (unsigned i = 0; i < PROBES; i++) {
        struct kt_msg m = {0};
        REQUIRE_OK(kt_recv(handler, &m, reply[i]));
        REQUIRE(m.badge >= 100 && m.badge < 100 + PROBES);
        unsigned who = (unsigned)m.badge - 100;
        EXPECT_EQ(m.mr[1], KT_VA(200 + who));
        seen |= 1u << who;
        REQUIRE_OK(kt_pt(s.table[0], TN_PT_MAP, 200 + who, 1, frame, who, TN_READ | TN_WRITE));
    }
    EXPECT_EQ(seen, (1u << PROBES) - 1);
    for (unsigned i = PROBES; i-- > 0;)
        EXPECT_OK(kt_reply1(reply[i], 0, 0));
    for (unsigned i = 0; i < PROBES; i++) {
        EXPECT_EQ(kt_probe_finish(&p[i]), 0);
        EXPECT_EQ(*(uint64_t *)kt_map(frame, i, 1, TN_READ), 7000 + i);
    }
}

/* The pc that a reply names is where the thread goes on: here the probe's very beginning. */
static void test_new_pc(void)
{
    bed_init(kt_main_hart);
    expect_fault(KT_ILLEGAL, 0, 0, TN_FAULT_USER_EXCEPTION, 4);
    EXPECT_OK(kt_reply1(probe.reply, 0, probe.pc));
    EXPECT_EQ(kt_probe_finish(&probe), 0);
    expect_fault(KT_BREAK, 0, 0, TN_FAULT_BREAKPOINT, 4);
    EXPECT_OK(kt_reply1(probe.reply, 0, 0x5000000)); /* nowhere */
    EXPECT_EQ(kt_probe_finish(&probe), TN_FAULT_VM);
    EXPECT_EQ(probe.msg.mr[0], 0x5000000);
    EXPECT_EQ(probe.msg.mr[2], 1);
    /* The same in one system call with the next receive. */
    bed_init(kt_main_hart);
    expect_fault(KT_BREAK, 0, 0, TN_FAULT_BREAKPOINT, 4);
    struct kt_msg m = kt_msg1(0, 0x6000000);
    EXPECT_OK(kt_reply_recv(probe.ep, &m, probe.reply));
    EXPECT_EQ(tn_info_label(m.info), TN_FAULT_VM);
    EXPECT_EQ(m.mr[0], 0x6000000);
}

const struct kt_test fault_tests[] = {
    {"fault.page_faults_same_hart", test_page_faults_same_hart, 0},
    {"fault.page_faults_cross_hart", test_page_faults_cross_hart, 2},
    {"fault.addresses", test_addresses, 0},
    {"fault.illegal_instruction", test_illegal_instruction, 0},
    {"fault.breakpoint", test_breakpoint, 0},
    {"fault.unknown_syscall", test_unknown_syscall, 0},
    {"fault.reply_labels", test_reply_labels, 0},
    {"fault.resume_same_instruction", test_resume_same_instruction, 0},
    {"fault.no_handler", test_no_handler, 0},
    {"fault.no_reply", test_no_reply, 0},
    {"fault.handler_deleted", test_handler_deleted, 0},
    {"fault.reply_deleted", test_reply_deleted, 0},
    {"fault.handler_rights", test_handler_rights, 0},
    {"fault.misaligned", test_misaligned, 0},
    {"fault.access_fault", test_access_fault, 0},
    {"fault.many_faulters", test_many_faulters, 0},
    {"fault.new_pc", test_new_pc, 0},
    {NULL, NULL, 0},
};
