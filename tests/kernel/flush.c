/* TLB: flushes make unmapping and protection visible on every hart; becoming valid needs none; new code is seen. */
#include "kt.h"

enum { LOAD = 13, STORE = 15 };

static struct kt_space space;
static struct kt_probe probe[KT_HARTS_MAX];
static tn_cptr_t frame;
static volatile uint64_t *word;

/* A space with one frame of 16 pages from KT_DATA_INDEX on, and a probe on each of `n` harts. */
static void bed_init(unsigned n)
{
    frame = kt_object(TN_FRAME, 16);
    word = kt_map(frame, 0, 16, TN_READ | TN_WRITE);
    kt_space_new(&space);
    REQUIRE_OK(kt_pt(space.table[0], TN_PT_MAP, KT_DATA_INDEX, 16, frame, 0, TN_READ | TN_WRITE));
    for (unsigned i = 0; i < n; i++)
        kt_probe_new(&probe[i], &space, i);
}

static struct kt_msg flush(uint64_t va, uint64_t pages, uint64_t wait)
{
    return INVM(space.vspace, TN_VSPACE_FLUSH, va, pages, wait);
}

/* Threads write without pause; clear, flush, wait: not one write more. */
static void test_unmap_visible(void)
{
    unsigned n = kt_harts < 4 ? kt_harts : 4;

    bed_init(n);
    for (unsigned round = 0; round < 10; round++) {
        kt_case(round);
        for (unsigned i = 0; i < n; i++) {
            uint64_t from = word[i];
            kt_probe_start(&probe[i], KT_COUNT_UP, KT_VA(KT_DATA_INDEX) + 8 * i, 0);
            kt_await_count((uint64_t *)&word[i], from + 2);
        }
        REQUIRE_OK(kt_pt(space.table[0], TN_PT_CLEAR, KT_DATA_INDEX, 1, 0, 0, 0));
        struct kt_msg m = flush(KT_VA(KT_DATA_INDEX), round % 2, 1);
        EXPECT_OK(kt_error(&m));
        EXPECT(m.mr[0] < kt_boot->harts);
        uint64_t still[KT_HARTS_MAX];
        for (unsigned i = 0; i < n; i++)
            still[i] = word[i];
        for (unsigned i = 0; i < n; i++) {
            EXPECT_EQ(kt_probe_finish(&probe[i]), TN_FAULT_VM);
            kt_probe_reset(&probe[i]);
            EXPECT_EQ(word[i], still[i]);
        }
        REQUIRE_OK(kt_pt(space.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame, 0, TN_READ | TN_WRITE));
    }
}

/* The same for rights that are taken away. */
static void test_protect_visible(void)
{
    unsigned n = kt_harts < 4 ? kt_harts : 4;

    bed_init(n);
    for (unsigned i = 0; i < n; i++) {
        kt_probe_start(&probe[i], KT_STORE_FOR_EVER, KT_VA(KT_DATA_INDEX) + 8 * i, 1 + i);
        kt_await_count((uint64_t *)&word[i], 1);
    }
    REQUIRE_OK(kt_pt(space.table[0], TN_PT_PROTECT, KT_DATA_INDEX, 1, 0, 0, TN_READ));
    struct kt_msg m = flush(KT_VA(KT_DATA_INDEX), 1, 1);
    EXPECT_OK(kt_error(&m));
    for (unsigned i = 0; i < n; i++) {
        word[i] = 0;
        EXPECT_EQ(kt_probe_finish(&probe[i]), TN_FAULT_VM);
        EXPECT_EQ(probe[i].msg.mr[3], STORE);
        kt_probe_reset(&probe[i]);
        EXPECT_EQ(word[i], 0);
        EXPECT(kt_probe_loads(&probe[i], KT_VA(KT_DATA_INDEX) + 8 * i, 0));
    }
}

/* Without waiting it takes effect within bounded time. */
static void test_without_wait(void)
{
    bed_init(kt_harts);
    for (unsigned i = 0; i < kt_harts; i++) {
        kt_case(i);
        uint64_t from = word[0];
        kt_probe_start(&probe[i], KT_COUNT_UP, KT_VA(KT_DATA_INDEX), 0);
        kt_await_count((uint64_t *)word, from + 2);
        REQUIRE_OK(kt_pt(space.table[0], TN_PT_CLEAR, KT_DATA_INDEX, 1, 0, 0, 0));
        struct kt_msg m = flush(KT_VA(KT_DATA_INDEX), 1, 0);
        EXPECT_OK(kt_error(&m));
        EXPECT_EQ(kt_probe_finish(&probe[i]), TN_FAULT_VM); /* it comes, or the test hangs */
        kt_probe_reset(&probe[i]);
        REQUIRE_OK(kt_pt(space.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame, 0, TN_READ | TN_WRITE));
    }
}

/* Many pages, ranges, everything, and ranges that hold nothing. */
static void test_ranges(void)
{
    bed_init(kt_harts);
    static const unsigned pages[] = {1, 2, 3, 8, 16, 0, 100000};
    for (unsigned k = 0; k < sizeof(pages) / sizeof(pages[0]); k++) {
        kt_case(pages[k]);
        for (unsigned i = 0; i < kt_harts; i++)
            for (unsigned page = 0; page < 16; page += 5)
                EXPECT(kt_probe_run(&probe[i], KT_LOAD, KT_VA(KT_DATA_INDEX + page), 0, NULL) == 0);
        unsigned cleared = pages[k] == 0 || pages[k] > 16 ? 16 : pages[k];
        REQUIRE_OK(kt_pt(space.table[0], TN_PT_CLEAR, KT_DATA_INDEX, cleared, 0, 0, 0));
        struct kt_msg m = flush(KT_VA(KT_DATA_INDEX), pages[k], 1);
        EXPECT_OK(kt_error(&m));
        for (unsigned i = 0; i < kt_harts; i++)
            for (unsigned page = 0; page < 16; page += 5) {
                unsigned fault = kt_probe_run(&probe[i], KT_LOAD, KT_VA(KT_DATA_INDEX + page), 0, NULL);
                EXPECT_EQ(fault, page < cleared ? TN_FAULT_VM : 0);
            }
        REQUIRE_OK(kt_pt(space.table[0], TN_PT_MAP, KT_DATA_INDEX, 16, frame, 0, TN_READ | TN_WRITE));
    }
}

/* arg[0]: an address of one's own window, arg[1], arg[2]: its table and index. */
static void unmap_own(struct kt_thread *t)
{
    volatile uint64_t *own = (uint64_t *)t->arg[0];

    t->result[0] = own[0];
    EXPECT_OK(kt_pt(t->arg[1], TN_PT_CLEAR, (unsigned)t->arg[2], 1, 0, 0, 0));
    EXPECT_OK(INV(TN_INIT_VSPACE, TN_VSPACE_FLUSH, t->arg[0], 1, 1));
    t->result[1] = own[0]; /* faults */
    t->result[2] = 1;
}

/* A thread unmaps a page of the space that it runs in; without any switch in between, it must miss it. */
static void test_own_space(void)
{
    unsigned top = kt_boot->levels - 1;
    uint64_t va = 9ull << (12 + 9 * top);
    struct kt_space s = {0};
    tn_cptr_t page = kt_object(TN_FRAME, 12), ep = kt_object(TN_ENDPOINT, 0);

    *(uint64_t *)kt_map(page, 0, 1, TN_READ | TN_WRITE) = 31;
    s.table[top] = TN_INIT_ROOT_TABLE;
    tn_cptr_t table = kt_space_extend(&s, va, 0);
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        struct kt_msg m = {0};
        kt_case(hart);
        REQUIRE_OK(kt_pt(table, TN_PT_MAP, 5, 1, page, 0, TN_READ));
        struct kt_thread *t = kt_thread_new(hart, unmap_own);
        t->arg[0] = va + KT_VA(5);
        t->arg[1] = table;
        t->arg[2] = 5;
        EXPECT_OK(INV(t->tcb, TN_TCB_SET_SPACE, KT_ROOT, TN_INIT_VSPACE, ep));
        kt_thread_start(t);
        kt_settle(hart);
        EXPECT_EQ(t->result[0], 31);
        EXPECT_EQ(t->result[2], 0);
        EXPECT_OK(kt_nb_recv(ep, &m, kt_object(TN_REPLY, 0)));
        EXPECT_EQ(m.mr[1], va + KT_VA(5));
    }
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, table)); /* out of the root again */
}

/* A space that never ran anywhere interrupts nobody. */
static void test_nobody(void)
{
    struct kt_space s;

    kt_space_new(&s);
    struct kt_msg m = INVM(s.vspace, TN_VSPACE_FLUSH, 0, 0, 1);
    EXPECT_OK(kt_error(&m));
    EXPECT_EQ(m.mr[0], 0);
    m = INVM(s.vspace, TN_VSPACE_FLUSH, 0x10000, 4, 1);
    EXPECT_EQ(m.mr[0], 0);
    EXPECT_ERROR(INV(s.vspace, TN_VSPACE_FLUSH, 0), TN_TRUNCATED_MESSAGE);
}

/* Addresses that are none: refused or without effect, but nothing breaks. */
static void test_odd_addresses(void)
{
    static const uint64_t odd[] = {1, 0xfff, 1ull << 38, 1ull << 47, 1ull << 56, 1ull << 63, ~0ull, ~0ull << 12};

    bed_init(1);
    for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        kt_case(odd[i]);
        flush(odd[i], 1, 1);
        flush(odd[i], ~0ull, 1);
        flush(0, odd[i], 1);
        EXPECT(kt_probe_run(&probe[0], KT_LOAD, KT_VA(KT_DATA_INDEX), 0, NULL) == 0);
    }
}

/* A fault is served by mapping alone: no flush, and the access goes through; every entry is tried once before. */
static void test_spurious(void)
{
    bed_init(kt_harts);
    tn_cptr_t more = kt_object(TN_FRAME, 19);
    for (unsigned i = 0; i < 128; i++) {
        struct kt_probe *p = &probe[i % kt_harts];
        uint64_t va = KT_VA(64 + i);
        kt_case(i);
        EXPECT(kt_probe_faults(p, KT_LOAD, va, LOAD));
        REQUIRE_OK(kt_pt(space.table[0], TN_PT_MAP, 64 + i, 1, more, i, TN_READ));
        EXPECT(kt_probe_loads(p, va, 0));
        EXPECT(kt_probe_faults(p, KT_STORE, va, STORE));
        REQUIRE_OK(kt_pt(space.table[0], TN_PT_PROTECT, 64 + i, 1, more, 0, TN_READ | TN_WRITE));
        EXPECT(kt_probe_stores(p, va, 0)); /* more rights: the same */
    }
}

/* A probe spins on an address that is invalid until another hart maps it: the fault is resumed as often as need be. */
static void test_map_while_faulting(void)
{
    bed_init(kt_harts);
    for (unsigned round = 0; round < 20; round++) {
        struct kt_probe *p = &probe[round % kt_harts];
        kt_case(round);
        REQUIRE_OK(kt_pt(space.table[0], TN_PT_CLEAR, KT_DATA_INDEX, 1, 0, 0, 0));
        EXPECT_OK(INV(space.vspace, TN_VSPACE_FLUSH, 0, 0, 1));
        kt_probe_start(p, KT_LOAD, KT_VA(KT_DATA_INDEX), 0);
        if (round % 2)
            kt_settle(round % kt_harts);
        REQUIRE_OK(kt_pt(space.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame, 0, TN_READ | TN_WRITE));
        unsigned fault = kt_probe_finish(p);
        if (fault != 0) { /* it was quicker: resume it */
            EXPECT_EQ(fault, TN_FAULT_VM);
            EXPECT_OK(kt_reply1(p->reply, 0, 0));
            EXPECT_EQ(kt_probe_finish(p), 0);
        }
        EXPECT_EQ(p->msg.mr[0], word[0]);
    }
}

/* Code is changed and fence.i done: every hart executes the new instructions. */
static void test_fence_i(void)
{
    tn_cptr_t code = kt_object(TN_FRAME, 12);
    volatile uint32_t *text = kt_map(code, 0, 1, TN_READ | TN_WRITE);

    bed_init(kt_harts);
    REQUIRE_OK(kt_pt(space.table[0], TN_PT_MAP, 200, 1, code, 0, TN_EXEC));
    text[1] = 0x00008067; /* ret */
    for (unsigned round = 0; round < 20; round++) {
        text[0] = 0x00000513u | (round + 1) << 20; /* li a0, round + 1 */
        EXPECT_OK(INV0(space.vspace, TN_VSPACE_FENCE_I));
        for (unsigned i = 0; i < kt_harts; i++) {
            uint64_t value = 0;
            kt_case(round << 8 | i);
            EXPECT_EQ(kt_probe_run(&probe[i], KT_EXEC, KT_VA(200), 0, &value), 0);
            EXPECT_EQ(value, round + 1);
        }
    }
}

/* Moved to another hart, a thread finds no stale translation there. */
static void test_migration(void)
{
    tn_cptr_t second = kt_object(TN_FRAME, 12);
    volatile uint64_t *other = kt_map(second, 0, 1, TN_READ | TN_WRITE);

    bed_init(1);
    word[0] = 1;
    other[0] = 2;
    for (unsigned round = 0; round < 30; round++) {
        kt_case(round);
        EXPECT(kt_probe_loads(&probe[0], KT_VA(KT_DATA_INDEX), 1 + round % 2));
        EXPECT_OK(INV(probe[0].tcb, TN_TCB_SET_AFFINITY, (round + 1) % 2));
        REQUIRE_OK(kt_pt(space.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, round % 2 ? frame : second, 0, TN_READ));
        EXPECT_OK(INV(space.vspace, TN_VSPACE_FLUSH, KT_VA(KT_DATA_INDEX), 1, 1));
    }
}

const struct kt_test flush_tests[] = {
    {"flush.unmap_visible", test_unmap_visible, 0},
    {"flush.protect_visible", test_protect_visible, 0},
    {"flush.without_wait", test_without_wait, 0},
    {"flush.ranges", test_ranges, 0},
    {"flush.own_space", test_own_space, 0},
    {"flush.nobody", test_nobody, 0},
    {"flush.odd_addresses", test_odd_addresses, 0},
    {"flush.spurious", test_spurious, 0},
    {"flush.map_while_faulting", test_map_while_faulting, 0},
    {"flush.fence_i", test_fence_i, 0},
    {"flush.migration", test_migration, 2},
    {NULL, NULL, 0},
};
