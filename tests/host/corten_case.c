/* Steps of the core's unit tests. See corten_case.h. */
#include "corten_case.h"
#include "corten_tlb.h"
#include <stdio.h>
#include <string.h>

struct ct_space *space;

int case_setup(void **state)
{
    const struct corten_mode *mode = *state;
    port_start(mode->levels, mode->protocol, mode->flush);
    space = port_space(port_worker(0), 0, 0);
    return 0;
}

int case_teardown(void **state)
{
    (void)state;
    port_fail_from(~0ull);
    for (unsigned i = 0; i < WORKERS; i++)
        ct_worker_settle(port_worker(i)); /* a test that failed may have left something riding */
    if (space)
        port_space_end(port_worker(0), space);
    port_check_nothing_lost();
    return 0;
}

int case_run_all(const struct CMUnitTest *tests, size_t count)
{
    int failed = 0;
    for (unsigned levels = 3; levels <= 5; levels++) {
        for (unsigned m = 0; m < 4; m++) {
            char name[32];
            struct corten_mode mode = {levels, m & 1 ? CT_PROTOCOL_ADV : CT_PROTOCOL_RW,
                                       m & 2 ? CT_FLUSH_LAZY : CT_FLUSH_NOW, name};
            snprintf(name, sizeof name, "%u-%s-%s", levels, m & 1 ? "adv" : "rw", m & 2 ? "lazy" : "now");
            struct CMUnitTest moded[64];
            memcpy(moded, tests, count * sizeof *tests);
            for (size_t i = 0; i < count; i++) {
                moded[i].setup_func = case_setup;
                moded[i].teardown_func = case_teardown;
                moded[i].initial_state = &mode;
            }
            failed += _cmocka_run_group_tests(name, moded, count, NULL, NULL);
        }
    }
    return failed;
}

enum ct_status map_fixed(uint64_t va, uint64_t bytes, ct_word_t word)
{
    vaddr_t out;
    struct ct_worker *w = port_worker(0);
    ct_worker_begin(w);
    enum ct_status st = ct_map(w, space, (vaddr_t){va}, bytes, word, CT_FIXED, &out);
    ct_worker_end(w);
    return st;
}

enum ct_status unmap(uint64_t va, uint64_t bytes)
{
    struct ct_worker *w = port_worker(0);
    ct_worker_begin(w);
    enum ct_status st = ct_unmap(w, space, (vaddr_t){va}, bytes, 0);
    ct_worker_end(w);
    return st;
}

enum ct_status protect(uint64_t va, uint64_t bytes, unsigned rights)
{
    struct ct_worker *w = port_worker(0);
    ct_worker_begin(w);
    enum ct_status st = ct_protect(w, space, (vaddr_t){va}, bytes, rights, 0);
    for (uint64_t at = va & -KIB4; st == CT_OK && at < va + bytes && at < va + 64 * KIB4; at += KIB4)
        assert_false(tlb_is_stronger(space->handle, at)); /* flushed before the request ends */
    ct_worker_end(w);
    return st;
}

enum ct_status touch(uint64_t va, unsigned rights)
{
    struct ct_worker *w = port_worker(0);
    ct_worker_begin(w);
    enum ct_status st = ct_fault(w, space, (vaddr_t){va}, rights, 0, NULL);
    ct_worker_end(w);
    return st;
}

struct ct_page look(uint64_t va)
{
    struct ct_worker *w = port_worker(0);
    struct ct_cursor c;
    struct ct_page page;
    ct_worker_begin(w);
    assert_int_equal(cursor_lock(w, space, (vaddr_t){va}, (vaddr_t){va + KIB4}, &c), CT_OK);
    cursor_query(&c, &page);
    cursor_unlock(&c);
    ct_worker_end(w);
    return page;
}

void expect(uint64_t low, uint64_t high, enum ct_kind kind, unsigned rights)
{
    struct ct_worker *w = port_worker(0);
    struct ct_cursor c;
    struct ct_page page;
    ct_worker_begin(w);
    assert_int_equal(cursor_lock(w, space, (vaddr_t){low}, (vaddr_t){high}, &c), CT_OK);
    for (uint64_t at = low; at < high; at += page.bytes) {
        cursor_jump(&c, (vaddr_t){at});
        cursor_query(&c, &page);
        if (page.kind != kind || page.rights != rights)
            print_error("at %#llx: kind %d rights %u\n", (unsigned long long)at, page.kind, page.rights);
        assert_int_equal(page.kind, kind);
        assert_int_equal(page.rights, rights);
    }
    cursor_unlock(&c);
    ct_worker_end(w);
}

void fill_page(uint64_t va, uint64_t content)
{
    struct ct_page page = look(va);
    assert_int_equal(page.kind, CT_MAPPED);
    for (unsigned i = 0; i < 512; i++)
        ((uint64_t *)port_frame(page.frame))[i] = content;
}

void expect_page(uint64_t va, uint64_t content)
{
    struct ct_page page = look(va);
    assert_true(page.kind == CT_MAPPED || page.kind == CT_HELD);
    for (unsigned i = 0; i < 512; i++)
        assert_int_equal(((uint64_t *)port_frame(page.frame))[i], content);
}

uint64_t stat_of(enum mm_counter counter)
{
    uint64_t stat[MM_COUNTERS];
    ct_space_stat(space, stat);
    return stat[counter];
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return (hash ^ value) * 0x9e3779b97f4a7c15ull + (hash >> 29);
}

uint64_t state_hash(const uint64_t *ranges)
{
    struct ct_worker *w = port_worker(0);
    uint64_t hash = 1;
    for (; *ranges; ranges += 2) {
        struct ct_cursor c;
        struct ct_page page;
        ct_worker_begin(w);
        assert_int_equal(cursor_lock(w, space, (vaddr_t){ranges[0]}, (vaddr_t){ranges[1]}, &c), CT_OK);
        while (cursor_find_next(&c, &page)) {
            /* An extent may be cut in two by a table: hash what holds for each page, not the extents. */
            for (uint64_t i = 0; i < page.bytes; i += KIB4)
                hash = mix(mix(mix(mix(hash, c.at + i), page.kind), page.rights), page.frame.v);
            cursor_jump(&c, (vaddr_t){c.at + page.bytes});
        }
        cursor_unlock(&c);
        ct_worker_end(w);
    }
    hash = mix(hash, stat_of(MM_FRAMES_NOW));
    return mix(mix(hash, stat_of(MM_TABLES_NOW)), stat_of(MM_META_NOW));
}
