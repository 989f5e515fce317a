/* TLB: flushes that nobody waits for, or that the kernel owes without being asked. Each of these tests is what shows one of the
 * kernel's own flushes missing in a debug build (tests/flush_tests.py). */
#include "kt.h"

static struct kt_space space;
static struct kt_probe probe[KT_HARTS_MAX];
static tn_cptr_t frame;
static volatile uint64_t *word;

static void bed_init(unsigned n)
{
    frame = kt_object(TN_FRAME, 14);
    word = kt_map(frame, 0, 4, TN_READ | TN_WRITE);
    kt_space_new(&space);
    REQUIRE_OK(kt_pt(space.table[0], TN_PT_MAP, KT_DATA_INDEX, 4, frame, 0, TN_READ | TN_WRITE));
    for (unsigned i = 0; i < n; i++)
        kt_probe_new(&probe[i], &space, i);
}

/* An idle hart is not woken for a flush; many of them, more than its box holds, are done before it runs again. */
static void test_many_while_idle(void)
{
    bed_init(kt_harts);
    for (unsigned round = 0; round < 5; round++) {
        kt_case(round);
        for (unsigned i = 0; i < kt_harts; i++)
            EXPECT(kt_probe_loads(&probe[i], KT_VA(KT_DATA_INDEX), 0));
        kt_settle(kt_harts - 1);
        for (unsigned i = 0; i < 20; i++)
            EXPECT_OK(INV(space.vspace, TN_VSPACE_FLUSH, KT_VA(100 + i), 1, 0));
        REQUIRE_OK(kt_pt(space.table[0], TN_PT_CLEAR, KT_DATA_INDEX, 1, 0, 0, 0));
        EXPECT_OK(INV(space.vspace, TN_VSPACE_FLUSH, KT_VA(KT_DATA_INDEX), 1, 0));
        EXPECT(kt_probe_faults(&probe[kt_harts - 1], KT_LOAD, KT_VA(KT_DATA_INDEX), 13));
        REQUIRE_OK(kt_pt(space.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame, 0, TN_READ | TN_WRITE));
    }
}

/* Every hart writes to a page without pause while its Frame is revoked: not one write after that. */
static void test_revoke_while_writing(void)
{
    bed_init(kt_harts);
    for (unsigned round = 0; round < 10; round++) {
        tn_cptr_t page = kt_object(TN_FRAME, 12);
        volatile uint64_t *seen = kt_map(page, 0, 1, TN_READ | TN_WRITE);
        kt_case(round);
        REQUIRE_OK(kt_pt(space.table[0], TN_PT_MAP, 300 + round, 1, page, 0, TN_READ | TN_WRITE));
        for (unsigned i = 0; i < kt_harts; i++) {
            kt_probe_start(&probe[i], KT_COUNT_UP, KT_VA(300 + round) + 8 * i, 0);
            if (i != kt_main_hart)
                kt_await_count((uint64_t *)&seen[i], 2);
        }
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, page));
        seen = kt_map(page, 0, 1, TN_READ);
        uint64_t still[KT_HARTS_MAX];
        for (unsigned i = 0; i < kt_harts; i++)
            still[i] = seen[i];
        for (unsigned i = 0; i < kt_harts; i++) {
            EXPECT_EQ(kt_probe_finish(&probe[i]), TN_FAULT_VM);
            kt_probe_reset(&probe[i]);
            EXPECT_EQ(seen[i], still[i]);
        }
    }
}

/* A space goes, and another gets its ASID: it sees its own page at an address where the old one had another. */
static void test_asid_reused(void)
{
    bed_init(0);
    for (unsigned round = 0; round < 20; round++) {
        kt_case(round);
        kt_space_new(&space);
        REQUIRE_OK(kt_pt(space.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame, round % 4, TN_READ | TN_WRITE));
        word[round % 4 * 512] = round;
        for (unsigned i = 0; i < kt_harts; i++) {
            kt_probe_new(&probe[i], &space, i);
            EXPECT(kt_probe_loads(&probe[i], KT_VA(KT_DATA_INDEX), round));
        }
        for (unsigned i = 0; i < kt_harts; i++)
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, probe[i].tcb));
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, space.vspace));
    }
}

#define TOGGLES 40000

/* arg[0]: endpoint, arg[1]: reply object. Resumes whoever faults, until the main thread sends word. */
static void resume_all(struct kt_thread *t)
{
    struct kt_msg m = {0};

    while (kt_recv(t->arg[0], &m, t->arg[1]) == TN_OK && tn_info_label(m.info) == TN_FAULT_VM) {
        t->result[0]++;
        kt_reply1(t->arg[1], 0, 0);
    }
}

/* A thread on another hart reads an address that comes and goes. Where the entry becomes valid between the fault and the kernel's
 * look at it, nobody is asked: the hart looks again. */
static void test_absence(void)
{
    bed_init(0);
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), reply = kt_object(TN_REPLY, 0);
    struct kt_thread *handler = kt_thread_new(1, resume_all);
    kt_probe_new_handled(&probe[0], &space, 1, ep);
    handler->arg[0] = ep;
    handler->arg[1] = reply;
    kt_thread_start(handler);
    kt_probe_start(&probe[0], KT_UNTIL, KT_VA(KT_DATA_INDEX), 1);
    for (unsigned i = 0; i < TOGGLES; i++) {
        REQUIRE_OK(kt_pt(space.table[0], TN_PT_CLEAR, KT_DATA_INDEX, 1, 0, 0, 0));
        if (i % 8 == 0)
            REQUIRE_OK(INV(space.vspace, TN_VSPACE_FLUSH, KT_VA(KT_DATA_INDEX), 1, 0));
        REQUIRE_OK(kt_pt(space.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame, 0, TN_READ | TN_WRITE));
    }
    word[0] = 1;
    EXPECT_EQ(kt_probe_finish(&probe[0]), 0);
    EXPECT(handler->result[0] > 0);
    struct kt_msg stop = kt_msg1(0, 0);
    EXPECT_OK(kt_send(ep, &stop));
}

const struct kt_test flushowed_tests[] = {
    {"flushowed.many_while_idle", test_many_while_idle, 2},
    {"flushowed.revoke_while_writing", test_revoke_while_writing, 2},
    {"flushowed.asid_reused", test_asid_reused, 0},
    {"flushowed.absence", test_absence, 2},
    {NULL, NULL, 0},
};
