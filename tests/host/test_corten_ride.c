// uses: mmserver/corten/*.c tests/host/corten_port.c tests/host/corten_tlb.c tests/host/corten_case.c
/* Writes that ride on a reply, clearing and growing rights: what may ride and what may not; others wait for them; what
 * the kernel refuses has not happened; a flush that began before a clearing does not count for it. Riding faults are in
 * test_corten_limits.c. */
#include "corten_case.h"
#include "corten_tlb.h"
#include <corten/flush.h>
#include <corten/table.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#define BASE (8 * GIB1)
#define PAGES 16

static const uint64_t all[] = {BASE, BASE + MIB2, 0};

static bool lazy(void)
{
    return ct_config.flush == CT_FLUSH_LAZY;
}

/* PAGES mapped pages in a leaf table that has words, the rest of which is demand-zero. */
static void prepare(unsigned rights)
{
    assert_int_equal(map_fixed(BASE, MIB2, ct_anon(RW)), CT_OK);
    for (uint64_t i = 0; i < PAGES; i++)
        assert_int_equal(touch(BASE + i * KIB4, TN_WRITE), CT_OK);
    assert_int_equal(unmap(BASE + 100 * KIB4, KIB4), CT_OK);
    if (rights != RW)
        assert_int_equal(protect(BASE, PAGES * KIB4, rights), CT_OK);
}

static enum ct_status unmap_riding(struct ct_worker *w, uint64_t va, uint64_t bytes)
{
    ct_worker_begin(w);
    enum ct_status st = ct_unmap(w, space, (vaddr_t){va}, bytes, CT_RIDE);
    ct_worker_end(w);
    return st;
}

static enum ct_status protect_riding(struct ct_worker *w, uint64_t va, uint64_t bytes, unsigned rights)
{
    ct_worker_begin(w);
    enum ct_status st = ct_protect(w, space, (vaddr_t){va}, bytes, rights, CT_RIDE);
    ct_worker_end(w);
    return st;
}

static void clearing_rides(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0);
    prepare(RW);
    uint64_t frames = stat_of(MM_FRAMES_NOW), writes = port_writes;
    assert_int_equal(unmap_riding(w, BASE + KIB4, 3 * KIB4), CT_OK);
    assert_int_equal(ct_worker_rides(w), lazy());
    assert_int_equal(port_writes, writes + !lazy());
    assert_int_equal(stat_of(MM_FRAMES_NOW), frames - 3);
    port_reply(w);
    expect(BASE, BASE + KIB4, CT_MAPPED, RW);
    expect(BASE + KIB4, BASE + 4 * KIB4, CT_NONE, 0);
    expect(BASE + 4 * KIB4, BASE + PAGES * KIB4, CT_MAPPED, RW);
    assert_int_equal(unmap_riding(w, BASE + 20 * KIB4, 2 * KIB4), CT_OK); /* never touched: only words change */
    assert_false(ct_worker_rides(w));
    assert_int_equal(unmap_riding(w, BASE + 14 * KIB4, 4 * KIB4), CT_OK); /* some touched, some not: the general way */
    assert_false(ct_worker_rides(w));
    expect(BASE + 14 * KIB4, BASE + 18 * KIB4, CT_NONE, 0);
    assert_int_equal(map_fixed(BASE + KIB4, 3 * KIB4, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(BASE + 2 * KIB4, TN_WRITE), CT_OK); /* the port aborts if the old frame may still be seen */
    expect_page(BASE + 2 * KIB4, 0);
}

static void growing_rights_ride(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0);
    prepare(TN_READ);
    uint64_t writes = port_writes, flushes = port_flushes;
    assert_int_equal(protect_riding(w, BASE + KIB4, 9 * KIB4, RW), CT_OK);
    assert_true(ct_worker_rides(w) && port_writes == writes);
    port_reply(w);
    expect(BASE, BASE + KIB4, CT_MAPPED, TN_READ);
    expect(BASE + KIB4, BASE + 10 * KIB4, CT_MAPPED, RW);
    expect(BASE + 10 * KIB4, BASE + PAGES * KIB4, CT_MAPPED, TN_READ);
    assert_int_equal(port_flushes, flushes);
    assert_int_equal(protect_riding(w, BASE + KIB4, 9 * KIB4, RW), CT_OK); /* they have them already */
    assert_false(ct_worker_rides(w));
    assert_int_equal(protect_riding(w, BASE, PAGES * KIB4, RW), CT_OK); /* not alike: the general way */
    assert_false(ct_worker_rides(w));
    expect(BASE, BASE + PAGES * KIB4, CT_MAPPED, RW);
    writes = port_writes;
    assert_int_equal(protect_riding(w, BASE, PAGES * KIB4, TN_READ), CT_OK); /* losing: written and flushed before */
    assert_false(ct_worker_rides(w));
    assert_int_equal(port_writes, writes + 1);
    for (uint64_t i = 0; i < PAGES; i++)
        assert_false(tlb_is_stronger(space->handle, BASE + i * KIB4));
    expect(BASE, BASE + PAGES * KIB4, CT_MAPPED, TN_READ);
    assert_int_equal(protect_riding(w, BASE + 5 * KIB4, KIB4, TN_READ | TN_EXEC), CT_OK);
    assert_true(ct_worker_rides(w));
    port_reply(w);
    assert_int_equal(protect_riding(w, BASE + 5 * KIB4, KIB4, RW), CT_OK); /* gains one, loses one */
    assert_false(ct_worker_rides(w));
    expect(BASE + 5 * KIB4, BASE + 6 * KIB4, CT_MAPPED, RW);
    assert_int_equal(protect_riding(w, BASE + 90 * KIB4, 20 * KIB4, TN_READ), CT_NOT_MAPPED);
}

static void what_is_refused_has_not_happened(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0);
    prepare(TN_READ);
    uint64_t before = state_hash(all);
    assert_int_equal(protect_riding(w, BASE, PAGES * KIB4, RW), CT_OK);
    assert_true(ct_worker_rides(w));
    ct_worker_ride_refused(w);
    assert_true(!ct_worker_rides(w) && state_hash(all) == before);
    if (lazy()) {
        assert_int_equal(unmap_riding(w, BASE + KIB4, 2 * KIB4), CT_OK);
        assert_true(ct_worker_rides(w));
        ct_worker_ride_refused(w);
        assert_true(!ct_worker_rides(w) && state_hash(all) == before);
        assert_int_equal(ct_worker_drain(w), 0); /* their frames are not in limbo any more */
        assert_true(state_hash(all) == before);
    }
    assert_int_equal(unmap(BASE + KIB4, 2 * KIB4), CT_OK);
    expect(BASE + KIB4, BASE + 3 * KIB4, CT_NONE, 0);
}

/* The page is unmapped while a flush by another worker is on, which began before the entry was clear. */
static void an_earlier_flush_does_not_count(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0), *other = port_worker(1);
    if (!lazy())
        return;
    for (unsigned round = 0; round < 2; round++) {
        prepare(RW);
        assert_int_equal(unmap_riding(w, BASE + KIB4, KIB4), CT_OK);
        assert_true(ct_worker_rides(w));
        ct_worker_begin(other);
        ct_space_flush(other, space, CT_FLUSH_REMAP);
        ct_worker_end(other);
        port_reply(w); /* now the entry is cleared, and some TLB may still have it */
        struct ct_worker *next = round == 0 ? w : other;
        vaddr_t out;
        ct_worker_begin(next);
        assert_int_equal(ct_map(next, space, (vaddr_t){BASE + KIB4}, KIB4, ct_anon(RW), CT_FIXED, &out), CT_OK);
        ct_worker_end(next);
        assert_int_equal(touch(BASE + KIB4, TN_WRITE), CT_OK); /* the port aborts if the old page may still be seen */
        assert_int_equal(ct_worker_drain(w), 0);               /* likewise for its frame */
    }
}

/* More is asked of the worker before it has replied: what would have ridden is written first. */
static void what_rides_is_written_before_more(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0);
    prepare(TN_READ);
    for (unsigned flags = 0; flags <= CT_NO_REPLACE; flags += CT_NO_REPLACE) {
        uint64_t writes = port_writes, page = BASE + (flags != 0) * KIB4;
        vaddr_t out;
        ct_worker_begin(w);
        assert_int_equal(ct_protect(w, space, (vaddr_t){page}, KIB4, RW, CT_RIDE), CT_OK);
        assert_true(ct_worker_rides(w) && port_writes == writes);
        assert_int_equal(ct_map(w, space, (vaddr_t){BASE + 100 * KIB4}, KIB4, ct_anon(RW), flags, &out), CT_OK);
        assert_true(!ct_worker_rides(w) && port_writes == writes + 1);
        assert_int_equal(ct_unmap(w, space, out, KIB4, 0), CT_OK);
        ct_worker_end(w);
    }
    expect(BASE, BASE + 2 * KIB4, CT_MAPPED, RW);
}

/* What a ride has made is taken back, as a revocation of the server's frames does, before anybody looks: who comes to the table
 * does not wait for it for ever, whether the rider has begun another request or waits for one. */
static void taken_back_after_a_ride(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0), *other = port_worker(1);
    prepare(TN_READ);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(protect_riding(w, BASE + round * KIB4, KIB4, RW), CT_OK);
        assert_true(ct_worker_rides(w));
        uint64_t *entry = (uint64_t *)(uintptr_t)port_view(w->ride) + va_index(BASE, 0) + round;
        port_reply(w);
        uint64_t was = __atomic_exchange_n(entry, 0, __ATOMIC_SEQ_CST);
        if (round == 1)
            ct_worker_begin(w);
        alarm(100);
        assert_int_equal(protect_riding(other, BASE + 9 * KIB4, KIB4, RW), CT_OK);
        alarm(0);
        port_reply(other);
        __atomic_store_n(entry, was, __ATOMIC_SEQ_CST);
        if (round == 1)
            ct_worker_end(w);
    }
    expect(BASE, BASE + 2 * KIB4, CT_MAPPED, RW);
}

struct late {
    enum ct_status st;
    int started, done;
};

static void *touches_meanwhile(void *arg)
{
    struct late *late = arg;
    struct ct_worker *w = port_worker(1);
    __atomic_store_n(&late->started, 1, __ATOMIC_RELEASE);
    ct_worker_begin(w);
    late->st = ct_fault(w, space, (vaddr_t){BASE + 4 * KIB4}, TN_WRITE, CT_RIDE, NULL);
    ct_worker_end(w);
    port_reply(w);
    __atomic_store_n(&late->done, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* Another worker comes to the page while the write is on its way; it must wait. What it then finds. */
static enum ct_status found_after_waiting(void)
{
    struct late late = {0};
    pthread_t thread;
    assert_true(ct_worker_rides(port_worker(0)));
    assert_int_equal(pthread_create(&thread, NULL, touches_meanwhile, &late), 0);
    while (!__atomic_load_n(&late.started, __ATOMIC_ACQUIRE))
        sched_yield();
    for (unsigned i = 0; i < 1000; i++)
        sched_yield();
    assert_false(__atomic_load_n(&late.done, __ATOMIC_ACQUIRE));
    port_reply(port_worker(0));
    pthread_join(thread, NULL);
    return late.st;
}

static void nobody_passes_a_riding_write(void **state)
{
    (void)state;
    prepare(TN_READ);
    assert_int_equal(protect_riding(port_worker(0), BASE + 2 * KIB4, 5 * KIB4, RW), CT_OK);
    assert_int_equal(found_after_waiting(), CT_OK);
    expect(BASE + 2 * KIB4, BASE + 7 * KIB4, CT_MAPPED, RW);
    if (!lazy())
        return;
    assert_int_equal(unmap_riding(port_worker(0), BASE + 3 * KIB4, 3 * KIB4), CT_OK);
    assert_int_equal(found_after_waiting(), CT_NOT_MAPPED);
    expect(BASE + 3 * KIB4, BASE + 6 * KIB4, CT_NONE, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clearing_rides),
        cmocka_unit_test(growing_rights_ride),
        cmocka_unit_test(what_is_refused_has_not_happened),
        cmocka_unit_test(an_earlier_flush_does_not_count),
        cmocka_unit_test(what_rides_is_written_before_more),
        cmocka_unit_test(taken_back_after_a_ride),
        cmocka_unit_test(nobody_passes_a_riding_write),
    };
    return case_run_all(tests, sizeof tests / sizeof *tests);
}
