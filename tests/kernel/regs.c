/* Registers: every system call, blocking or not, preserves all that the ABI does not name, and leaks nothing in those it loses;
 * preemption preserves all. */
#include "kt.h"

#define A0 10
#define A5 15
#define A6 16
#define A7 17
#define KERNEL_BASE 0xffffffc000000000 /* physical address 0 in the kernel's map */
#define KERNEL_BYTES (64ull << 30)

/* t0..t6: a system call may lose them. */
static bool is_temporary(unsigned i)
{
    return (i >= 5 && i <= 7) || i >= 28;
}

/* Patterns in t0..t6 say whose they are: a mark, and bits of the address of the thread's `state`. */
#define MARK 0x5a5a
static uint64_t marked(uint64_t value, const uint64_t *state)
{
    return (uint64_t)MARK << 48 | ((uint64_t)state & 0xffffffff) << 16 | (value & 0xffff);
}

static void pattern(uint64_t r[32], uint64_t *state)
{
    for (unsigned i = 0; i < 32; i++)
        r[i] = is_temporary(i) ? marked(kt_random(state), state) : kt_random(state);
}

/* What a system call leaves in t0..t6 is the thread's own: no address of the kernel, no pattern of another thread. */
static bool may_be_left(uint64_t value, const uint64_t *state)
{
    return value - KERNEL_BASE >= KERNEL_BYTES && (value >> 48 != MARK || value >> 16 == marked(0, state) >> 16);
}

/* Makes the call with patterns in all other registers and compares. `r` may hold arguments in a0..a6. */
static void checked_ecall(uint64_t number, uint64_t a0, uint64_t a1, const uint64_t mr[4], uint64_t a6, uint64_t *state,
                          uint64_t out[32])
{
    uint64_t before[32];

    pattern(before, state);
    before[A0] = a0;
    before[A0 + 1] = a1;
    for (unsigned i = 0; i < 4; i++)
        before[A0 + 2 + i] = mr ? mr[i] : 0x1000 + i;
    before[A6] = a6;
    before[A7] = number;
    for (unsigned i = 0; i < 32; i++)
        out[i] = before[i];
    kt_regs_ecall(out);
    for (unsigned i = 1; i < 32; i++) {
        if (i >= A0 && i <= A5)
            continue;
        if (is_temporary(i)) {
            if (!kt_check(may_be_left(out[i], state), __FILE__, (int)number, "t0..t6: values of the thread's own",
                          out[i], before[i]))
                return;
            continue;
        }
        if (!kt_check(out[i] == before[i], __FILE__, (int)number, "line is the system call: x1..x31 preserved", out[i],
                      before[i]))
            return;
    }
}

static void test_simple_calls(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), frame = kt_object(TN_FRAME, 12);
    tn_cptr_t ntfn = kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, 6), reply = kt_object(TN_REPLY, 0);
    uint64_t state = kt_test_seed, out[32];

    kt_batch_clear();
    for (unsigned round = 0; round < 8; round++) {
        kt_case(round);
        checked_ecall(TN_SYS_HART, 0, 0, NULL, 0, &state, out);
        EXPECT_EQ(out[A0], kt_main_hart);
        checked_ecall(TN_SYS_YIELD, 0, 0, NULL, 0, &state, out);
        checked_ecall(TN_SYS_NB_SEND, ep, tn_info(1, 0, 2), NULL, 0, &state, out);
        EXPECT(!tn_info_is_error(out[A0 + 1]));
        checked_ecall(TN_SYS_NB_RECV, ep, 0, NULL, reply, &state, out);
        EXPECT(tn_info_is_error(out[A0 + 1]) && tn_info_label(out[A0 + 1]) == TN_WOULD_BLOCK);
        checked_ecall(TN_SYS_SIGNAL, ntfn, 0, NULL, 0, &state, out);
        checked_ecall(TN_SYS_WAIT, ntfn, 0, NULL, 0, &state, out);
        EXPECT_EQ(out[A0], 6);
        checked_ecall(TN_SYS_POLL, ntfn, 0, NULL, 0, &state, out);
        EXPECT_EQ(out[A0], 0);
        checked_ecall(TN_SYS_CALL, frame, tn_info(TN_FRAME_ADDRESS, 0, 0), NULL, 0, &state, out);
        EXPECT_EQ(out[A0 + 3], 12);
        checked_ecall(TN_SYS_PT_WRITE, 0, 0, NULL, 0, &state, out);
        EXPECT(!tn_info_is_error(out[A0 + 1]));
        checked_ecall(TN_SYS_DEBUG_PUT, 0, 0, NULL, 0, &state, out);
        checked_ecall(TN_SYS_CALL, 0, 0, NULL, 0, &state, out);
        EXPECT(tn_info_is_error(out[A0 + 1]) && tn_info_label(out[A0 + 1]) == TN_FAILED_LOOKUP);
    }
}

/* Serves arg[0] with reply object arg[1], arg[2] times, registers checked; answers words + 1. */
static void checked_server(struct kt_thread *t)
{
    uint64_t state = kt_test_seed ^ 0x5555, out[32];

    checked_ecall(TN_SYS_RECV, t->arg[0], 0, NULL, t->arg[1], &state, out);
    for (uint64_t i = 0; i < t->arg[2]; i++) {
        const uint64_t mr[4] = {out[12] + 1, out[13] + 1, out[14] + 1, out[15] + 1};
        if (i + 1 < t->arg[2])
            checked_ecall(TN_SYS_REPLY_RECV, t->arg[0], tn_info(7, 0, 4), mr, t->arg[1], &state, out);
        else
            checked_ecall(TN_SYS_REPLY, 0, tn_info(7, 0, 4), mr, t->arg[1], &state, out);
    }
}

static void checked_client(struct kt_thread *t)
{
    uint64_t state = kt_test_seed ^ 0xaaaa, out[32];

    for (uint64_t i = 0; i < t->arg[2]; i++) {
        const uint64_t mr[4] = {i, i * 3, ~i, i << 40};
        checked_ecall(TN_SYS_CALL, t->arg[0], tn_info(i, 0, 4), mr, 0, &state, out);
        EXPECT_EQ(out[11], tn_info(7, 0, 4));
        for (unsigned k = 0; k < 4; k++)
            EXPECT_EQ(out[12 + k], mr[k] + 1);
    }
}

static void run_pair(unsigned server_hart, unsigned client_hart)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0);
    struct kt_thread *server = kt_thread_new(server_hart, checked_server);
    struct kt_thread *client = kt_thread_new(client_hart, checked_client);

    server->arg[0] = client->arg[0] = ep;
    server->arg[1] = reply;
    server->arg[2] = client->arg[2] = 200;
    kt_thread_start(server);
    kt_thread_start(client);
    kt_join(client);
    kt_join(server);
}

static void test_call_same_hart(void)
{
    run_pair(kt_main_hart, kt_main_hart);
}

static void test_call_cross_hart(void)
{
    run_pair(kt_main_hart, (kt_main_hart + 1) % kt_harts);
    run_pair((kt_main_hart + 1) % kt_harts, kt_main_hart);
}

static void checked_waiter(struct kt_thread *t)
{
    uint64_t state = kt_test_seed ^ 0x1234, out[32];

    for (unsigned i = 0; i < 50; i++) {
        checked_ecall(TN_SYS_WAIT, t->arg[0], 0, NULL, 0, &state, out);
        EXPECT_EQ(out[A0], 8);
        checked_ecall(TN_SYS_SEND, t->arg[1], tn_info(i, 0, 1), NULL, 0, &state, out);
        EXPECT(!tn_info_is_error(out[A0 + 1]));
    }
}

static void run_waiter(unsigned hart)
{
    tn_cptr_t ntfn = kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, 8), ep = kt_object(TN_ENDPOINT, 0);
    struct kt_thread *t = kt_spawn(hart, checked_waiter, ntfn, ep);
    struct kt_msg m = {0};

    for (unsigned i = 0; i < 50; i++) {
        EXPECT_OK(kt_signal(ntfn));
        EXPECT_OK(kt_recv(ep, &m, 0));
        EXPECT_EQ(tn_info_label(m.info), i);
    }
    kt_join(t);
}

static void test_wait_send(void)
{
    for (unsigned hart = 0; hart < kt_harts; hart++)
        run_waiter(hart);
}

static void spinner(struct kt_thread *t)
{
    uint64_t state = kt_test_seed + t->index * 7919, before[32], r[32];

    for (unsigned round = 0; round < 4; round++) {
        pattern(before, &state);
        before[31] = 3000000;
        for (unsigned i = 0; i < 32; i++)
            r[i] = before[i];
        kt_regs_spin(r);
        for (unsigned i = 1; i < 31; i++)
            if (!EXPECT_EQ(r[i], before[i]))
                return;
        kt_add(&t->count, 1);
    }
}

/* Several threads of equal priority on each hart, all with their own patterns in all registers. */
static void test_preemption(void)
{
    enum { PER_HART = 3 };
    struct kt_thread *t[PER_HART * KT_HARTS_MAX];
    unsigned n = 0, harts = kt_harts < 4 ? kt_harts : 4;

    for (unsigned i = 0; i < PER_HART * harts; i++)
        t[n++] = kt_spawn(i % harts, spinner, 0, 0);
    for (unsigned i = 0; i < n; i++)
        kt_join(t[i]);
}

const struct kt_test regs_tests[] = {
    {"regs.simple_calls", test_simple_calls, 0},       {"regs.call_same_hart", test_call_same_hart, 0},
    {"regs.call_cross_hart", test_call_cross_hart, 2}, {"regs.wait_send", test_wait_send, 0},
    {"regs.preemption", test_preemption, 0},           {NULL, NULL, 0},
};
