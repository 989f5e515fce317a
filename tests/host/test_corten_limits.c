// uses: mmserver/corten/*.c tests/host/corten_port.c tests/host/corten_tlb.c tests/host/corten_case.c
/* What the core does when something runs out or has to wait: quotas are exact; writes that ride on a reply; tables that
 * wait for epochs; virtual ranges. test_corten_failure.c lets each allocation of each operation fail. */
#include "corten_case.h"
#include <corten/stock.h>
#include <corten/table.h>
#include <pthread.h>
#include <sched.h>

#define BASE (8 * GIB1 - 3 * KIB4)
#define TOP (BASE + 4 * GIB1)

static const uint64_t all[] = {BASE - MIB2, BASE + 3 * MIB2, BASE + GIB1 - MIB2, BASE + GIB1 + MIB2, 0};

static void quotas_are_exact(void **state)
{
    (void)state;
    const uint64_t quota = 100;
    struct ct_space *limited = port_space(port_worker(0), 1, quota), *first = space;
    space = limited;
    assert_int_equal(map_fixed(BASE, MIB2, ct_anon(RW)), CT_OK);
    uint64_t overhead = stat_of(MM_TABLES_NOW) - 1 + stat_of(MM_META_NOW), touched = 0;
    enum ct_status st = CT_OK;
    for (unsigned i = 3; st == CT_OK; i++) { /* past 3 pages: all in one leaf table */
        struct ct_worker *w = port_worker(i % WORKERS);
        ct_worker_begin(w);
        st = ct_fault(w, space, (vaddr_t){BASE + i * KIB4}, TN_WRITE, 0, NULL);
        ct_worker_end(w);
        touched += st == CT_OK;
        if (touched == 1)
            overhead = stat_of(MM_TABLES_NOW) - 1 + stat_of(MM_META_NOW);
    }
    assert_int_equal(st, CT_QUOTA);
    assert_int_equal(touched + overhead, quota);
    assert_int_equal(stat_of(MM_FRAMES_NOW), touched);
    assert_true(stat_of(MM_FRAMES_PEAK) == touched);
    assert_int_equal(unmap(BASE + 3 * KIB4, 10 * KIB4), CT_OK);
    assert_int_equal(map_fixed(BASE + 3 * KIB4, 10 * KIB4, ct_anon(RW)), CT_OK);
    for (unsigned i = 3; i < 13; i++)
        assert_int_equal(touch(BASE + i * KIB4, TN_WRITE), CT_OK); /* what was given back may be taken again */
    assert_int_equal(touch(BASE + MIB2 - KIB4, TN_WRITE), CT_QUOTA);
    port_space_end(port_worker(0), limited);
    space = first;
}

/* Memory runs out in the middle of filling: what is there stays, the rest can be had later. */
static void populate_goes_as_far_as_memory_does(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0);
    struct ct_cursor c;
    assert_int_equal(map_fixed(BASE, MIB2, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(BASE, TN_WRITE), CT_OK);
    assert_int_equal(ct_worker_drain(w), 0);
    port_limit(100, ~0ull);
    ct_worker_begin(w);
    assert_int_equal(cursor_lock(w, space, (vaddr_t){BASE}, (vaddr_t){BASE + MIB2}, &c), CT_OK);
    assert_int_equal(cursor_populate(&c, MIB2), CT_NO_MEMORY);
    uint64_t came_to = c.at;
    cursor_unlock(&c);
    ct_worker_end(w);
    expect(BASE, came_to, CT_MAPPED, RW);
    expect(came_to, BASE + MIB2, CT_ANON, RW);
    assert_int_equal(stat_of(MM_FRAMES_NOW), 101);
    assert_int_equal(touch(BASE + MIB2 - KIB4, TN_WRITE), CT_NO_MEMORY);
    assert_int_equal(unmap(BASE, KIB4), CT_OK);
    assert_int_equal(touch(BASE + MIB2 - KIB4, TN_WRITE), CT_OK); /* out of limbo: flushed, since it is needed */
    assert_int_equal(touch(BASE + MIB2 - 2 * KIB4, TN_WRITE), CT_NO_MEMORY);
    port_limit(~0ull, ~0ull);
    assert_int_equal(touch(BASE + MIB2 - 2 * KIB4, TN_WRITE), CT_OK);
}

static enum ct_status touch_riding(struct ct_worker *w, uint64_t va)
{
    ct_worker_begin(w);
    enum ct_status st = ct_fault(w, space, (vaddr_t){va}, TN_WRITE, CT_RIDE, NULL);
    ct_worker_end(w);
    return st;
}

static void a_write_rides_on_the_reply(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0);
    assert_int_equal(map_fixed(BASE, 3 * MIB2, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(BASE + 3 * KIB4, TN_WRITE), CT_OK);
    uint64_t writes = port_writes;
    assert_int_equal(touch_riding(w, BASE + 4 * KIB4), CT_OK);
    assert_true(ct_worker_rides(w) && port_writes == writes);
    port_reply(w);
    expect(BASE + 4 * KIB4, BASE + 5 * KIB4, CT_MAPPED, RW);
    assert_false(ct_worker_rides(w));
    assert_int_equal(touch_riding(w, BASE + 4 * KIB4), CT_OK); /* there already: nothing rides */
    assert_false(ct_worker_rides(w));
    assert_int_equal(touch_riding(w, BASE + 3 * KIB4 + MIB2), CT_OK); /* a table is made: does not ride */
    assert_false(ct_worker_rides(w));
    assert_int_equal(touch_riding(w, BASE + 6 * KIB4), CT_OK);
    ct_worker_settle(w); /* something has to be done before the reply */
    assert_false(ct_worker_rides(w));
    expect(BASE + 6 * KIB4, BASE + 7 * KIB4, CT_MAPPED, RW);
    assert_int_equal(stat_of(MM_FRAMES_NOW), 4);
}

static void a_refused_ride_leaves_the_page_untouched(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0);
    assert_int_equal(map_fixed(BASE, MIB2, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(BASE + 3 * KIB4, TN_WRITE), CT_OK);
    uint64_t before = state_hash(all);
    assert_int_equal(touch_riding(w, BASE + 4 * KIB4), CT_OK);
    ct_worker_ride_refused(w);
    assert_false(ct_worker_rides(w));
    assert_true(state_hash(all) == before);
    assert_int_equal(touch(BASE + 4 * KIB4, TN_WRITE), CT_OK);
}

/* Another worker comes to the page, or removes its table, while the write is on its way: it waits, then sees the page.
 * */
struct late {
    enum ct_status st;
    int started, done;
    bool fault;
};

static void *comes_meanwhile(void *arg)
{
    struct late *late = arg;
    struct ct_worker *w = port_worker(1);
    __atomic_store_n(&late->started, 1, __ATOMIC_RELEASE);
    ct_worker_begin(w);
    if (late->fault)
        late->st = ct_fault(w, space, (vaddr_t){BASE + 4 * KIB4}, TN_WRITE, 0, NULL);
    else
        late->st = ct_unmap(w, space, (vaddr_t){BASE + 3 * KIB4 - MIB2}, 2 * MIB2, 0);
    ct_worker_end(w);
    __atomic_store_n(&late->done, 1, __ATOMIC_RELEASE);
    return NULL;
}

static void nobody_passes_a_riding_write(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        struct late late = {.fault = round == 0};
        pthread_t thread;
        assert_int_equal(map_fixed(BASE + 3 * KIB4 - MIB2, 2 * MIB2, ct_anon(RW)), CT_OK);
        assert_int_equal(touch(BASE + 3 * KIB4, TN_WRITE), CT_OK);
        uint64_t frames = stat_of(MM_FRAMES_NOW);
        assert_int_equal(touch_riding(port_worker(0), BASE + 4 * KIB4), CT_OK);
        assert_true(ct_worker_rides(port_worker(0)));
        assert_int_equal(pthread_create(&thread, NULL, comes_meanwhile, &late), 0);
        while (!__atomic_load_n(&late.started, __ATOMIC_ACQUIRE))
            sched_yield();
        for (unsigned i = 0; i < 1000; i++)
            sched_yield();
        assert_false(__atomic_load_n(&late.done, __ATOMIC_ACQUIRE)); /* it waits */
        port_reply(port_worker(0));
        pthread_join(thread, NULL);
        assert_int_equal(late.st, CT_OK);
        if (late.fault) {
            assert_int_equal(stat_of(MM_FAULTS_SPURIOUS), 1);
            expect(BASE + 4 * KIB4, BASE + 5 * KIB4, CT_MAPPED, RW);
            assert_int_equal(stat_of(MM_FRAMES_NOW), frames + 1);
        } else {
            expect(BASE, BASE + MIB2, CT_NONE, 0);
            assert_int_equal(stat_of(MM_FRAMES_NOW), 0);
        }
    }
}

/* A table unlinked while another worker is in a request is not reused before that request has ended. */
static void tables_wait_for_epochs(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0), *other = port_worker(2);
    assert_int_equal(map_fixed(GIB1, MIB2, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(GIB1, TN_WRITE), CT_OK);
    assert_int_equal(ct_worker_drain(w), 0);
    ct_worker_begin(other); /* it may be walking */
    assert_int_equal(unmap(GIB1, MIB2), CT_OK);
    assert_int_equal(ct_worker_drain(w), 1);
    assert_int_equal(ct_worker_drain(w), 1);
    ct_worker_end(other);
    ct_worker_begin(other); /* its next request does not count */
    assert_int_equal(ct_worker_drain(w), 0);
    ct_worker_end(other);
}

static enum ct_status map_any(unsigned worker, uint64_t hint, uint64_t bytes, uint64_t *va)
{
    struct ct_worker *w = port_worker(worker);
    vaddr_t out = {0};
    ct_worker_begin(w);
    enum ct_status st = ct_map(w, space, (vaddr_t){hint}, bytes, ct_anon(RW), 0, &out);
    ct_worker_end(w);
    *va = out.v;
    return st;
}

static void ranges_are_found_and_reused(void **state)
{
    (void)state;
    uint64_t a, b, c, d, hinted = ct_config.arena_high.v + 5 * KIB4;
    assert_int_equal(map_any(0, 0, 3 * KIB4, &a), CT_OK);
    assert_int_equal(map_any(0, 0, 1, &b), CT_OK);
    assert_int_equal(b, a + 3 * KIB4); /* side by side */
    assert_int_equal(map_any(1, 0, KIB4, &c), CT_OK);
    assert_true(c - a >= GIB1); /* another worker: other tables */
    assert_int_equal(map_any(0, hinted, 2 * KIB4, &d), CT_OK);
    assert_int_equal(d, hinted);
    assert_int_equal(map_any(0, hinted, KIB4, &d), CT_OK);
    assert_int_equal(d, b + KIB4); /* the hint is taken */
    assert_int_equal(touch(a, TN_WRITE), CT_OK);
    assert_int_equal(unmap(a, 3 * KIB4), CT_OK);
    if (ct_config.flush == CT_FLUSH_LAZY) {
        assert_int_equal(map_any(0, 0, 3 * KIB4, &c), CT_OK);
        assert_true(c > d); /* not before its flush */
        ct_worker_drain(port_worker(0));
    }
    assert_int_equal(map_any(0, 0, 2 * KIB4, &c), CT_OK);
    assert_int_equal(c, a);
    assert_int_equal(map_any(0, 0, 2 * KIB4, &c), CT_OK);
    assert_true(c > d); /* only one page is left there */
    assert_int_equal(map_any(0, 0, KIB4, &c), CT_OK);
    assert_int_equal(c, a + 2 * KIB4);
}

static void holes_are_searched_when_the_arena_ends(void **state)
{
    (void)state;
    uint64_t va, low = ct_config.arena_low.v, high = ct_config.arena_high.v;
    assert_int_equal(map_fixed(low, high - low, ct_anon(TN_READ)), CT_OK);
    assert_int_equal(map_any(0, 0, KIB4, &va), CT_NO_ROOM);
    assert_int_equal(unmap(high - MIB2 - 4 * KIB4, 3 * KIB4), CT_OK);
    assert_int_equal(map_any(0, 0, 4 * KIB4, &va), CT_NO_ROOM);
    assert_int_equal(map_any(0, 0, 3 * KIB4, &va), CT_OK);
    assert_int_equal(va, high - MIB2 - 4 * KIB4);
    assert_int_equal(map_any(1, 0, high - low, &va), CT_NO_ROOM);
    assert_int_equal(map_any(1, 0, ~0ull, &va), CT_RANGE);
    assert_int_equal(map_any(1, 0, 0, &va), CT_RANGE);
}

static void frames_are_zeroed_ahead(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0);
    assert_int_equal(map_fixed(BASE, KIB4, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(BASE, TN_WRITE), CT_OK);
    assert_int_equal(stat_of(MM_PAGES_ZEROED), 1);
    assert_int_equal(ct_worker_zero_ahead(w, 10), 10);
    assert_int_equal(map_fixed(BASE + KIB4, 10 * KIB4, ct_anon(RW)), CT_OK);
    for (unsigned i = 1; i <= 10; i++) {
        assert_int_equal(touch(BASE + i * KIB4, TN_WRITE), CT_OK);
        expect_page(BASE + i * KIB4, 0);
    }
    assert_int_equal(stat_of(MM_PAGES_ZEROED), 1);
}

static void spaces_are_apart(void **state)
{
    (void)state;
    struct ct_space *first = space, *second = port_space(port_worker(0), 1, 0);
    for (unsigned i = 0; i < 2; i++) {
        space = i ? second : first;
        assert_int_equal(map_fixed(BASE, 4 * KIB4, ct_anon(RW)), CT_OK);
        assert_int_equal(touch(BASE + KIB4, TN_WRITE), CT_OK);
        fill_page(BASE + KIB4, 100 + i);
    }
    ct_worker_begin(port_worker(2)); /* a frame of the second in the limbo of a worker that outlives it */
    assert_int_equal(ct_unmap(port_worker(2), second, (vaddr_t){BASE + KIB4}, KIB4, 0), CT_OK);
    ct_worker_end(port_worker(2));
    port_space_end(port_worker(1), second);
    space = first;
    expect_page(BASE + KIB4, 100);
    assert_int_equal(stat_of(MM_FRAMES_NOW), 1);
    second = port_space(port_worker(0), 1, 0); /* the storage again */
    space = second;
    expect(0, ct_user_end(), CT_NONE, 0);
    assert_int_equal(ct_worker_drain(port_worker(2)),
                     0); /* a flush of the new space says nothing about the old one's pages */
    port_space_end(port_worker(1), second);
    space = first;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotas_are_exact),
        cmocka_unit_test(populate_goes_as_far_as_memory_does),
        cmocka_unit_test(a_write_rides_on_the_reply),
        cmocka_unit_test(a_refused_ride_leaves_the_page_untouched),
        cmocka_unit_test(nobody_passes_a_riding_write),
        cmocka_unit_test(tables_wait_for_epochs),
        cmocka_unit_test(ranges_are_found_and_reused),
        cmocka_unit_test(holes_are_searched_when_the_arena_ends),
        cmocka_unit_test(frames_are_zeroed_ahead),
        cmocka_unit_test(spaces_are_apart),
    };
    return case_run_all(tests, sizeof tests / sizeof *tests);
}
