/* Gates: a call or a fault goes to the endpoint of the hart that one is on. */
#include "echo.h"

static tn_cptr_t gate_new(void)
{
    return kt_object(TN_GATE, kt_gate_bits());
}

static void call_gate(struct kt_thread *t)
{
    t->result[0] = (uint64_t)kt_call1(t->arg[0], ECHO_BADGE, 0, &t->result[1]);
}

/* An echo server on each hart behind one gate. */
static void test_local_endpoint(void)
{
    tn_cptr_t gate = gate_new(), badged = kt_mint(gate, TN_WRITE, 0x1234), ep[KT_HARTS_MAX];
    struct kt_thread *server[KT_HARTS_MAX];

    for (unsigned hart = 0; hart < kt_harts; hart++) {
        ep[hart] = kt_object(TN_ENDPOINT, 0);
        EXPECT_OK(INV(gate, TN_GATE_SET, hart, ep[hart]));
        server[hart] = echo_spawn(hart, ep[hart]);
    }
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        kt_case(hart);
        uint64_t before[KT_HARTS_MAX];
        for (unsigned i = 0; i < kt_harts; i++)
            before[i] = server[i]->count;
        struct kt_thread *t = kt_spawn(hart, call_gate, badged, 0);
        kt_join(t);
        EXPECT_OK((int)t->result[0]);
        EXPECT_EQ(t->result[1], 0x1234); /* the gate capability's badge */
        for (unsigned i = 0; i < kt_harts; i++)
            EXPECT_EQ(server[i]->count - before[i], i == hart);
    }
    for (unsigned hart = 0; hart < kt_harts; hart++)
        echo_stop(server[hart]);
}

static void call_twice(struct kt_thread *t)
{
    EXPECT_OK(kt_call1(t->arg[0], 1, 0, NULL));
    kt_add(&t->count, 1);
    EXPECT_OK(kt_wait(t->arg[1], NULL));
    EXPECT_EQ(kt_hart(), t->arg[2]);
    EXPECT_OK(kt_call1(t->arg[0], 1, 0, NULL));
}

/* A thread that is moved meets the other hart's server. */
static void test_follows_thread(void)
{
    tn_cptr_t gate = gate_new(), ntfn = kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, 1);
    struct kt_thread *server[2];

    for (unsigned hart = 0; hart < 2; hart++) {
        tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
        EXPECT_OK(INV(gate, TN_GATE_SET, hart, ep));
        server[hart] = echo_spawn(hart, ep);
    }
    struct kt_thread *t = kt_thread_new(0, call_twice);
    t->arg[0] = gate;
    t->arg[1] = ntfn;
    t->arg[2] = 1;
    kt_thread_start(t);
    kt_await_count(&t->count, 1);
    EXPECT_EQ(server[0]->count, 1);
    EXPECT_EQ(server[1]->count, 0);
    EXPECT_OK(INV(t->tcb, TN_TCB_SET_AFFINITY, 1));
    EXPECT_OK(kt_signal(ntfn));
    kt_join(t);
    EXPECT_EQ(server[0]->count, 1);
    EXPECT_EQ(server[1]->count, 1);
    echo_stop(server[0]);
    echo_stop(server[1]);
}

static void test_empty_slot(void)
{
    tn_cptr_t gate = gate_new(), ep = kt_object(TN_ENDPOINT, 0);
    struct kt_msg m = kt_msg1(1, 1);

    EXPECT_REFUSED(kt_call(gate, &m)); /* never set */
    EXPECT_OK(INV(gate, TN_GATE_SET, kt_main_hart, ep));
    struct kt_thread *server = echo_spawn(kt_main_hart, ep);
    EXPECT_OK(kt_call1(gate, 1, 1, NULL));
    EXPECT_OK(INV(gate, TN_GATE_SET, kt_main_hart, 0));
    m = kt_msg1(1, 1);
    EXPECT_REFUSED(kt_call(gate, &m));
    EXPECT_EQ(server->count, 1);
    echo_stop(server);
}

static void test_errors(void)
{
    tn_cptr_t gate = gate_new(), ep = kt_object(TN_ENDPOINT, 0);

    EXPECT_OK(INV(gate, TN_GATE_SET, 0, ep));
    EXPECT_OK(INV(gate, TN_GATE_SET, kt_boot->harts - 1, ep));
    EXPECT_ERROR(INV(gate, TN_GATE_SET, 1ull << kt_gate_bits(), ep), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(gate, TN_GATE_SET, ~0ull, ep), TN_RANGE_ERROR);
    EXPECT_ERROR(INV(gate, TN_GATE_SET, 0, kt_slot()), TN_FAILED_LOOKUP);
    EXPECT_ERROR(INV(gate, TN_GATE_SET, 0, KT_UNTYPED), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(INV(gate, TN_GATE_SET, 0, gate), TN_INVALID_CAPABILITY);
    EXPECT_REFUSED(INV(gate, TN_GATE_SET, 0, kt_mint(ep, TN_RIGHTS_ALL, 9))); /* badged */
    EXPECT_REFUSED(INV(gate, TN_GATE_SET, 0, kt_copy(ep, TN_READ | TN_GRANT)));
    EXPECT_REFUSED(INV(gate, TN_GATE_SET, 0, kt_copy(ep, TN_READ | TN_WRITE)));
    EXPECT_OK(INV(gate, TN_GATE_SET, 0, kt_copy(ep, TN_WRITE | TN_GRANT)));
    EXPECT_ERROR(INV(gate, TN_GATE_SET, 0), TN_TRUNCATED_MESSAGE);
    EXPECT_ERROR(kt_call1(kt_copy(gate, TN_READ), 1, 1, NULL), TN_INVALID_CAPABILITY);
}

static void label_of_set(struct kt_thread *t)
{
    struct kt_msg m = {.info = tn_info(TN_GATE_SET, 0, 2), .mr = {t->arg[2], 0}};

    t->result[0] = (uint64_t)kt_call(t->arg[0], &m);
    t->result[1] = tn_info_label(m.info);
}

/* A client's message with the label of TN_GATE_SET is a message: without READ nobody sets the gate up. */
static void test_client_label(void)
{
    tn_cptr_t gate = gate_new(), ep = kt_object(TN_ENDPOINT, 0);

    EXPECT_OK(INV(gate, TN_GATE_SET, kt_main_hart, ep));
    struct kt_thread *server = echo_spawn(kt_main_hart, ep);
    struct kt_thread *client = kt_thread_new(kt_main_hart, label_of_set);
    client->arg[0] = kt_mint(gate, TN_WRITE | TN_GRANT, 3);
    client->arg[2] = kt_main_hart;
    kt_thread_start(client);
    kt_join(client);
    EXPECT_OK((int)client->result[0]);
    EXPECT_EQ(client->result[1], TN_GATE_SET + 1);
    EXPECT_EQ(server->count, 1);
    echo_stop(server);
}

/* The endpoint goes: the gate forgets it, and does not reach whatever stands in its memory afterwards. */
static void test_endpoint_deleted(void)
{
    tn_cptr_t gate = gate_new(), untyped = kt_object(TN_UNTYPED, 12);
    uint32_t ep = kt_slot(), ntfn = kt_slot();

    REQUIRE_OK(kt_retype(untyped, TN_ENDPOINT, 0, KT_ROOT, ep, 1));
    EXPECT_OK(INV(gate, TN_GATE_SET, kt_main_hart, ep));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped)); /* the gate's own capability to it goes as well */
    EXPECT_REFUSED(kt_call1(gate, 1, 1, NULL));
    EXPECT_OK(kt_retype(untyped, TN_NOTIFICATION, 0, KT_ROOT, ntfn, 1));
    EXPECT_REFUSED(kt_call1(gate, 1, 1, NULL));
    uint64_t bits;
    EXPECT_OK(kt_poll(ntfn, &bits));
    EXPECT_EQ(bits, 0);
}

/* The gate goes while a caller waits at the endpoint behind it: the endpoint still serves it. */
static void test_gate_deleted(void)
{
    tn_cptr_t gate = gate_new(), ep = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0);
    struct kt_msg m = {0};

    EXPECT_OK(INV(gate, TN_GATE_SET, kt_main_hart, ep));
    struct kt_thread *t = kt_spawn(kt_main_hart, call_gate, gate, 0);
    kt_settle(kt_main_hart);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, gate));
    EXPECT_OK(kt_nb_recv(ep, &m, reply));
    EXPECT_OK(kt_reply1(reply, 0, 55));
    kt_join(t);
    EXPECT_OK((int)t->result[0]);
    EXPECT_EQ(t->result[1], 55);
}

/* A fault handler that is a gate: the fault arrives on the faulting thread's hart, with the gate's or thread's badge. */
static void test_fault(void)
{
    tn_cptr_t gate = gate_new(), handler = kt_mint(gate, TN_WRITE, 0xfa), ep[KT_HARTS_MAX];
    struct kt_space space;

    kt_space_new(&space);
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        ep[hart] = kt_object(TN_ENDPOINT, 0);
        EXPECT_OK(INV(gate, TN_GATE_SET, hart, ep[hart]));
    }
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        struct kt_probe probe;
        struct kt_msg m = {0}, none = {0};
        kt_case(hart);
        kt_probe_new_handled(&probe, &space, hart, handler);
        kt_probe_start(&probe, KT_LOAD, 0x77000, 0);
        EXPECT_OK(kt_recv(ep[hart], &m, probe.reply));
        EXPECT_EQ(tn_info_label(m.info), TN_FAULT_VM);
        EXPECT_EQ(m.mr[1], 0x77000);
        EXPECT_EQ(m.badge, 0xfa);
        for (unsigned i = 0; i < kt_harts; i++)
            EXPECT_ERROR(kt_nb_recv(ep[i], &none, 0), TN_WOULD_BLOCK);
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, probe.tcb));
    }
}

const struct kt_test gate_tests[] = {
    {"gate.local_endpoint", test_local_endpoint, 0},
    {"gate.follows_thread", test_follows_thread, 2},
    {"gate.empty_slot", test_empty_slot, 0},
    {"gate.client_label", test_client_label, 0},
    {"gate.errors", test_errors, 0},
    {"gate.endpoint_deleted", test_endpoint_deleted, 0},
    {"gate.gate_deleted", test_gate_deleted, 0},
    {"gate.fault", test_fault, 0},
    {NULL, NULL, 0},
};
