// uses: mmserver/corten/*.c tests/host/corten_port.c tests/host/corten_tlb.c tests/host/corten_case.c
/* The core's operations one by one, under both protocols, both flush policies and 3 to 5 levels. The port checks each
 * page-table write and each reuse of frames and tables; teardown checks that nothing was lost. */
#include "corten_case.h"
#include <corten/flush.h>

#define BASE (4 * GIB1) /* in the arena; aligned to 1 GiB */

static void nothing_is_mapped_at_first(void **state)
{
    (void)state;
    expect(0, ct_user_end(), CT_NONE, 0);
    assert_int_equal(touch(BASE, TN_READ), CT_NOT_MAPPED);
    assert_int_equal(touch(ct_user_end(), TN_READ), CT_RANGE);
    assert_int_equal(touch(~0ull, TN_READ), CT_RANGE);
    assert_int_equal(stat_of(MM_TABLES_NOW), 1);
}

static void a_page_comes_when_touched(void **state)
{
    (void)state;
    assert_int_equal(map_fixed(BASE, 4 * KIB4, ct_anon(RW)), CT_OK);
    expect(BASE, BASE + 4 * KIB4, CT_ANON, RW);
    expect(BASE + 4 * KIB4, BASE + MIB2, CT_NONE, 0);
    assert_int_equal(stat_of(MM_FRAMES_NOW), 0);
    assert_int_equal(touch(BASE + KIB4 + 17, TN_WRITE), CT_OK);
    expect(BASE + KIB4, BASE + 2 * KIB4, CT_MAPPED, RW);
    expect_page(BASE + KIB4, 0);
    expect(BASE, BASE + KIB4, CT_ANON, RW);
    assert_int_equal(touch(BASE + KIB4, TN_READ), CT_OK); /* spurious */
    assert_int_equal(stat_of(MM_FRAMES_NOW), 1);
    assert_int_equal(stat_of(MM_FAULTS), 2);
    assert_int_equal(stat_of(MM_FAULTS_SPURIOUS), 1);
    assert_int_equal(touch(BASE + 4 * KIB4, TN_READ), CT_NOT_MAPPED);
}

static void rights_are_kept(void **state)
{
    (void)state;
    assert_int_equal(map_fixed(BASE, KIB4, ct_anon(TN_READ)), CT_OK);
    assert_int_equal(map_fixed(BASE + KIB4, KIB4, ct_anon(0)), CT_OK);
    assert_int_equal(map_fixed(BASE + 2 * KIB4, KIB4, ct_guard()), CT_OK);
    assert_int_equal(touch(BASE, TN_WRITE), CT_DENIED);
    assert_int_equal(touch(BASE, TN_EXEC), CT_DENIED);
    assert_int_equal(touch(BASE, TN_READ), CT_OK);
    assert_int_equal(touch(BASE, TN_WRITE), CT_DENIED); /* now that it is mapped */
    assert_int_equal(touch(BASE + KIB4, TN_READ), CT_DENIED);
    assert_int_equal(touch(BASE + 2 * KIB4, TN_READ), CT_DENIED);
    assert_int_equal(protect(BASE, 3 * KIB4, RW), CT_OK);
    expect(BASE, BASE + KIB4, CT_MAPPED, RW);
    expect(BASE + KIB4, BASE + 2 * KIB4, CT_ANON, RW);
    expect(BASE + 2 * KIB4, BASE + 3 * KIB4, CT_GUARD, 0);
}

static void unmapped_memory_comes_back_as_zeros(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        assert_int_equal(map_fixed(BASE, 3 * KIB4, ct_anon(RW)), CT_OK);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(touch(BASE + i * KIB4, TN_WRITE), CT_OK);
            expect_page(BASE + i * KIB4, 0);
            fill_page(BASE + i * KIB4, 0x1234 + i);
        }
        assert_int_equal(unmap(BASE + KIB4, KIB4), CT_OK);
        expect(BASE + KIB4, BASE + 2 * KIB4, CT_NONE, 0);
        expect_page(BASE, 0x1234);
        expect_page(BASE + 2 * KIB4, 0x1236);
        assert_int_equal(stat_of(MM_FRAMES_NOW), 2);
        assert_int_equal(map_fixed(BASE, 3 * KIB4, ct_anon(RW)), CT_OK); /* replaces */
        expect(BASE, BASE + 3 * KIB4, CT_ANON, RW);
        assert_int_equal(stat_of(MM_FRAMES_NOW), 0);
    }
}

/* A page mapped, unmapped and mapped again at once: no frame is taken from limbo too early, and a flush comes in
 * between. */
static void an_address_is_flushed_before_it_is_mapped_again(void **state)
{
    (void)state;
    assert_int_equal(map_fixed(BASE, KIB4, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(BASE, TN_WRITE), CT_OK);
    uint64_t flushes = port_flushes;
    assert_int_equal(unmap(BASE, KIB4), CT_OK);
    assert_int_equal(port_flushes, flushes + (ct_config.flush == CT_FLUSH_NOW));
    assert_int_equal(port_worker(0)->limbo_count, ct_config.flush == CT_FLUSH_LAZY);
    assert_int_equal(map_fixed(BASE, KIB4, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(BASE, TN_WRITE), CT_OK);
    assert_int_equal(port_flushes, flushes + 1);
    assert_int_equal(touch(BASE, TN_WRITE), CT_OK);
    assert_int_equal(port_flushes, flushes + 1);
}

/* The stamp goes along when the address is covered by a mark higher up and that is pushed down again. */
static void a_flush_is_not_forgotten_in_larger_marks(void **state)
{
    (void)state;
    assert_int_equal(map_fixed(BASE, MIB2, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(BASE + 5 * KIB4, TN_WRITE), CT_OK);
    assert_int_equal(unmap(BASE, MIB2), CT_OK); /* the table goes */
    assert_int_equal(map_fixed(BASE, MIB2, ct_anon(TN_READ)), CT_OK);
    assert_int_equal(protect(BASE, MIB2, RW), CT_OK);
    assert_int_equal(touch(BASE + 5 * KIB4, TN_WRITE), CT_OK); /* the port aborts if it was not flushed */
    assert_int_equal(map_fixed(BASE, GIB1, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(BASE + 5 * KIB4, TN_WRITE), CT_OK);
    expect_page(BASE + 5 * KIB4, 0);
}

/* Another worker's flush that starts after the transaction has looked at the flush number, and is over before the
 * entry is really cleared, does not count for it. */
static void flush_by_another(void)
{
    ct_space_flush_now(port_worker(1), space);
}

static void a_flush_that_came_too_early_does_not_count(void **state)
{
    (void)state;
    assert_int_equal(map_fixed(BASE, 2 * KIB4, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(BASE, TN_WRITE), CT_OK);
    port_before_write = flush_by_another;
    assert_int_equal(unmap(BASE, KIB4), CT_OK);
    assert_null(port_before_write);
    assert_int_equal(map_fixed(BASE, KIB4, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(BASE, TN_WRITE), CT_OK); /* the port aborts if it was not flushed */
    expect_page(BASE, 0);
}

/* The same where whole tables go, and their parents' words are what carries the number. Nobody flushes but the other. */
static void a_flush_that_came_too_early_does_not_count_for_tables(void **state)
{
    (void)state;
    assert_int_equal(map_fixed(BASE, GIB1, ct_anon(RW)), CT_OK);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(touch(BASE + i * MIB2, TN_WRITE), CT_OK);
    uint64_t flushes = port_flushes;
    port_before_write = flush_by_another;
    assert_int_equal(unmap(BASE + KIB4, 3 * MIB2), CT_OK); /* of the first table a part, two wholly, one page */
    assert_null(port_before_write);
    if (ct_config.flush == CT_FLUSH_LAZY)
        assert_int_equal(port_flushes, flushes + 1);
    assert_int_equal(map_fixed(BASE + MIB2, MIB2, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(BASE + MIB2, TN_WRITE), CT_OK); /* the port aborts if it was not flushed */
}

/* Frames in limbo: the worker who has most of them flushes, once, before it is full; the other finds its own free. */
static void one_flush_serves_all_limbos(void **state)
{
    (void)state;
    struct ct_worker *w[2] = {port_worker(0), port_worker(1)};
    uint64_t flushes = port_flushes, remote = 0;
    if (ct_config.flush != CT_FLUSH_LAZY)
        return;
    for (unsigned i = 0; i < 2 * CT_LIMBO_FRAMES; i++) {
        struct ct_worker *one = w[i % 2];
        uint64_t page = BASE + i * KIB4;
        ct_worker_begin(one);
        vaddr_t at;
        assert_int_equal(ct_map(one, space, (vaddr_t){page}, KIB4, ct_anon(RW), CT_FIXED, &at), CT_OK);
        assert_int_equal(ct_fault(one, space, (vaddr_t){page}, TN_WRITE, 0, NULL), CT_OK);
        assert_int_equal(ct_unmap(one, space, (vaddr_t){page}, KIB4, 0), CT_OK);
        ct_worker_end(one);
        remote += port_flushes - flushes;
        flushes = port_flushes;
    }
    assert_int_equal(remote, 1);
    assert_true(w[0]->limbo_count < CT_LIMBO_FRAMES / 2);
    assert_true(w[1]->limbo_count < CT_LIMBO_FRAMES / 2);
}

static void large_ranges_cost_little(void **state)
{
    (void)state;
    assert_int_equal(map_fixed(BASE, 4 * GIB1, ct_anon(RW)), CT_OK);
    uint64_t tables = stat_of(MM_TABLES_NOW), writes = stat_of(MM_PT_WRITES);
    assert_true(tables <= 3 && writes <= 2);
    expect(BASE, BASE + 4 * GIB1, CT_ANON, RW);
    assert_int_equal(touch(BASE + GIB1 + MIB2 + KIB4, TN_WRITE), CT_OK);
    assert_int_equal(stat_of(MM_TABLES_NOW), tables + 2);
    assert_int_equal(protect(BASE, 4 * GIB1, TN_READ), CT_OK);
    assert_int_equal(stat_of(MM_PT_WRITES), writes + 4); /* two links, the page, its rights */
    expect(BASE + GIB1 + MIB2 + KIB4, BASE + GIB1 + MIB2 + 2 * KIB4, CT_MAPPED, TN_READ);
    expect(BASE + GIB1 + MIB2, BASE + GIB1 + MIB2 + KIB4, CT_ANON, TN_READ);
    expect(BASE + 2 * GIB1, BASE + 4 * GIB1, CT_ANON, TN_READ);
    assert_int_equal(unmap(BASE, 4 * GIB1), CT_OK);
    expect(0, ct_user_end(), CT_NONE, 0);
    assert_int_equal(stat_of(MM_TABLES_NOW), tables);
}

static void marks_are_pushed_down_where_something_differs(void **state)
{
    (void)state;
    uint64_t hole = BASE + GIB1 - 3 * KIB4; /* crosses a boundary of every level up to 1 GiB */
    assert_int_equal(map_fixed(BASE, 2 * GIB1, ct_anon(RW)), CT_OK);
    assert_int_equal(unmap(hole, 6 * KIB4), CT_OK);
    expect(BASE, hole, CT_ANON, RW);
    expect(hole, hole + 6 * KIB4, CT_NONE, 0);
    expect(hole + 6 * KIB4, BASE + 2 * GIB1, CT_ANON, RW);
    assert_int_equal(protect(BASE, 2 * GIB1, TN_READ), CT_NOT_MAPPED);
    expect(BASE, hole, CT_ANON, RW); /* nothing has changed */
    expect(hole + 6 * KIB4, BASE + 2 * GIB1, CT_ANON, RW);
    assert_int_equal(protect(BASE + KIB4, GIB1 / 2, TN_READ), CT_OK);
    expect(BASE, BASE + KIB4, CT_ANON, RW);
    expect(BASE + KIB4, BASE + KIB4 + GIB1 / 2, CT_ANON, TN_READ);
    expect(BASE + KIB4 + GIB1 / 2, hole, CT_ANON, RW);
}

static void the_ends_of_the_space_are_like_the_middle(void **state)
{
    (void)state;
    uint64_t end = ct_user_end();
    assert_int_equal(map_fixed(0, 2 * KIB4, ct_anon(RW)), CT_OK);
    assert_int_equal(map_fixed(end - 2 * KIB4, 2 * KIB4, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(0, TN_WRITE), CT_OK);
    assert_int_equal(touch(end - 1, TN_WRITE), CT_OK);
    expect(end - KIB4, end, CT_MAPPED, RW);
    assert_int_equal(map_fixed(end - KIB4, 2 * KIB4, ct_anon(RW)), CT_RANGE);
    assert_int_equal(map_fixed(end, KIB4, ct_anon(RW)), CT_RANGE);
    assert_int_equal(map_fixed(-KIB4, 2 * KIB4, ct_anon(RW)), CT_RANGE);
    assert_int_equal(map_fixed(KIB4, ~0ull, ct_anon(RW)), CT_RANGE);
    assert_int_equal(map_fixed(KIB4 + 1, KIB4, ct_anon(RW)), CT_RANGE);
    assert_int_equal(unmap(end - KIB4, -KIB4), CT_RANGE);
    assert_int_equal(unmap(KIB4, 0), CT_RANGE);
    assert_int_equal(protect(end - KIB4, 2 * KIB4, TN_READ), CT_RANGE);
    assert_int_equal(protect(KIB4, 0, TN_READ), CT_OK);
    assert_int_equal(map_fixed(0, end, ct_anon(TN_READ)), CT_OK); /* all there is */
    expect(0, end, CT_ANON, TN_READ);
    assert_int_equal(touch(end - KIB4, TN_READ), CT_OK);
    assert_int_equal(protect(0, end, RW), CT_OK);
    assert_int_equal(unmap(0, end), CT_OK);
    expect(0, end, CT_NONE, 0);
}

static void a_touched_page_without_rights_keeps_its_content(void **state)
{
    (void)state;
    assert_int_equal(map_fixed(BASE, MIB2 * 2, ct_anon(RW)), CT_OK);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(touch(BASE + MIB2 - 3 * KIB4 + i * KIB4, TN_WRITE), CT_OK);
        fill_page(BASE + MIB2 - 3 * KIB4 + i * KIB4, 77 + i);
    }
    assert_int_equal(protect(BASE, 2 * MIB2, 0), CT_OK);
    expect(BASE + MIB2 - 3 * KIB4, BASE + MIB2 + 2 * KIB4, CT_HELD, 0);
    expect(BASE, BASE + MIB2 - 3 * KIB4, CT_ANON, 0);
    assert_int_equal(touch(BASE + MIB2, TN_READ), CT_DENIED);
    assert_int_equal(stat_of(MM_FRAMES_NOW), 5);
    assert_int_equal(protect(BASE, 2 * MIB2, 0), CT_OK); /* twice is the same */
    assert_int_equal(protect(BASE, 2 * MIB2 - KIB4, TN_READ), CT_OK);
    for (unsigned i = 0; i < 5; i++)
        expect_page(BASE + MIB2 - 3 * KIB4 + i * KIB4, 77 + i);
    expect(BASE + MIB2 - 3 * KIB4, BASE + MIB2 + 2 * KIB4, CT_MAPPED, TN_READ);
    expect(BASE + 2 * MIB2 - KIB4, BASE + 2 * MIB2, CT_ANON, 0);
    assert_int_equal(protect(BASE + MIB2, KIB4, 0), CT_OK);
    assert_int_equal(unmap(BASE + MIB2, KIB4), CT_OK); /* a held frame goes back */
    assert_int_equal(stat_of(MM_FRAMES_NOW), 4);
    assert_int_equal(protect(BASE, MIB2, 0), CT_OK);
    assert_int_equal(unmap(BASE, 2 * MIB2), CT_OK); /* held frames go with their table */
    assert_int_equal(stat_of(MM_FRAMES_NOW), 0);
}

/* Unmapping frames held since the same transaction: they wait for its flush like any other. */
static void hold_and_unmap_in_one_transaction(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0);
    struct ct_cursor c;
    assert_int_equal(map_fixed(BASE, 4 * KIB4, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(BASE + KIB4, TN_WRITE), CT_OK);
    ct_worker_begin(w);
    assert_int_equal(cursor_lock(w, space, (vaddr_t){BASE}, (vaddr_t){BASE + 4 * KIB4}, &c), CT_OK);
    assert_int_equal(cursor_protect(&c, 4 * KIB4, 0), CT_OK);
    cursor_jump(&c, (vaddr_t){BASE});
    assert_int_equal(cursor_unmap(&c, 2 * KIB4), CT_OK);
    paddr_t frame;
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(ct_frame_get(w, true, &frame), CT_OK); /* the port aborts if the unflushed one is zeroed */
        ct_frame_put(w, frame);
    }
    cursor_unlock(&c);
    ct_worker_end(w);
    expect(BASE, BASE + 2 * KIB4, CT_NONE, 0);
    expect(BASE + 2 * KIB4, BASE + 4 * KIB4, CT_ANON, 0);
}

static void borrowed_frames_are_never_freed(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0);
    struct ct_cursor c;
    ct_worker_begin(w);
    assert_int_equal(cursor_lock(w, space, (vaddr_t){BASE}, (vaddr_t){BASE + MIB2}, &c), CT_OK);
    for (uint64_t i = 0; i < 3; i++) {
        paddr_t frame = {PHYS_BASE + i * KIB4};
        assert_int_equal(cursor_map_borrowed(&c, frame, BORROWED_CAP, i, TN_READ), CT_OK);
    }
    cursor_jump(&c, (vaddr_t){BASE});
    paddr_t frame;
    assert_int_equal(ct_frame_get(w, false, &frame), CT_OK);
    assert_int_equal(cursor_map(&c, frame, RW), CT_EXISTS);
    ct_frame_put(w, frame);
    cursor_unlock(&c);
    ct_worker_end(w);
    assert_int_equal(stat_of(MM_FRAMES_NOW), 0);
    struct ct_page page = look(BASE + KIB4);
    assert_true(page.borrowed && page.kind == CT_MAPPED && page.frame.v == PHYS_BASE + KIB4);
    assert_int_equal(protect(BASE, 3 * KIB4, RW), CT_DENIED);
    expect(BASE, BASE + 3 * KIB4, CT_MAPPED, TN_READ);
    assert_int_equal(protect(BASE, 3 * KIB4, TN_READ | TN_EXEC), CT_OK);
    assert_int_equal(protect(BASE, 2 * KIB4, 0), CT_OK);
    expect(BASE, BASE + 2 * KIB4, CT_HELD, 0);
    assert_true(look(BASE).borrowed);
    assert_int_equal(protect(BASE, KIB4, RW), CT_DENIED);
    assert_int_equal(protect(BASE, KIB4, TN_READ), CT_OK);
    assert_true(look(BASE).borrowed);
    assert_int_equal(map_fixed(BASE + 3 * KIB4, KIB4, ct_anon(TN_READ | TN_EXEC)), CT_OK); /* beside one of its own */
    assert_int_equal(touch(BASE + 3 * KIB4, TN_READ), CT_OK);
    assert_int_equal(protect(BASE + 2 * KIB4, 2 * KIB4, TN_READ), CT_OK);
    assert_true(look(BASE + 2 * KIB4).borrowed && !look(BASE + 3 * KIB4).borrowed);
    assert_int_equal(unmap(BASE, 4 * KIB4), CT_OK);
    expect(BASE, BASE + 4 * KIB4, CT_NONE, 0);
}

static void populate_fills_what_may_be_touched(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0);
    vaddr_t out;
    assert_int_equal(map_fixed(BASE, 3 * MIB2, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(BASE + 7 * KIB4, TN_WRITE), CT_OK);
    fill_page(BASE + 7 * KIB4, 7);
    assert_int_equal(map_fixed(BASE + 9 * KIB4, KIB4, ct_guard()), CT_OK);
    assert_int_equal(map_fixed(BASE + 10 * KIB4, KIB4, ct_anon(0)), CT_OK);
    struct ct_cursor c;
    ct_worker_begin(w);
    assert_int_equal(cursor_lock(w, space, (vaddr_t){BASE}, (vaddr_t){BASE + 3 * MIB2}, &c), CT_OK);
    assert_int_equal(cursor_populate(&c, MIB2 + 20 * KIB4), CT_OK);
    assert_int_equal(c.at, BASE + MIB2 + 20 * KIB4);
    cursor_unlock(&c);
    ct_worker_end(w);
    expect(BASE, BASE + 9 * KIB4, CT_MAPPED, RW);
    expect(BASE + 9 * KIB4, BASE + 10 * KIB4, CT_GUARD, 0);
    expect(BASE + 10 * KIB4, BASE + 11 * KIB4, CT_ANON, 0);
    expect(BASE + 11 * KIB4, BASE + MIB2 + 20 * KIB4, CT_MAPPED, RW);
    expect(BASE + MIB2 + 20 * KIB4, BASE + 3 * MIB2, CT_ANON, RW);
    expect_page(BASE + 7 * KIB4, 7);
    expect_page(BASE + MIB2, 0);
    assert_int_equal(stat_of(MM_FRAMES_NOW), 512 + 20 - 2);
    assert_true(stat_of(MM_PT_BATCHES) < 40); /* runs, not single entries */
    ct_worker_begin(w);
    assert_int_equal(ct_map(w, space, (vaddr_t){BASE}, 2 * KIB4, ct_anon(RW), CT_FIXED | CT_POPULATE, &out), CT_OK);
    ct_worker_end(w);
    expect(BASE, BASE + 2 * KIB4, CT_MAPPED, RW);
    expect_page(BASE, 0);
}

static void find_next_stops_at_what_is_there(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0);
    struct ct_cursor c;
    struct ct_page page;
    uint64_t far = BASE + 3 * GIB1 + 5 * MIB2;
    assert_int_equal(map_fixed(far, KIB4, ct_guard()), CT_OK);
    assert_int_equal(map_fixed(far + MIB2, MIB2, ct_anon(RW)), CT_OK);
    ct_worker_begin(w);
    assert_int_equal(cursor_lock(w, space, (vaddr_t){BASE}, (vaddr_t){far + MIB2 + KIB4}, &c), CT_OK);
    assert_true(cursor_find_next(&c, &page));
    assert_true(c.at == far && page.kind == CT_GUARD && page.bytes == KIB4);
    cursor_jump(&c, (vaddr_t){far + KIB4});
    assert_true(cursor_find_next(&c, &page));
    assert_true(c.at == far + MIB2 && page.kind == CT_ANON && page.bytes == KIB4); /* clipped to the range */
    cursor_jump(&c, (vaddr_t){c.high});
    assert_false(cursor_find_next(&c, &page));
    assert_int_equal(cursor_mark(&c, KIB4, ct_none()), CT_RANGE);
    cursor_unlock(&c);
    ct_worker_end(w);
}

static void cursors_check_their_range(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0);
    struct ct_cursor c;
    uint64_t end = ct_user_end();
    const uint64_t bad[][2] = {{BASE, BASE},     {BASE + KIB4, BASE}, {BASE + 1, BASE + KIB4},
                               {BASE, BASE + 1}, {end, end + KIB4},   {0, end + KIB4},
                               {-KIB4, 0},       {KIB4, ~0ull}};
    ct_worker_begin(w);
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(cursor_lock(w, space, (vaddr_t){bad[i][0]}, (vaddr_t){bad[i][1]}, &c), CT_RANGE);
    assert_int_equal(cursor_lock(w, space, (vaddr_t){BASE}, (vaddr_t){BASE + MIB2}, &c), CT_OK);
    assert_int_equal(cursor_mark(&c, MIB2 + KIB4, ct_guard()), CT_RANGE);
    assert_int_equal(cursor_protect(&c, MIB2 + KIB4, RW), CT_RANGE);
    assert_int_equal(cursor_populate(&c, MIB2 + KIB4), CT_RANGE);
    assert_int_equal(cursor_mark(&c, 100, ct_guard()), CT_RANGE);
    cursor_unlock(&c);
    ct_worker_end(w);
}

/* Several operations in one transaction, the later ones over what the earlier ones put into the batch. */
static void operations_of_a_transaction_see_each_other(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0);
    struct ct_cursor c;
    struct ct_page page;
    paddr_t frame;
    uint64_t low = BASE + MIB2 - 4 * KIB4;
    ct_worker_begin(w);
    assert_int_equal(cursor_lock(w, space, (vaddr_t){BASE}, (vaddr_t){BASE + 4 * MIB2}, &c), CT_OK);
    cursor_jump(&c, (vaddr_t){low});
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(ct_frame_get(w, true, &frame), CT_OK);
        assert_int_equal(cursor_map(&c, frame, RW), CT_OK);
    }
    cursor_jump(&c, (vaddr_t){low + KIB4});
    cursor_query(&c, &page);
    assert_true(page.kind == CT_MAPPED && page.rights == RW);
    assert_int_equal(cursor_protect(&c, 6 * KIB4, TN_READ), CT_OK);
    cursor_jump(&c, (vaddr_t){low + 2 * KIB4});
    assert_int_equal(cursor_unmap(&c, KIB4), CT_OK);
    assert_int_equal(cursor_mark(&c, KIB4, ct_anon(RW)), CT_OK);
    cursor_jump(&c, (vaddr_t){low + 2 * KIB4});
    assert_int_equal(cursor_populate(&c, 2 * KIB4), CT_OK);
    cursor_unlock(&c);
    ct_worker_end(w);
    expect(low, low + KIB4, CT_MAPPED, RW);
    expect(low + KIB4, low + 2 * KIB4, CT_MAPPED, TN_READ);
    expect(low + 2 * KIB4, low + 3 * KIB4, CT_NONE, 0);
    expect(low + 3 * KIB4, low + 4 * KIB4, CT_MAPPED, RW);
    expect(low + 4 * KIB4, low + 7 * KIB4, CT_MAPPED, TN_READ);
    expect(low + 7 * KIB4, low + 8 * KIB4, CT_MAPPED, RW);
    assert_int_equal(stat_of(MM_FRAMES_NOW), 7);
}

/* Frames scattered over chunks become lists and several runs, more than one batch holds. */
static void many_scattered_frames_are_protected_and_unmapped(void **state)
{
    (void)state;
    struct ct_worker *w = port_worker(0);
    uint64_t pages = 1500, bytes = pages * KIB4;
    assert_int_equal(map_fixed(BASE, bytes, ct_anon(RW)), CT_OK);
    uint64_t seed = 12345;
    for (unsigned i = 0; i < pages; i++) /* frames in an order that is nobody's */
        assert_int_equal(touch(BASE + (i * 7919 % pages) * KIB4, TN_WRITE), CT_OK);
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(protect(BASE + random_below(&seed, pages) * KIB4, KIB4, TN_READ), CT_OK);
    assert_int_equal(protect(BASE, bytes, RW), CT_OK);
    expect(BASE, BASE + bytes, CT_MAPPED, RW);
    assert_int_equal(protect(BASE, bytes, 0), CT_OK);
    expect(BASE, BASE + bytes, CT_HELD, 0);
    assert_int_equal(protect(BASE, bytes, TN_READ), CT_OK);
    expect(BASE, BASE + bytes, CT_MAPPED, TN_READ);
    uint64_t batches = stat_of(MM_PT_BATCHES);
    assert_int_equal(unmap(BASE, bytes), CT_OK);
    assert_true(stat_of(MM_PT_BATCHES) - batches <= 3);
    assert_int_equal(stat_of(MM_FRAMES_NOW), 0);
    assert_int_equal(ct_worker_drain(w), 0);
}

static void one_page_does_not_make_and_free_tables(void **state)
{
    (void)state;
    assert_int_equal(map_fixed(BASE, KIB4, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(BASE, TN_WRITE), CT_OK);
    uint64_t tables = stat_of(MM_TABLES_NOW);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(unmap(BASE, KIB4), CT_OK);
        assert_int_equal(stat_of(MM_TABLES_NOW), tables);
        assert_int_equal(map_fixed(BASE, KIB4, ct_anon(RW)), CT_OK);
        assert_int_equal(touch(BASE, TN_WRITE), CT_OK);
        assert_int_equal(stat_of(MM_TABLES_NOW), tables);
    }
    assert_int_equal(unmap(BASE, MIB2), CT_OK);
    assert_int_equal(stat_of(MM_TABLES_NOW), tables - 1);
    assert_true(stat_of(MM_TABLES_PEAK) >= tables);
    assert_int_equal(stat_of(MM_META_NOW) <= 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_mapped_at_first),
        cmocka_unit_test(a_page_comes_when_touched),
        cmocka_unit_test(rights_are_kept),
        cmocka_unit_test(unmapped_memory_comes_back_as_zeros),
        cmocka_unit_test(an_address_is_flushed_before_it_is_mapped_again),
        cmocka_unit_test(a_flush_is_not_forgotten_in_larger_marks),
        cmocka_unit_test(a_flush_that_came_too_early_does_not_count),
        cmocka_unit_test(a_flush_that_came_too_early_does_not_count_for_tables),
        cmocka_unit_test(one_flush_serves_all_limbos),
        cmocka_unit_test(large_ranges_cost_little),
        cmocka_unit_test(marks_are_pushed_down_where_something_differs),
        cmocka_unit_test(the_ends_of_the_space_are_like_the_middle),
        cmocka_unit_test(a_touched_page_without_rights_keeps_its_content),
        cmocka_unit_test(hold_and_unmap_in_one_transaction),
        cmocka_unit_test(borrowed_frames_are_never_freed),
        cmocka_unit_test(populate_fills_what_may_be_touched),
        cmocka_unit_test(find_next_stops_at_what_is_there),
        cmocka_unit_test(cursors_check_their_range),
        cmocka_unit_test(operations_of_a_transaction_see_each_other),
        cmocka_unit_test(many_scattered_frames_are_protected_and_unmapped),
        cmocka_unit_test(one_page_does_not_make_and_free_tables),
    };
    return case_run_all(tests, sizeof tests / sizeof *tests);
}
