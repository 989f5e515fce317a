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
#define SPACE 3
#define BUFFERS 4
#define CODE 0x10000ull
#define BLOCKS 0x20000ull

static struct spec *s;
static uint64_t batch[SPEC_BATCH_WORDS];
static struct spec_answer answer;

static int setup(void **state)
{
    (void)state;
    s = calloc(1, sizeof *s);
    spec_init(s, &(struct spec_world){.levels = 3,
                                      .harts = 2,
                                      .priority = 16,
                                      .self = SELF,
                                      .untyped = MEMORY,
                                      .space = SPACE,
                                      .buffers = BUFFERS,
                                      .untyped_base = BASE,
                                      .untyped_bits = 16,
                                      .buffers_base = 2 * BASE,
                                      .program = {CODE, CODE + 32, CODE + 36, CODE + 60, BLOCKS, 0}});
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

/* ---- threads ---- */

/* A TCB in `slot` of that priority, with the world's CSpace, and page `page` of the buffers; `fault`: its handler. */
static void thread(uint64_t slot, uint64_t priority, uint64_t page, uint64_t fault)
{
    assert_int_equal(make(TN_TCB, 0, slot), TN_OK);
    assert_int_equal(call(slot, TN_TCB_SET_SPACE, SELF, SPACE, fault, 0), TN_OK);
    assert_int_equal(call(slot, TN_TCB_SET_BUFFER, BUFFERS, page, 1, 0), TN_OK);
    assert_int_equal(call(slot, TN_TCB_SET_PRIORITY, priority, 0, 0, 0), TN_OK);
}

/* Sends it on its way with a call, through block `block`. */
static const struct spec_block *go(uint64_t slot, unsigned block, uint64_t number, uint64_t a0, uint64_t a1,
                                   uint64_t a2, uint64_t a6)
{
    struct spec_block *b = &s->block[block];
    *b = (struct spec_block){.in = {a0, a1, a2, 0, 0, 0, a6, number}};
    assert_int_equal(call(slot, TN_TCB_WRITE_REGS, CODE, 0, BLOCKS + block * sizeof *b, 0), TN_OK);
    assert_int_equal(call(slot, TN_TCB_RESUME, 0, 0, 0, 0), TN_OK);
    spec_run(s);
    return b;
}

static uint64_t reg(uint64_t slot, uint64_t number)
{
    assert_int_equal(call(slot, TN_TCB_READ_REGS, number, 1, 0, 0), TN_OK);
    return answer.mr[0];
}

/* A call, long, with a capability: received, answered; and what both sides see of it. */
static void a_call_is_answered(void **state)
{
    (void)state;
    assert_int_equal(make(TN_ENDPOINT, 0, 10), TN_OK);
    assert_int_equal(make(TN_REPLY, 0, 11), TN_OK);
    assert_int_equal(call(SELF, TN_CNODE_MINT, 12, 10, TN_WRITE | TN_GRANT, 77), TN_OK);
    thread(20, 5, 1, 0);
    thread(21, 6, 2, 0);
    s->page[1][6] = 666;
    s->page[1][TN_MSG_WORDS_MAX] = 10;
    s->page[2][TN_MSG_WORDS_MAX + TN_MSG_CAPS_MAX] = 30;
    const struct spec_block *client = go(20, 0, TN_SYS_CALL, 12, tn_info(3, 1, 7), 333, 0);
    const struct spec_block *server = go(21, 1, TN_SYS_RECV, 10, 0, 0, 11);
    assert_int_equal(server->out[0], 77);
    assert_int_equal(server->out[1], tn_info(3, 1, 7));
    assert_int_equal(server->out[2], 333);
    assert_int_equal(s->page[2][6], 666);
    assert_non_null(spec_object_of(s, 30));
    assert_int_equal(reg(20, 0), CODE + 36); /* waits behind its call */
    server = go(21, 1, TN_SYS_REPLY, 0, tn_info(4, 0, 1), 444, 11);
    assert_int_equal(client->out[0], 0);
    assert_int_equal(client->out[1], tn_info(4, 0, 1));
    assert_int_equal(client->out[2], 444);
    assert_int_equal(reg(20, 0), CODE + 60); /* at its end */
}

/* Who waits is told when what it waits for goes; who is suspended starts its call again. */
static void waiting_ends(void **state)
{
    (void)state;
    assert_int_equal(make(TN_ENDPOINT, 0, 10), TN_OK);
    assert_int_equal(make(TN_NOTIFICATION, 0, 11), TN_OK);
    thread(20, 5, 1, 0);
    thread(21, 6, 2, 0);
    const struct spec_block *sender = go(20, 0, TN_SYS_SEND, 10, tn_info(1, 0, 0), 0, 0);
    go(21, 1, TN_SYS_WAIT, 11, 0, 0, 0);
    assert_int_equal(call(21, TN_TCB_SUSPEND, 0, 0, 0, 0), TN_OK);
    assert_int_equal(reg(21, 0), CODE + 32);
    assert_int_equal(call(SELF, TN_CNODE_DELETE, 10, 0, 0, 0), TN_OK);
    spec_run(s);
    assert_int_equal(sender->out[1], TN_INFO_ERROR | (uint64_t)TN_PEER_GONE << 12);
    assert_int_equal(call(21, TN_TCB_RESUME, 0, 0, 0, 0), TN_OK);
    assert_int_equal(call(SELF, TN_CNODE_DELETE, 11, 0, 0, 0), TN_OK);
    spec_run(s);
    assert_int_equal(s->block[1].out[1], TN_INFO_ERROR | (uint64_t)TN_FAILED_LOOKUP << 12);
}

/* A thread's end is a fault, which its handler answers; another without one stays where it is. */
static void faults_are_messages(void **state)
{
    (void)state;
    assert_int_equal(make(TN_ENDPOINT, 0, 10), TN_OK);
    assert_int_equal(make(TN_REPLY, 0, 11), TN_OK);
    thread(20, 5, 1, 10);
    thread(21, 6, 2, 0);
    assert_int_equal(call(20, TN_TCB_SET_BADGE, 9, 0, 0, 0), TN_OK);
    go(20, 0, 1000, 1, 2, 3, 0);
    const struct spec_block *handler = go(21, 1, TN_SYS_RECV, 10, 0, 0, 11);
    assert_int_equal(handler->out[0], 9);
    assert_int_equal(handler->out[1], tn_info(TN_FAULT_UNKNOWN_SYSCALL, 0, 4));
    assert_int_equal(handler->out[2], CODE + 32);
    assert_int_equal(handler->out[3], 1000);
    go(21, 1, TN_SYS_REPLY, 0, tn_info(0, 0, 1), CODE + 36, 11); /* past it */
    assert_int_equal(s->block[0].out[0], 1);
    assert_int_equal(reg(20, 0), CODE + 60);
    handler = go(21, 1, TN_SYS_NB_RECV, 10, 0, 0, 11);
    assert_int_equal(handler->out[1], tn_info(TN_FAULT_BREAKPOINT, 0, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(untyped_starts_again, setup, teardown),
        cmocka_unit_test_setup_teardown(revoke_takes_what_descends, setup, teardown),
        cmocka_unit_test_setup_teardown(last_capability_empties_a_cnode, setup, teardown),
        cmocka_unit_test_setup_teardown(entries_are_exchanged_and_revoked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_call_is_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(waiting_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(faults_are_messages, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
