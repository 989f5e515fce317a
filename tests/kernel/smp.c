/* All harts at once: calls, signals, faults, page-table writes and flushes. Bounded work, no timing assumptions. */
#include "echo.h"

#define HARTS_MAX 8 /* that storm */
#define SIGNALS 150 /* by each of them */

static unsigned storm_harts(void)
{
    return kt_harts < HARTS_MAX ? kt_harts : HARTS_MAX;
}

static void caller(struct kt_thread *t)
{
    for (uint64_t i = 0; i < t->arg[1]; i++) {
        uint64_t result = 0, word = (uint64_t)t->index << 32 | i;
        if (!EXPECT_OK(kt_call1(t->arg[0], 1, word, &result)) || !EXPECT_EQ(result, word + 1))
            return;
    }
}

/* Every pair of harts plays ping-pong. */
static void test_ping_pong(void)
{
    unsigned n = storm_harts();

    for (unsigned server_hart = 0; server_hart < n; server_hart++) {
        tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
        struct kt_thread *server = echo_spawn(server_hart, ep);
        for (unsigned hart = 0; hart < n; hart++) {
            kt_case(server_hart << 8 | hart);
            kt_join(kt_spawn(hart, caller, ep, 40));
        }
        echo_stop(server);
    }
}

/* One endpoint, a server and two clients on each hart. Any server serves any client. */
static void test_shared_endpoint(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    struct kt_thread *client[2 * HARTS_MAX], *server[HARTS_MAX];
    unsigned n = storm_harts();
    uint64_t served = 0;

    for (unsigned i = 0; i < n; i++)
        server[i] = echo_spawn(i, ep);
    for (unsigned i = 0; i < 2 * n; i++)
        client[i] = kt_spawn(i % n, caller, ep, 200);
    for (unsigned i = 0; i < 2 * n; i++)
        kt_join(client[i]);
    for (unsigned i = 0; i < n; i++)
        EXPECT_OK(kt_call1(ep, ECHO_STOP, 0, NULL));
    for (unsigned i = 0; i < n; i++) {
        kt_join(server[i]);
        served += server[i]->count;
    }
    EXPECT_EQ(served, 2 * n * 200 + n);
}

static void sender(struct kt_thread *t)
{
    for (uint64_t i = 0; i < t->arg[1]; i++) {
        struct kt_msg m = kt_msg1(1, (uint64_t)t->index << 32 | i);
        if (!EXPECT_OK(kt_send(t->arg[0], &m)))
            return;
    }
}

/* Sends of many harts to one receiver: all arrive, those of one sender in order. */
static void test_send_storm(void)
{
    enum { SENDS = 200 };
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    uint64_t next[KT_THREADS_MAX] = {0};
    unsigned n = storm_harts();

    for (unsigned i = 0; i < n; i++)
        kt_spawn(i, sender, ep, SENDS);
    for (unsigned i = 0; i < n * SENDS; i++) {
        struct kt_msg m = {0};
        REQUIRE_OK(kt_recv(ep, &m, 0));
        unsigned who = (unsigned)(m.mr[0] >> 32);
        REQUIRE(who < n);
        REQUIRE_EQ((uint32_t)m.mr[0], next[who]);
        next[who]++;
    }
    for (unsigned i = 0; i < n; i++)
        EXPECT_EQ(next[i], SENDS);
}

static uint64_t signals_sent; /* atomic: 1 where a bit was signalled and not yet seen, per sender */

static void signaller(struct kt_thread *t)
{
    uint64_t bit = t->arg[1];

    for (unsigned i = 0; i < SIGNALS; i++) {
        while (__atomic_load_n(&signals_sent, __ATOMIC_ACQUIRE) & bit)
            kt_yield();
        __atomic_fetch_or(&signals_sent, bit, __ATOMIC_ACQ_REL);
        EXPECT_OK(kt_signal(t->arg[0]));
    }
}

/* Each sender signals again only after its bit was seen: no signal is lost, none comes twice. */
static void test_signal_storm(void)
{
    tn_cptr_t ntfn = kt_object(TN_NOTIFICATION, 0);
    unsigned n = storm_harts(), seen = 0;

    signals_sent = 0;
    for (unsigned i = 0; i < n; i++)
        kt_spawn(i, signaller, kt_mint(ntfn, TN_WRITE, 1ull << i), 1ull << i);
    while (seen < n * SIGNALS) {
        uint64_t bits = 0;
        REQUIRE_OK(kt_wait(ntfn, &bits));
        REQUIRE(bits != 0);
        EXPECT_EQ(bits & ~__atomic_load_n(&signals_sent, __ATOMIC_ACQUIRE), 0);
        seen += (unsigned)__builtin_popcountll(bits);
        __atomic_fetch_and(&signals_sent, ~bits, __ATOMIC_ACQ_REL);
    }
    EXPECT_EQ(seen, n * SIGNALS);
}

static void multi_waiter(struct kt_thread *t)
{
    while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
        uint64_t bits = 0;
        if (kt_wait(t->arg[0], &bits) != TN_OK)
            return;
        EXPECT(bits != 0);
        kt_add(&t->count, (uint64_t)__builtin_popcountll(bits));
        __atomic_fetch_and(&signals_sent, ~bits, __ATOMIC_ACQ_REL);
    }
}

/* The same with waiters on all harts: each bit reaches exactly one of them. */
static void test_waiter_storm(void)
{
    uint32_t ntfn = (uint32_t)kt_object(TN_NOTIFICATION, 0);
    struct kt_thread *w[HARTS_MAX], *s[HARTS_MAX];
    unsigned n = storm_harts();
    uint64_t seen = 0;

    signals_sent = 0;
    for (unsigned i = 0; i < n; i++)
        w[i] = kt_spawn(n - 1 - i, multi_waiter, ntfn, 0);
    for (unsigned i = 0; i < n; i++)
        s[i] = kt_spawn(i, signaller, kt_mint(ntfn, TN_WRITE, 1ull << i), 1ull << i);
    for (unsigned i = 0; i < n; i++)
        kt_join(s[i]);
    for (unsigned i = 0; i < 2000 && __atomic_load_n(&signals_sent, __ATOMIC_ACQUIRE) != 0; i++)
        kt_sleep_ticks(kt_ticks_ms(1));
    EXPECT_EQ(__atomic_load_n(&signals_sent, __ATOMIC_ACQUIRE), 0);
    for (unsigned i = 0; i < n; i++) {
        w[i]->stop = 1;
        seen += kt_load_acquire(&w[i]->count);
    }
    EXPECT_EQ(seen, n * SIGNALS);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, ntfn));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, ntfn));
    for (unsigned i = 0; i < n; i++)
        kt_join(w[i]);
}

/* ---- Page tables ---- */

/* arg[0] table, arg[1] frame, arg[2] first entry, arg[3] view. Maps, checks and clears its own entries, over and over. */
static void pt_writer(struct kt_thread *t)
{
    const volatile uint64_t *view = (const volatile uint64_t *)t->arg[3];
    unsigned first = (unsigned)t->arg[2];
    uint64_t state = kt_test_seed + t->index;

    for (unsigned i = 0; i < 400; i++) {
        unsigned count = 1 + kt_random(&state) % 16, page = kt_random(&state) % 48;
        if (!EXPECT_OK(kt_pt(t->arg[0], TN_PT_MAP, first, count, t->arg[1], page, TN_READ)))
            return;
        uint64_t base = view[first];
        for (unsigned k = 0; k < count; k++)
            if (!EXPECT_EQ(tn_pte_paddr(view[first + k]), tn_pte_paddr(base) + k * 4096ull))
                return;
        if (!EXPECT_OK(kt_pt(t->arg[0], TN_PT_CLEAR, first, 16, 0, 0, 0)) || !EXPECT_EQ(view[first], 0))
            return;
    }
}

/* Neighbouring entries of one table written by all harts: nobody's entries are disturbed. */
static void test_pt_neighbours(void)
{
    tn_cptr_t table = kt_object(TN_PAGETABLE, 0), frame = kt_object(TN_FRAME, 18);
    const volatile uint64_t *view = kt_view(table);
    struct kt_thread *t[HARTS_MAX];
    unsigned n = storm_harts();

    for (unsigned i = 0; i < n; i++) {
        t[i] = kt_thread_new(i, pt_writer);
        t[i]->arg[0] = table;
        t[i]->arg[1] = frame;
        t[i]->arg[2] = i * 16;
        t[i]->arg[3] = (uint64_t)view;
        kt_thread_start(t[i]);
    }
    for (unsigned i = 0; i < n; i++)
        kt_join(t[i]);
    for (unsigned i = 0; i < 512; i++)
        EXPECT_EQ(view[i], 0);
}

/* arg[0] table, arg[1] frame; all harts exchange the same entries, and keep count of what they put in and got out. */
static void pt_exchanger(struct kt_thread *t)
{
    uint64_t state = kt_test_seed + t->index * 77;

    for (unsigned i = 0; i < 400; i++) {
        kt_batch_clear();
        struct tn_pt_run *r =
            kt_batch_add(t->arg[0], TN_PT_MAP, kt_random(&state) % 4, 4, t->arg[1], kt_random(&state) % 12, TN_READ);
        r->flags = TN_PT_OLD;
        r->out = 40;
        if (!EXPECT_OK(kt_batch_write()))
            return;
        for (unsigned k = 0; k < 4; k++) {
            uint64_t old = kt_batch_words()[40 + k];
            t->result[0] += ((r->page + k) << 8) + 1; /* in: sum of pages and number of entries */
            if (old)
                t->result[1] += (((tn_pte_paddr(old) - t->arg[2]) >> 12) << 8) + 1; /* out */
        }
    }
}

/* Exchange is atomic: what went in came out once, or is still there. */
static void test_pt_exchange(void)
{
    tn_cptr_t table = kt_object(TN_PAGETABLE, 0), frame = kt_object(TN_FRAME, 16);
    const volatile uint64_t *view = kt_view(table);
    struct kt_msg m = INVM0(frame, TN_FRAME_ADDRESS);
    struct kt_thread *t[HARTS_MAX];
    unsigned n = storm_harts();
    uint64_t in = 0, out = 0;

    for (unsigned i = 0; i < n; i++) {
        t[i] = kt_thread_new(i, pt_exchanger);
        t[i]->arg[0] = table;
        t[i]->arg[1] = frame;
        t[i]->arg[2] = m.mr[0];
        kt_thread_start(t[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        kt_join(t[i]);
        in += t[i]->result[0];
        out += t[i]->result[1];
    }
    for (unsigned i = 0; i < 8; i++)
        if (view[i])
            out += (((tn_pte_paddr(view[i]) - m.mr[0]) >> 12) << 8) + 1;
    EXPECT_EQ(in, out);
}

static void flusher(struct kt_thread *t)
{
    uint64_t state = kt_test_seed + t->index;

    for (unsigned i = 0; i < 60; i++) {
        uint64_t pages = kt_random(&state) % 3, wait = kt_random(&state) % 2;
        if (!EXPECT_OK(INV(t->arg[0], TN_VSPACE_FLUSH, kt_random(&state) & 0xfffff000, pages, wait)))
            return;
        if (i % 25 == 0)
            EXPECT_OK(INV0(t->arg[0], TN_VSPACE_FENCE_I));
    }
}

/* All harts flush each other, waiting, at the same time: nobody waits for ever. */
static void test_flush_storm(void)
{
    struct kt_thread *t[2 * HARTS_MAX];
    unsigned n = storm_harts();

    for (unsigned i = 0; i < 2 * n; i++)
        t[i] = kt_spawn(i % n, flusher, TN_INIT_VSPACE, 0);
    for (unsigned i = 0; i < 2 * n; i++)
        kt_join(t[i]);
}

/* Faults of all harts through one gate, each served beside the faulting thread, while flushes go round. */
static void fault_server(struct kt_thread *t)
{
    struct kt_msg m = {0};

    int error = kt_recv(t->arg[0], &m, t->arg[1]);
    while (error == TN_OK && !t->stop) {
        kt_add(&t->count, 1);
        kt_batch_clear();
        kt_batch_add(t->arg[2], TN_PT_MAP, m.mr[1] >> 12 & 511, 1, t->arg[3], m.mr[1] >> 12 & 511, TN_READ | TN_WRITE);
        m.info = tn_info(0, 0, 0);
        m.badge = t->arg[0];
        kt_ecall(TN_SYS_PT_REPLY_RECV, &m, t->arg[1]);
        error = kt_error(&m);
    }
}

static void test_fault_storm(void)
{
    enum { PAGES = 40 };
    struct kt_space s;
    struct kt_probe p[HARTS_MAX];
    tn_cptr_t frame = kt_object(TN_FRAME, 21), gate = kt_object(TN_GATE, kt_gate_bits());
    struct kt_thread *server[HARTS_MAX], *flush[HARTS_MAX];
    unsigned n = storm_harts();

    kt_space_new(&s);
    for (unsigned i = 0; i < n; i++) {
        server[i] = kt_thread_new_prio(i, 20, fault_server);
        server[i]->arg[0] = kt_object(TN_ENDPOINT, 0);
        server[i]->arg[1] = kt_object(TN_REPLY, 0);
        server[i]->arg[2] = s.table[0];
        server[i]->arg[3] = frame;
        EXPECT_OK(INV(gate, TN_GATE_SET, i, server[i]->arg[0]));
        kt_thread_start(server[i]);
        kt_probe_new_handled(&p[i], &s, i, gate);
        flush[i] = kt_spawn(i, flusher, s.vspace, 0);
    }
    for (unsigned page = 0; page < PAGES; page++) {
        for (unsigned i = 0; i < n; i++)
            kt_probe_start(&p[i], KT_STORE, KT_VA(100 + i * PAGES + page), i << 16 | page);
        for (unsigned i = 0; i < n; i++)
            REQUIRE_EQ(kt_probe_finish(&p[i]), 0);
    }
    for (unsigned i = 0; i < n; i++) {
        kt_join(flush[i]);
        EXPECT_EQ(kt_load_acquire(&server[i]->count), PAGES);
        for (unsigned page = 0; page < PAGES; page++)
            EXPECT(kt_probe_loads(&p[(i + 1) % n], KT_VA(100 + i * PAGES + page), i << 16 | page));
    }
}

const struct kt_test smp_tests[] = {
    {"smp.ping_pong", test_ping_pong, 2},       {"smp.shared_endpoint", test_shared_endpoint, 2},
    {"smp.send_storm", test_send_storm, 2},     {"smp.signal_storm", test_signal_storm, 2},
    {"smp.waiter_storm", test_waiter_storm, 2}, {"smp.pt_neighbours", test_pt_neighbours, 2},
    {"smp.pt_exchange", test_pt_exchange, 2},   {"smp.flush_storm", test_flush_storm, 2},
    {"smp.fault_storm", test_fault_storm, 2},   {NULL, NULL, 0},
};
