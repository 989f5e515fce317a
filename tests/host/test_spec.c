// uses: tests/spec/*.c
/* The executable specification by itself: a few calls whose answers docs/abi.md gives in words. What it says of millions of others is
 * compared with the kernel's answers by ktest's `worlds`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the four above */
#include "../spec/spec.h"
#include <cmocka.h>

#define SELF 1
#define MEMORY 2
#define BASE 0x90000000ull

static struct spec *s;
static uint64_t batch[SPEC_BATCH_WORDS];
static struct spec_answer answer;

static int setup(void **state)
{
    (void)state;
    s = calloc(1, sizeof *s);
    spec_init(s, 3, 2, 8, SELF, MEMORY, BASE, 16);
    memset(batch, 0, sizeof batch);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_null(spec_check(s));
    free(s);
    return 0;
}

static enum tn_error call(uint64_t cap, uint64_t label, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3)
{
    struct spec_call c = {TN_SYS_CALL, {cap, tn_info(label, 0, 4), w0, w1, w2, w3, 0}};
    spec_call(s, &c, batch, &answer);
    return answer.error;
}

static enum tn_error make(uint64_t type, uint64_t size, uint64_t slot)
{
    return call(MEMORY, TN_UNTYPED_RETYPE, type, size, SELF, slot | 1ull << 32);
}

static enum tn_error map(uint64_t table, uint64_t frame, uint64_t page, uint64_t *old)
{
    struct tn_pt_batch *b = (struct tn_pt_batch *)batch;
    struct spec_call c = {TN_SYS_PT_WRITE, {0}};
    b->runs = 1;
    b->run[0] = (struct tn_pt_run){.table = table,
                                   .object = frame,
                                   .first = 3,
                                   .count = 1,
                                   .op = TN_PT_MAP,
                                   .rights = TN_READ,
                                   .flags = TN_PT_OLD,
                                   .page = page,
                                   .out = 300};
    spec_call(s, &c, batch, &answer);
    *old = answer.old[300];
    return answer.error;
}

static void untyped_starts_again(void **state)
{
    (void)state;
    assert_int_equal(make(TN_FRAME, 15, 10), TN_OK);
    assert_int_equal(make(TN_FRAME, 15, 11), TN_OK);
    assert_int_equal(make(TN_FRAME, 12, 12), TN_NOT_ENOUGH_MEMORY);
    assert_int_equal(make(TN_FRAME, 12, 10), TN_DELETE_FIRST);
    assert_int_equal(call(SELF, TN_CNODE_REVOKE, MEMORY, 0, 0, 0), TN_OK);
    assert_int_equal(make(TN_FRAME, 16, 12), TN_OK);
    assert_int_equal(call(12, TN_FRAME_ADDRESS, 0, 0, 0, 0), TN_OK);
    assert_int_equal(answer.mr[0], BASE);
}

static void revoke_takes_what_descends(void **state)
{
    (void)state;
    assert_int_equal(make(TN_ENDPOINT, 0, 10), TN_OK);
    assert_int_equal(call(SELF, TN_CNODE_MINT, 11, 10, TN_RIGHTS_ALL, 7), TN_OK);
    assert_int_equal(call(SELF, TN_CNODE_COPY, 12, 11, TN_RIGHTS_ALL, 0), TN_OK);
    assert_int_equal(call(SELF, TN_CNODE_COPY, 13, 10, TN_RIGHTS_ALL, 0), TN_OK);
    assert_int_equal(call(SELF, TN_CNODE_MINT, 14, 11, TN_RIGHTS_ALL, 8), TN_ILLEGAL_OPERATION);
    assert_int_equal(call(SELF, TN_CNODE_REVOKE, 11, 0, 0, 0), TN_OK);
    assert_int_equal(call(SELF, TN_CNODE_COPY, 20, 12, 0, 0), TN_FAILED_LOOKUP);
    assert_int_equal(call(SELF, TN_CNODE_COPY, 20, 13, 0, 0), TN_OK);
    assert_int_equal(call(SELF, TN_CNODE_REVOKE, 10, 0, 0, 0), TN_OK);
    assert_int_equal(call(SELF, TN_CNODE_COPY, 21, 13, 0, 0), TN_FAILED_LOOKUP);
}

static void last_capability_empties_a_cnode(void **state)
{
    (void)state;
    assert_int_equal(make(TN_CNODE, 2, 10), TN_OK);
    assert_int_equal(make(TN_NOTIFICATION, 0, 11), TN_OK);
    assert_int_equal(call(10, TN_CNODE_MOVE, 1, 11, 0, 0), TN_OK);
    assert_int_not_equal(spec_lookup(s, tn_cptr_in(10, 1)), SPEC_NO_SLOT);
    assert_int_equal(call(SELF, TN_CNODE_DELETE, 10, 0, 0, 0), TN_OK);
    assert_int_equal(spec_lookup(s, tn_cptr_in(10, 1)), SPEC_NO_SLOT);
}

static void entries_are_exchanged_and_revoked(void **state)
{
    uint64_t old;
    (void)state;
    assert_int_equal(make(TN_PAGETABLE, 0, 10), TN_OK);
    assert_int_equal(make(TN_FRAME, 13, 11), TN_OK);
    assert_int_equal(map(10, 11, 0, &old), TN_OK);
    assert_int_equal(old, 0);
    assert_int_equal(map(10, 11, 2, &old), TN_RANGE_ERROR);
    assert_int_equal(map(10, 11, 1, &old), TN_OK);
    assert_int_equal(tn_pte_paddr(old), BASE + 0x2000);
    assert_int_equal(call(SELF, TN_CNODE_REVOKE, 11, 0, 0, 0), TN_OK);
    assert_int_equal(map(10, 11, 0, &old), TN_OK);
    assert_int_equal(old, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(untyped_starts_again, setup, teardown),
        cmocka_unit_test_setup_teardown(revoke_takes_what_descends, setup, teardown),
        cmocka_unit_test_setup_teardown(last_capability_empties_a_cnode, setup, teardown),
        cmocka_unit_test_setup_teardown(entries_are_exchanged_and_revoked, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
