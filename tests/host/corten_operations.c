/* Operations to try, and the state that they find. See corten_operations.h. */
#include "corten_case.h"
#include "corten_operations.h"
#include <corten/stock.h>

#define TOP (OP_BASE + 4 * GIB1)
#define LENT (OP_BASE + 12 * KIB4)
#define HOLE (OP_BASE + 3 * GIB1)

/*--- The operations ---*/

static enum ct_status map_at(uint64_t va, uint64_t bytes, ct_word_t word, unsigned flags)
{
    vaddr_t out;
    struct ct_worker *w = port_worker(0);
    ct_worker_begin(w);
    enum ct_status st = ct_map(w, space, (vaddr_t){va}, bytes, word, flags, &out);
    ct_worker_end(w);
    return st;
}

static enum ct_status map_in_the_middle(void)
{
    return map_at(OP_BASE + GIB1, 5 * KIB4, ct_anon(TN_READ), CT_FIXED);
}
static enum ct_status map_over_tables(void)
{
    return map_at(OP_BASE + KIB4, GIB1, ct_guard(), CT_FIXED);
}
static enum ct_status map_over_pages(void)
{
    return map_at(OP_BASE + 2 * KIB4, 12 * KIB4, ct_anon(RW), CT_FIXED);
}
static enum ct_status map_in_a_hole(void)
{
    return map_at(HOLE + 2 * KIB4, 3 * KIB4, ct_anon(RW), CT_NO_REPLACE);
}
static enum ct_status map_at_a_hint(void)
{
    return map_at(HOLE + MIB2, MIB2, ct_anon(RW), 0);
}
static enum ct_status map_anywhere(void)
{
    return map_at(0, 3 * KIB4, ct_anon(RW), 0);
}
static enum ct_status map_anywhere_large(void)
{
    return map_at(0, GIB1 + KIB4, ct_anon(RW), 0);
}
static enum ct_status map_populated(void)
{
    return map_at(OP_BASE + MIB2 - 5 * KIB4, 10 * KIB4, ct_anon(RW), CT_FIXED | CT_POPULATE);
}
static enum ct_status unmap_pages(void)
{
    return unmap(OP_BASE + KIB4, 8 * KIB4);
}
static enum ct_status unmap_tables(void)
{
    return unmap(OP_BASE + 2 * KIB4, MIB2 + KIB4);
}
static enum ct_status unmap_untouched(void)
{
    return unmap(OP_BASE + 2 * GIB1 + KIB4, KIB4);
}
static enum ct_status protect_read(void)
{
    return protect(OP_BASE + KIB4, GIB1 / 4, TN_READ);
}
static enum ct_status protect_none(void)
{
    return protect(OP_BASE, 2 * GIB1, 0);
}
static enum ct_status protect_held(void)
{
    return protect(OP_HELD, 4 * KIB4, RW);
}
static enum ct_status protect_untouched(void)
{
    return protect(OP_BASE + 2 * GIB1 + KIB4, KIB4, 0);
}
static enum ct_status fault_without_tables(void)
{
    return touch(OP_BASE + GIB1 + 9 * KIB4, TN_WRITE);
}
static enum ct_status fault_with_table(void)
{
    return touch(OP_BASE + 4 * KIB4, TN_WRITE);
}

static enum ct_status touch_riding(uint64_t va)
{
    struct ct_worker *w = port_worker(0);
    ct_worker_begin(w);
    enum ct_status st = ct_fault(w, space, (vaddr_t){va}, TN_WRITE, CT_RIDE, NULL);
    ct_worker_end(w);
    port_reply(w);
    return st;
}
static enum ct_status fault_riding(void)
{
    return touch_riding(OP_BASE + 4 * KIB4);
}
static enum ct_status fault_riding_without_tables(void)
{
    return touch_riding(OP_BASE + GIB1 + 9 * KIB4);
}

static enum ct_status touch_around(uint64_t va)
{
    struct ct_worker *w = port_worker(0);
    ct_worker_begin(w);
    enum ct_status st = ct_fault_around(w, space, (vaddr_t){va}, TN_WRITE, NULL);
    ct_worker_end(w);
    return st;
}
static enum ct_status fault_around(void)
{
    return touch_around(OP_BASE + 4 * KIB4);
}
static enum ct_status fault_around_without_tables(void)
{
    return touch_around(OP_BASE + GIB1 + 9 * KIB4);
}

/* One operation of a cursor on [low, low + 1 GiB). */
static enum ct_status with_cursor(uint64_t low, enum ct_status (*operation)(struct ct_cursor *c))
{
    struct ct_worker *w = port_worker(0);
    struct ct_cursor c;
    ct_worker_begin(w);
    enum ct_status st = cursor_lock(w, space, (vaddr_t){low}, (vaddr_t){low + GIB1}, &c);
    if (st == CT_OK) {
        st = operation(&c);
        cursor_unlock(&c);
    }
    ct_worker_end(w);
    return st;
}

static enum ct_status put_frame(struct ct_cursor *c)
{
    paddr_t frame;
    enum ct_status st = ct_frame_get(c->worker, true, &frame);
    if (st != CT_OK)
        return st;
    st = cursor_map(c, frame, RW);
    if (st != CT_OK)
        ct_frame_put(c->worker, frame);
    return st;
}
static enum ct_status map_frame(void)
{
    return with_cursor(OP_BASE + GIB1, put_frame);
}
static enum ct_status map_frame_in_a_hole(void)
{
    return with_cursor(HOLE + 2 * MIB2 + KIB4, put_frame);
}

static enum ct_status put_lent(struct ct_cursor *c)
{
    return cursor_map_borrowed(c, (paddr_t){PHYS_BASE + 5 * KIB4}, BORROWED_CAP, 5, TN_READ);
}
static enum ct_status map_lent(void)
{
    return with_cursor(HOLE + 2 * MIB2 + KIB4, put_lent);
}

static enum ct_status fill_range(struct ct_cursor *c)
{
    return cursor_populate(c, 200 * KIB4);
}
static enum ct_status populate(void)
{
    return with_cursor(OP_BASE + GIB1, fill_range);
}

/* What the server does for a thread's IPC buffer: two operations, of which the second needs nothing any more. */
static enum ct_status replace_page(struct ct_cursor *c)
{
    enum ct_status st = cursor_unmap(c, KIB4);
    if (st != CT_OK)
        return st;
    cursor_jump(c, (vaddr_t){c->low});
    return put_lent(c);
}
static enum ct_status replace_by_lent(void)
{
    return with_cursor(OP_BASE + 2 * GIB1 + KIB4, replace_page);
}

static enum ct_status make_space(void)
{
    struct ct_worker *w = port_worker(0);
    struct ct_space *made = port_space_storage(1);
    ct_worker_begin(w);
    enum ct_status st = ct_space_create(w, made, 7, 50);
    if (st == CT_OK) {
        assert_int_equal(ct_space_destroy(w, made), CT_OK);
        ct_space_release(w, made);
    }
    ct_worker_end(w);
    return st;
}

static enum ct_status unmap_all(void)
{
    return unmap(0, ct_user_end());
}

const struct operation operations[] = {
    {"map in the middle of a mark", map_in_the_middle, false, false},
    {"map over tables", map_over_tables, false, false},
    {"map over pages", map_over_pages, false, false},
    {"map in a hole", map_in_a_hole, false, false},
    {"map at a hint", map_at_a_hint, false, false},
    {"map anywhere", map_anywhere, false, false},
    {"map anywhere, large", map_anywhere_large, false, false},
    {"map, populated", map_populated, false, false},
    {"unmap pages", unmap_pages, false, false},
    {"unmap tables", unmap_tables, false, false},
    {"unmap what was never touched", unmap_untouched, false, false},
    {"unmap everything", unmap_all, false, true},
    {"protect: read", protect_read, false, false},
    {"protect: none", protect_none, false, false},
    {"protect: held pages come back", protect_held, false, true},
    {"protect what was never touched", protect_untouched, false, false},
    {"fault without tables", fault_without_tables, false, false},
    {"fault with a table", fault_with_table, false, false},
    {"fault riding", fault_riding, false, false},
    {"fault without tables that would ride", fault_riding_without_tables, false, false},
    {"fault around", fault_around, false, false},
    {"fault around without tables", fault_around_without_tables, false, false},
    {"map a frame", map_frame, false, false},
    {"map a frame in a hole", map_frame_in_a_hole, false, false},
    {"map a lent frame", map_lent, false, false},
    {"populate", populate, true, false},
    {"replace a page by a lent one", replace_by_lent, false, false},
    {"make a space", make_space, false, true},
};
const size_t operations_count = sizeof operations / sizeof *operations;

/*--- The state they are run on ---*/

void operations_prepare(void)
{
    struct ct_worker *w = port_worker(0);
    struct ct_cursor c;
    uint64_t freed = w->arena_low + 3 * MIB2;
    assert_int_equal(map_fixed(OP_BASE, TOP - OP_BASE, ct_anon(RW)), CT_OK);
    assert_int_equal(touch(OP_BASE + KIB4, TN_WRITE), CT_OK);
    fill_page(OP_BASE + KIB4, 0x1111);
    assert_int_equal(touch(OP_BASE + MIB2 + KIB4, TN_WRITE), CT_OK);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(touch(OP_HELD + i * KIB4, TN_WRITE), CT_OK);
    fill_page(OP_HELD + KIB4, 0x2222);
    assert_int_equal(protect(OP_HELD, 3 * KIB4, 0), CT_OK);
    assert_int_equal(map_fixed(OP_BASE + 3 * KIB4, KIB4, ct_guard()), CT_OK);
    assert_int_equal(unmap(LENT, 2 * KIB4), CT_OK);
    ct_worker_begin(w);
    assert_int_equal(cursor_lock(w, space, (vaddr_t){LENT}, (vaddr_t){LENT + 2 * KIB4}, &c), CT_OK);
    for (uint64_t i = 0; i < 2; i++)
        assert_int_equal(cursor_map_borrowed(&c, (paddr_t){PHYS_BASE + i * KIB4}, BORROWED_CAP, i, TN_READ), CT_OK);
    cursor_unlock(&c);
    ct_worker_end(w);
    assert_int_equal(unmap(HOLE, MIB2 * 4), CT_OK);
    assert_int_equal(protect(OP_BASE + GIB1 / 2, MIB2, TN_READ), CT_OK);
    ct_share_of(space, w)->free_count = 1;
    ct_share_of(space, w)->free[0] = (struct ct_free_range){freed, 4 * KIB4, 0};
    while (ct_worker_drain(w) != 0) /* empty stocks: every need is a request */
        ;
}
