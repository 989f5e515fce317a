// uses: mmserver/corten/*.c tests/host/corten_port.c tests/host/corten_tlb.c tests/host/corten_case.c
/* Fault-around of 16 pages: what comes with a fault, and what must not. Under both protocols, both flush policies and 3 to
 * 5 levels; random requests with fault-around are in test_corten_random.c. */
#include "corten_case.h"

#define BASE (4 * GIB1)
#define PAGES 16u
#define GROUP (PAGES * KIB4)

static enum ct_status touch_around(uint64_t va, unsigned right)
{
    struct ct_worker *w = port_worker(0);
    ct_worker_begin(w);
    enum ct_status st = ct_fault_around(w, space, (vaddr_t){va}, right, NULL);
    assert_false(ct_worker_rides(w));
    ct_worker_end(w);
    return st;
}

static void the_group_comes(void **state)
{
    (void)state;
    assert_int_equal(map_fixed(BASE, 3 * GROUP, ct_anon(RW)), CT_OK);
    assert_int_equal(touch_around(BASE + GROUP + 5 * KIB4 + 17, TN_WRITE), CT_OK);
    expect(BASE, BASE + GROUP, CT_ANON, RW);
    expect(BASE + GROUP, BASE + 2 * GROUP, CT_MAPPED, RW);
    expect(BASE + 2 * GROUP, BASE + 3 * GROUP, CT_ANON, RW);
    for (unsigned i = 0; i < PAGES; i++) {
        expect_page(BASE + GROUP + i * KIB4, 0);
        for (unsigned k = 0; k < i; k++)
            assert_true(look(BASE + GROUP + i * KIB4).frame.v != look(BASE + GROUP + k * KIB4).frame.v);
        fill_page(BASE + GROUP + i * KIB4, i + 1); /* and does not show in a later one */
    }
    assert_int_equal(stat_of(MM_FAULTS), 1);
    assert_int_equal(stat_of(MM_FRAMES_NOW), PAGES);
    assert_int_equal(touch_around(BASE + 2 * GROUP + GROUP - 1, TN_READ), CT_OK); /* the leaf table is there now */
    expect(BASE + 2 * GROUP, BASE + 3 * GROUP, CT_MAPPED, RW);
    assert_int_equal(stat_of(MM_FRAMES_NOW), 2 * PAGES);
}

static void what_differs_stays(void **state)
{
    (void)state;
    assert_int_equal(map_fixed(BASE, GROUP, ct_anon(RW)), CT_OK);
    assert_int_equal(unmap(BASE + KIB4, KIB4), CT_OK);
    assert_int_equal(map_fixed(BASE + 2 * KIB4, KIB4, ct_anon(TN_READ)), CT_OK);
    assert_int_equal(map_fixed(BASE + 3 * KIB4, KIB4, ct_anon(0)), CT_OK);
    assert_int_equal(map_fixed(BASE + 4 * KIB4, KIB4, ct_guard()), CT_OK);
    assert_int_equal(touch(BASE + 5 * KIB4, TN_WRITE), CT_OK);
    fill_page(BASE + 5 * KIB4, 77);
    assert_int_equal(touch(BASE + 6 * KIB4, TN_WRITE), CT_OK);
    fill_page(BASE + 6 * KIB4, 78);
    assert_int_equal(protect(BASE + 6 * KIB4, KIB4, 0), CT_OK); /* held */
    assert_int_equal(touch_around(BASE + 10 * KIB4, TN_READ), CT_OK);
    expect(BASE, BASE + KIB4, CT_MAPPED, RW);
    expect(BASE + KIB4, BASE + 2 * KIB4, CT_NONE, 0);
    expect(BASE + 2 * KIB4, BASE + 3 * KIB4, CT_ANON, TN_READ);
    expect(BASE + 3 * KIB4, BASE + 4 * KIB4, CT_ANON, 0);
    expect(BASE + 4 * KIB4, BASE + 5 * KIB4, CT_GUARD, 0);
    expect_page(BASE + 5 * KIB4, 77);
    expect(BASE + 6 * KIB4, BASE + 7 * KIB4, CT_HELD, 0);
    expect_page(BASE + 6 * KIB4, 78);
    expect(BASE + 7 * KIB4, BASE + GROUP, CT_MAPPED, RW);
    expect_page(BASE + 8 * KIB4, 0);
}

static void a_fault_that_is_an_error_brings_nothing(void **state)
{
    (void)state;
    uint64_t ranges[] = {BASE - GROUP, BASE + 2 * GROUP, 0};
    assert_int_equal(map_fixed(BASE, GROUP, ct_anon(TN_READ)), CT_OK);
    assert_int_equal(map_fixed(BASE + 8 * KIB4, KIB4, ct_guard()), CT_OK);
    assert_int_equal(unmap(BASE + 9 * KIB4, KIB4), CT_OK);
    uint64_t before = state_hash(ranges);
    assert_int_equal(touch_around(BASE, TN_WRITE), CT_DENIED);
    assert_int_equal(touch_around(BASE + 8 * KIB4, TN_READ), CT_DENIED);
    assert_int_equal(touch_around(BASE + 9 * KIB4, TN_READ), CT_NOT_MAPPED);
    assert_int_equal(touch_around(ct_user_end(), TN_READ), CT_RANGE);
    assert_int_equal(touch_around(ct_user_end() - 1, TN_READ), CT_NOT_MAPPED);
    assert_true(state_hash(ranges) == before);
    assert_int_equal(touch_around(BASE + KIB4, TN_READ), CT_OK);
    assert_int_equal(touch_around(BASE + KIB4, TN_READ), CT_OK);
    assert_int_equal(stat_of(MM_FAULTS_SPURIOUS), 1);
    assert_int_equal(stat_of(MM_FRAMES_NOW), PAGES - 2);
}

/* The quota is never exceeded, and it can be used up to its last page. */
static void the_quota_holds(void **state)
{
    (void)state;
    const uint64_t quota = 100;
    uint64_t pages = 0;
    enum ct_status st = CT_OK;
    port_space_end(port_worker(0), space);
    space = port_space(port_worker(0), 0, quota);
    assert_int_equal(map_fixed(BASE, 20 * GROUP, ct_anon(RW)), CT_OK);
    for (; st == CT_OK; pages++) {
        st = touch_around(BASE + pages * KIB4, TN_WRITE);
        uint64_t held = stat_of(MM_FRAMES_NOW) + stat_of(MM_TABLES_NOW) - 1 + stat_of(MM_META_NOW);
        assert_true(held <= quota);
    }
    assert_int_equal(st, CT_QUOTA);
    assert_int_equal(stat_of(MM_FRAMES_NOW) + stat_of(MM_TABLES_NOW) - 1 + stat_of(MM_META_NOW), quota);
}

/* Where there are frames for a part only, the page asked for is among it. */
static void few_frames_are_enough(void **state)
{
    (void)state;
    assert_int_equal(map_fixed(BASE, 2 * GROUP, ct_anon(RW)), CT_OK);
    assert_int_equal(touch_around(BASE, TN_WRITE), CT_OK); /* the tables are there */
    assert_int_equal(unmap(BASE, GROUP), CT_OK);
    ct_worker_begin(port_worker(0));
    ct_worker_end(port_worker(0));
    (void)ct_worker_drain(port_worker(0));
    port_limit(3, ~0ull);
    assert_int_equal(touch_around(BASE + 2 * GROUP - KIB4, TN_WRITE), CT_OK);
    expect(BASE + 2 * GROUP - KIB4, BASE + 2 * GROUP, CT_MAPPED, RW);
    expect_page(BASE + 2 * GROUP - KIB4, 0);
    assert_int_equal(stat_of(MM_FRAMES_NOW), 3);
    assert_int_equal(touch_around(BASE + GROUP + 2 * KIB4, TN_WRITE), CT_NO_MEMORY);
    assert_int_equal(stat_of(MM_FRAMES_NOW), 3);
    port_limit(~0ull, ~0ull);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_group_comes),       cmocka_unit_test(what_differs_stays),
        cmocka_unit_test(the_quota_holds),       cmocka_unit_test(a_fault_that_is_an_error_brings_nothing),
        cmocka_unit_test(few_frames_are_enough),
    };
    port_around = PAGES;
    return case_run_all(tests, sizeof tests / sizeof *tests);
}
