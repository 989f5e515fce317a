/* Floating point: each thread has its own f0..f31 and fcsr, across preemption, yields, calls and migration. */
#include "kt.h"

static void pattern(uint64_t f[33], uint64_t *state)
{
    for (unsigned i = 0; i < 32; i++)
        f[i] = kt_random(state);
    f[32] = kt_random(state) % 5 << 5 | (kt_random(state) & 31); /* rounding mode 0..4, flags */
}

static void compare(const uint64_t in[33], const uint64_t out[33])
{
    for (unsigned i = 0; i < 33; i++)
        if (!EXPECT_EQ(out[i], in[i]))
            return;
}

/* arg[0]: loops, arg[1]: yields in each, arg[2]: rounds. */
static void fp_thread(struct kt_thread *t)
{
    uint64_t state = kt_test_seed + t->index * 31337, in[33], out[33];

    for (uint64_t i = 0; i < t->arg[2]; i++) {
        pattern(in, &state);
        kt_fp_spin(in, out, t->arg[0], t->arg[1]);
        compare(in, out);
        kt_add(&t->count, 1);
    }
}

static struct kt_thread *fp_spawn(unsigned hart, uint64_t loops, uint64_t yields, uint64_t rounds)
{
    struct kt_thread *t = kt_thread_new(hart, fp_thread);

    t->arg[0] = loops;
    t->arg[1] = yields;
    t->arg[2] = rounds;
    kt_thread_start(t);
    return t;
}

static void run(unsigned per_hart, uint64_t loops, uint64_t yields, uint64_t rounds)
{
    struct kt_thread *t[KT_HARTS_MAX * 4];
    unsigned n = 0, harts = kt_harts < 4 ? kt_harts : 4;

    for (unsigned i = 0; i < harts * per_hart; i++)
        t[n++] = fp_spawn(i % harts, loops, yields, rounds);
    for (unsigned i = 0; i < n; i++)
        kt_join(t[i]);
}

/* Threads that give way in the middle of it. */
static void test_yields(void)
{
    run(4, 20, 1, 20);
}

/* Threads that are taken off the hart. */
static void test_preemption(void)
{
    run(3, 4000000, 0, 3);
}

static void int_thread(struct kt_thread *t)
{
    while (!t->stop) {
        kt_add(&t->count, 1);
        kt_yield();
    }
}

/* Beside threads that never touch floating point: their lazy neighbours keep their state. */
static void test_beside_integer_threads(void)
{
    struct kt_thread *a = kt_spawn(kt_main_hart, int_thread, 0, 0), *b = kt_spawn(kt_main_hart, int_thread, 0, 0);

    kt_join(fp_spawn(kt_main_hart, 50, 1, 10));
    a->stop = b->stop = 1;
    kt_join(a);
    kt_join(b);
    EXPECT(a->count > 0 && b->count > 0);
}

/* Moved from hart to hart while it holds its patterns. */
static void test_migration(void)
{
    struct kt_thread *t = fp_spawn(0, 3000, 1, 30), *other = fp_spawn(1, 3000, 1, 30);
    uint64_t state = kt_test_seed;

    while (!kt_is_done(t) && !kt_failed()) {
        EXPECT_OK(INV(t->tcb, TN_TCB_SET_AFFINITY, kt_random(&state) % kt_harts));
        kt_sleep_ticks(kt_ticks_ms(1) / 4);
    }
    kt_join(t);
    kt_join(other);
}

/* Suspended and resumed in the middle. */
static void test_suspension(void)
{
    struct kt_thread *t = fp_spawn(kt_harts - 1, 2000, 1, 20), *other = fp_spawn(kt_harts - 1, 2000, 1, 20);

    while (!kt_is_done(t) && !kt_failed()) {
        EXPECT_OK(INV0(t->tcb, TN_TCB_SUSPEND));
        kt_sleep_ticks(kt_ticks_ms(1) / 4);
        EXPECT_OK(INV0(t->tcb, TN_TCB_RESUME));
        kt_sleep_ticks(kt_ticks_ms(1) / 4);
    }
    kt_join(t);
    kt_join(other);
}

/* A new thread starts with zeroes, not with somebody's secrets. */
static void read_initial(struct kt_thread *t)
{
    uint64_t sum = 0, fcsr;

#define READ_F(n)                                                                                                      \
    do {                                                                                                               \
        uint64_t bits;                                                                                                 \
        __asm__ volatile("fmv.x.d %0, f" #n : "=r"(bits));                                                             \
        sum |= bits;                                                                                                   \
    } while (0)
    READ_F(0);
    READ_F(1);
    READ_F(2);
    READ_F(7);
    READ_F(8);
    READ_F(9);
    READ_F(15);
    READ_F(18);
    READ_F(24);
    READ_F(28);
    READ_F(31);
#undef READ_F
    __asm__ volatile("frcsr %0" : "=r"(fcsr));
    t->result[0] = sum;
    t->result[1] = fcsr;
}

static void test_fresh(void)
{
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        kt_case(hart);
        kt_join(fp_spawn(hart, 10, 0, 1));
        struct kt_thread *t = kt_spawn(hart, read_initial, 0, 0);
        kt_join(t);
        EXPECT_EQ(t->result[0], 0);
        EXPECT_EQ(t->result[1], 0);
    }
}

/* WRITE_REGS begins a thread anew: its floating-point state is gone as well. */
static void test_write_regs(void)
{
    struct kt_thread *t = fp_spawn(kt_harts - 1, 100000000, 1, 1);

    kt_sleep_ticks(kt_ticks_ms(3));
    EXPECT_OK(INV0(t->tcb, TN_TCB_SUSPEND));
    t->fn = read_initial;
    EXPECT_OK(INV(t->tcb, TN_TCB_WRITE_REGS, (uint64_t)kt_thread_entry, (uint64_t)t->stack_top, (uint64_t)t->tls,
                  (uint64_t)t));
    EXPECT_OK(INV0(t->tcb, TN_TCB_RESUME));
    kt_join(t);
    EXPECT_EQ(t->result[0], 0);
    EXPECT_EQ(t->result[1], 0);
}

/* The state of a deleted thread does not come back in the next one that stands in its memory. */
static void test_reused_tcb(void)
{
    for (unsigned round = 0; round < 10; round++) {
        unsigned hart = round % kt_harts;
        struct kt_thread *t = fp_spawn(hart, 100000000, 1, 1);
        kt_case(round);
        kt_sleep_ticks(kt_ticks_ms(1));
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, kt_slot_untyped));
        kt_thread_begin();
        t = kt_spawn(hart, read_initial, 0, 0);
        kt_join(t);
        EXPECT_EQ(t->result[0], 0);
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, kt_slot_untyped));
        kt_thread_begin();
    }
}

/* Arithmetic that goes on over calls to a server that calculates too. */
static void fp_server(struct kt_thread *t)
{
    struct kt_msg m = {0};
    volatile double sum = 0.5;

    for (int error = kt_recv(t->arg[0], &m, t->arg[1]); error == TN_OK;) {
        sum = sum * 1.0000001 + (double)m.mr[0];
        m.info = tn_info(0, 0, 1);
        error = kt_reply_recv(t->arg[0], &m, t->arg[1]);
    }
}

static void fp_client(struct kt_thread *t)
{
    double x = 1.0, y = 0.0;

    for (unsigned i = 1; i <= 2000; i++) {
        x = x * 1.5 - (double)i / 3.0;
        x = x > 1e6 || x < -1e6 ? 1.0 : x;
        EXPECT_OK(kt_call1(t->arg[0], 1, i, NULL));
        y += x;
    }
    t->result[0] = (uint64_t)(int64_t)(y * 16.0);
}

static void test_calls(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    double x = 1.0, y = 0.0;

    kt_spawn(kt_main_hart, fp_server, ep, kt_object(TN_REPLY, 0));
    struct kt_thread *a = kt_spawn(kt_main_hart, fp_client, ep, 0), *b = kt_spawn(kt_harts - 1, fp_client, ep, 0);
    for (unsigned i = 1; i <= 2000; i++) {
        x = x * 1.5 - (double)i / 3.0;
        x = x > 1e6 || x < -1e6 ? 1.0 : x;
        y += x;
    }
    kt_join(a);
    kt_join(b);
    EXPECT_EQ(a->result[0], (uint64_t)(int64_t)(y * 16.0));
    EXPECT_EQ(b->result[0], a->result[0]);
}

const struct kt_test fp_tests[] = {
    {"fp.yields", test_yields, 0},
    {"fp.preemption", test_preemption, 0},
    {"fp.beside_integer_threads", test_beside_integer_threads, 0},
    {"fp.migration", test_migration, 2},
    {"fp.suspension", test_suspension, 0},
    {"fp.fresh", test_fresh, 0},
    {"fp.write_regs", test_write_regs, 0},
    {"fp.reused_tcb", test_reused_tcb, 0},
    {"fp.calls", test_calls, 0},
    {NULL, NULL, 0},
};
