/* Revoke and the derivation tree: chains, trees across CNodes, whole systems in one Untyped, capabilities that hold
 * themselves. That all memory comes back is checked by the frame after each test. */
#include <string.h>
#include "kt.h"

static void test_leaf(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), other = kt_copy(ep, TN_RIGHTS_ALL);

    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, other));
    EXPECT(!kt_slot_is_empty((uint32_t)ep) && !kt_slot_is_empty((uint32_t)other));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, ep));
    EXPECT(!kt_slot_is_empty((uint32_t)ep) && kt_slot_is_empty((uint32_t)other));
}

static void test_empty_slot(void)
{
    int error = INV(KT_ROOT, TN_CNODE_REVOKE, kt_slot());

    EXPECT_EITHER(error, TN_OK, TN_FAILED_LOOKUP); /* seL4: OK, nothing to do */
}

/* A chain of copies of copies. As in seL4 a copy is no parent: revoking one in the middle takes nothing, revoking the
 * original takes all, and so does revoking a minted one with all copies of it. */
static void test_chain(void)
{
    enum { DEPTH = 100 };
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    uint32_t slot[DEPTH];

    for (unsigned badge = 0; badge < 2; badge++) {
        slot[0] = (uint32_t)(badge ? kt_mint(ep, TN_RIGHTS_ALL, badge) : ep);
        for (unsigned i = 1; i < DEPTH; i++)
            slot[i] = (uint32_t)kt_copy(slot[i - 1], TN_RIGHTS_ALL);
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, slot[60]));
        for (unsigned i = 0; i < DEPTH; i++) {
            kt_case(badge << 16 | i);
            EXPECT(!kt_slot_is_empty(slot[i]));
        }
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, slot[0]));
        for (unsigned i = 0; i < DEPTH; i++) {
            kt_case(badge << 16 | i);
            EXPECT_EQ(kt_slot_is_empty(slot[i]), i > 0);
        }
    }
}

/* Siblings and ancestors of what is revoked stay. */
static void test_subtree(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    uint32_t left = (uint32_t)kt_mint(ep, TN_RIGHTS_ALL, 1), right = (uint32_t)kt_mint(ep, TN_RIGHTS_ALL, 2);
    uint32_t left_kid = (uint32_t)kt_copy(left, TN_READ), right_kid = (uint32_t)kt_copy(right, TN_WRITE);
    uint32_t left_grandkid = (uint32_t)kt_copy(left_kid, TN_READ), plain = (uint32_t)kt_copy(ep, TN_READ);

    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, left));
    EXPECT(kt_slot_is_empty(left_kid) && kt_slot_is_empty(left_grandkid));
    EXPECT(!kt_slot_is_empty(left) && !kt_slot_is_empty(right) && !kt_slot_is_empty(right_kid));
    EXPECT(!kt_slot_is_empty(plain));
    /* Deleting a middle capability does not cut its children off from the head. */
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, right));
    EXPECT(!kt_slot_is_empty(right_kid));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, ep));
    EXPECT(kt_slot_is_empty(left) && kt_slot_is_empty(right_kid));
    EXPECT(!kt_slot_is_empty((uint32_t)ep));
}

/* Copies spread over many CNodes, each copied from a random earlier one. */
static void test_across_cnodes(void)
{
    enum { NODES = 8, SIZE = 32 };
    tn_cptr_t cnode[NODES], ep = kt_object(TN_ENDPOINT, 0), cap[NODES * SIZE];
    uint64_t state = kt_test_seed;

    for (unsigned n = 0; n < NODES; n++)
        cnode[n] = kt_object(TN_CNODE, 5);
    for (unsigned i = 0; i < NODES * SIZE; i++) {
        tn_cptr_t from = i == 0 ? ep : cap[kt_random(&state) % i];
        EXPECT_OK(INV(cnode[i % NODES], TN_CNODE_COPY, i / NODES, from, TN_RIGHTS_ALL));
        cap[i] = tn_cptr_in((uint32_t)cnode[i % NODES], i / NODES);
    }
    struct kt_msg m = {0};
    EXPECT_ERROR(kt_nb_recv(cap[NODES * SIZE - 1], &m, 0), TN_WOULD_BLOCK);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, ep));
    for (unsigned i = 0; i < NODES * SIZE; i++) {
        kt_case(i);
        EXPECT_ERROR(kt_nb_recv(cap[i], &m, 0), TN_FAILED_LOOKUP);
    }
    EXPECT_ERROR(kt_nb_recv(ep, &m, 0), TN_WOULD_BLOCK);
}

/* A random family and a model of it: copies and minted capabilities with badges of their own, copies of those. After
 * each revoke or delete exactly the expected capabilities are left. */
static void test_random_tree(void)
{
    enum { SIZE = 64, STEPS = 400 };
    tn_cptr_t cnode = kt_object(TN_CNODE, 6), ep = kt_object(TN_ENDPOINT, 0);
    uint64_t badge[SIZE], state = kt_test_seed, next_badge = 1; /* ~0: empty slot; 0: copy of ep itself */
    bool minted[SIZE];

    for (unsigned i = 0; i < SIZE; i++)
        badge[i] = ~0ull;
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = kt_random(&state) % SIZE, from = kt_random(&state) % SIZE, dice = kt_random(&state) % 8;
        tn_cptr_t source = badge[from] == ~0ull ? ep : tn_cptr_in((uint32_t)cnode, from);
        uint64_t source_badge = badge[from] == ~0ull ? 0 : badge[from];
        kt_case(step);
        if (badge[i] == ~0ull) {
            minted[i] = source_badge == 0 && dice < 4;
            badge[i] = minted[i] ? next_badge++ : source_badge;
            EXPECT_OK(minted[i] ? INV(cnode, TN_CNODE_MINT, i, source, TN_RIGHTS_ALL, badge[i])
                                : INV(cnode, TN_CNODE_COPY, i, source, TN_RIGHTS_ALL));
        } else if (dice < 3) {
            EXPECT_OK(INV(cnode, TN_CNODE_REVOKE, i));
            for (unsigned k = 0; k < SIZE; k++)
                if (k != i && minted[i] && badge[k] == badge[i])
                    badge[k] = ~0ull;
        } else if (dice < 5) {
            EXPECT_OK(INV(cnode, TN_CNODE_DELETE, i));
            badge[i] = ~0ull;
        }
        struct kt_msg m = {0};
        for (unsigned k = 0; k < SIZE; k++)
            if (!EXPECT_ERROR(kt_nb_recv(tn_cptr_in((uint32_t)cnode, k), &m, 0),
                              badge[k] == ~0ull ? TN_FAILED_LOOKUP : TN_WOULD_BLOCK))
                return;
    }
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, ep));
    for (unsigned k = 0; k < SIZE; k++) {
        struct kt_msg m = {0};
        EXPECT_ERROR(kt_nb_recv(tn_cptr_in((uint32_t)cnode, k), &m, 0), TN_FAILED_LOOKUP);
    }
}

static void test_full_cnode(void)
{
    tn_cptr_t untyped = kt_object(TN_UNTYPED, 17), ep = kt_object(TN_ENDPOINT, 0);
    uint32_t cnode = kt_slot();

    EXPECT_OK(kt_retype(untyped, TN_CNODE, 12, KT_ROOT, cnode, 1));
    for (unsigned i = 0; i < 4096; i++)
        if (!EXPECT_OK(INV(cnode, TN_CNODE_COPY, i, ep, TN_RIGHTS_ALL)))
            return;
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, cnode)); /* its last capability: all in it go */
    EXPECT_OK(kt_retype(untyped, TN_FRAME, 17, KT_ROOT, cnode, 1));
    struct kt_msg m = {0};
    EXPECT_ERROR(kt_nb_recv(ep, &m, 0), TN_WOULD_BLOCK);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, ep));
}

/* ---- Everything at once ----
 * A waiter may wake with PEER_GONE and run to its end before it is deleted itself. */

static void wait_recv(struct kt_thread *t)
{
    struct kt_msg m = {0};

    kt_add(&t->count, 1);
    kt_recv(t->arg[0], &m, 0);
}

static void wait_send(struct kt_thread *t)
{
    struct kt_msg m = kt_msg1(1, 2);

    kt_add(&t->count, 1);
    if (t->arg[1])
        kt_call(t->arg[0], &m);
    else
        kt_send(t->arg[0], &m);
}

static void wait_ntfn(struct kt_thread *t)
{
    kt_add(&t->count, 1);
    kt_wait(t->arg[0], NULL);
}

static void build_everything(unsigned round)
{
    struct kt_space space;
    struct kt_probe probe;
    tn_cptr_t receivers = kt_object(TN_ENDPOINT, 0), senders = kt_object(TN_ENDPOINT, 0);
    tn_cptr_t ntfn = kt_object(TN_NOTIFICATION, 0), gate = kt_object(TN_GATE, kt_gate_bits()),
              cnode = kt_object(TN_CNODE, 8);
    struct kt_thread *blocked[6 * 4];
    unsigned n = 0;

    kt_space_new(&space);
    kt_probe_new(&probe, &space, round % kt_harts);
    for (unsigned i = 0; i < 4; i++) {
        unsigned hart = (round + i) % kt_harts;
        blocked[n++] = kt_spawn(hart, wait_recv, receivers, 0);
        blocked[n++] = kt_spawn(hart, wait_send, senders, 0);
        blocked[n++] = kt_spawn(hart, wait_send, senders, 1);
        blocked[n++] = kt_spawn(hart, wait_ntfn, ntfn, 0);
        EXPECT_OK(INV(gate, TN_GATE_SET, hart, i % 2 ? receivers : senders));
    }
    for (unsigned i = 0; i < n; i++)
        kt_await_count(&blocked[i]->count, 1);
    for (unsigned i = 0; i < 256; i++)
        EXPECT_OK(INV(cnode, TN_CNODE_COPY, i, i % 3 ? receivers : space.table[0], TN_RIGHTS_ALL));
    EXPECT_OK(INV(ntfn, TN_NTFN_DEADLINE, kt_time() + kt_ticks_ms(1000000)));
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        struct kt_thread *t = kt_spawn(hart, kt_spin, 0, 0);
        kt_await_count(&t->count, 1);
    }
    struct kt_msg m = {0};
    EXPECT_OK(kt_recv(senders, &m, kt_object(TN_REPLY, 0)));
    EXPECT_OK(
        kt_recv(senders, &m, kt_object(TN_REPLY, 0))); /* at least one caller is parked now, or a sender gone on */
}

/* Threads running on every hart, waiters of all kinds, address spaces, all revoked through one Untyped. */
static void test_everything(void)
{
    for (unsigned round = 0; round < 2; round++)
        build_everything(round);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, kt_slot_untyped));
}

/* The same, but what is left is deleted slot by slot, in order. */
static void test_everything_deleted(void)
{
    uint32_t first = kt_slot();

    build_everything(0);
    uint32_t end = kt_slot();
    for (uint32_t slot = first; slot < end; slot++)
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, slot));
    for (uint32_t slot = first; slot < end; slot++)
        EXPECT(kt_slot_is_empty(slot));
}

/* ---- Capabilities that hold themselves ---- */

static void test_cnode_in_itself(void)
{
    for (unsigned variant = 0; variant < 4; variant++) {
        kt_case(variant);
        tn_cptr_t untyped = kt_object(TN_UNTYPED, 12);
        uint32_t cnode = kt_slot();
        EXPECT_OK(kt_retype(untyped, TN_CNODE, 4, KT_ROOT, cnode, 1));
        EXPECT_OK(INV(cnode, TN_CNODE_COPY, 3, cnode, TN_RIGHTS_ALL));
        if (variant == 1)
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, cnode)); /* the copy inside keeps it */
        if (variant == 2)
            EXPECT_OK(INV(cnode, TN_CNODE_DELETE, 3));
        if (variant == 3)
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, cnode));
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
        EXPECT(kt_slot_is_empty(cnode));
        EXPECT_OK(kt_retype(untyped, TN_FRAME, 12, KT_ROOT, cnode, 1));
    }
}

/* The only capability of a CNode is moved into it: nobody can reach it any more but its Untyped. */
static void test_cnode_moved_into_itself(void)
{
    tn_cptr_t untyped = kt_object(TN_UNTYPED, 12);
    uint32_t cnode = kt_slot();

    EXPECT_OK(kt_retype(untyped, TN_CNODE, 4, KT_ROOT, cnode, 1));
    int error = INV(cnode, TN_CNODE_MOVE, 2, cnode);
    EXPECT_EQ(kt_slot_is_empty(cnode), error == TN_OK);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, cnode));
    EXPECT_OK(kt_retype(untyped, TN_FRAME, 12, KT_ROOT, cnode, 1));
}

static void test_cnode_ring(void)
{
    enum { RING = 6 };
    tn_cptr_t untyped = kt_object(TN_UNTYPED, 13);
    uint32_t cnode = kt_slots(RING);

    EXPECT_OK(kt_retype(untyped, TN_CNODE, 3, KT_ROOT, cnode, RING));
    for (unsigned i = 0; i < RING; i++) {
        EXPECT_OK(INV(cnode + i, TN_CNODE_COPY, 1, cnode + (i + 1) % RING, TN_RIGHTS_ALL));
        EXPECT_OK(INV(cnode + i, TN_CNODE_COPY, 2, cnode + (i + RING - 1) % RING, TN_RIGHTS_ALL));
    }
    for (unsigned i = 0; i < RING; i++)
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, cnode + i));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
    EXPECT_OK(kt_retype(untyped, TN_FRAME, 13, KT_ROOT, cnode, 1));
}

/* CNodes in CNodes in CNodes: deleting the outermost takes them all, without recursion's limits. */
static void test_cnode_chain(void)
{
    enum { DEPTH = 200 };
    tn_cptr_t untyped = kt_object(TN_UNTYPED, 16);
    uint32_t slots = kt_slots(2);

    EXPECT_OK(kt_retype(untyped, TN_CNODE, 1, KT_ROOT, slots, 1));
    for (unsigned i = 1; i < DEPTH; i++) {
        uint32_t next = slots + i % 2, last = slots + (i + 1) % 2;
        EXPECT_OK(kt_retype(untyped, TN_CNODE, 1, KT_ROOT, next, 1));
        EXPECT_OK(INV(next, TN_CNODE_MOVE, 0, last));
    }
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, slots + (DEPTH - 1) % 2));
    EXPECT_OK(kt_retype(untyped, TN_FRAME, 16, KT_ROOT, slots, 1));
}

static void revoke_own(struct kt_thread *t)
{
    kt_add(&t->count, 1);
    INV(KT_ROOT, TN_CNODE_REVOKE, t->arg[0]);
    kt_check(false, __FILE__, __LINE__, "ran on after its deletion", 0, 0);
}

/* A thread revokes the Untyped that it was made of. */
static void test_revoke_oneself(void)
{
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        struct kt_thread *t = kt_spawn(hart, revoke_own, kt_slot_untyped, 0);
        kt_await_count(&t->count, 1);
        kt_settle(hart);
        for (unsigned i = 0; i < 1000 && !kt_slot_is_empty((uint32_t)t->tcb); i++)
            kt_sleep_ticks(kt_ticks_ms(5));
        EXPECT(kt_slot_is_empty((uint32_t)t->tcb));
        EXPECT_OK(kt_retype(KT_UNTYPED, TN_UNTYPED, KT_UNTYPED_BITS, KT_ROOT, kt_slot(), 1));
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, kt_slot_untyped));
    }
}

static void delete_own_cspace(struct kt_thread *t)
{
    INV(1, TN_CNODE_DELETE, 3);
    t->result[0] = (uint64_t)INV(1, TN_CNODE_DELETE, 1); /* the CNode's capability in itself */
    t->result[1] = (uint64_t)INV(1, TN_CNODE_DELETE, 2);
    kt_add(&t->count, 1);
    for (;;)
        kt_yield();
}

static void test_delete_own_cspace(void)
{
    tn_cptr_t cnode = kt_object(TN_CNODE, 2);
    struct kt_thread *t = kt_thread_new(kt_main_hart, delete_own_cspace);

    EXPECT_OK(INV(cnode, TN_CNODE_COPY, 1, cnode, TN_RIGHTS_ALL));
    EXPECT_OK(INV(t->tcb, TN_TCB_SET_SPACE, cnode, TN_INIT_VSPACE, 0));
    EXPECT_OK(INV(cnode, TN_CNODE_MOVE, 3, cnode)); /* only the thread's own references are left outside */
    kt_thread_start(t);
    kt_await_count(&t->count, 1);
    EXPECT_OK((int)t->result[0]);
    EXPECT_ERROR((int)t->result[1], TN_FAILED_LOOKUP);
}

static void revokes_once(struct kt_thread *t)
{
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, t->arg[0]));
}

/* Whether a suspended thread of this program stands on an `ecall`. */
static bool stands_on_call(tn_cptr_t tcb)
{
    struct kt_msg m = INVM(tcb, TN_TCB_READ_REGS, 0, 1);
    uint32_t instruction;

    EXPECT_OK(kt_error(&m));
    memcpy(&instruction, (const void *)m.mr[0], sizeof instruction);
    return instruction == 0x73;
}

/* A revocation that was interrupted in its search through the tables, and whose thread was then suspended, has not begun: resumed, it
 * finds also what was mapped meanwhile into a table that it had passed. */
static void test_suspended(void)
{
    enum { ROUNDS = 40 };
    tn_cptr_t frame = kt_object(TN_FRAME, 12), table = kt_object(TN_PAGETABLE, 0);
    const volatile uint64_t *entries = kt_view(table);
    uint64_t state = kt_test_seed, began = kt_time(), span;
    unsigned in_the_middle = 0;

    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, frame));
    span = kt_time() - began;
    for (unsigned round = 0; round < ROUNDS; round++) {
        kt_case(round);
        struct kt_thread *t = kt_spawn(kt_main_hart, revokes_once, frame, 0);
        kt_sleep_ticks(1 + kt_random(&state) % (2 * span));
        EXPECT_OK(INV0(t->tcb, TN_TCB_SUSPEND));
        bool in_call = stands_on_call(t->tcb);
        EXPECT_OK(kt_pt(table, TN_PT_MAP, 7, 1, frame, 0, TN_READ | TN_WRITE));
        EXPECT_OK(INV0(t->tcb, TN_TCB_RESUME));
        kt_join(t);
        if (in_call)
            EXPECT_EQ(entries[7], 0);
        in_the_middle += in_call;
        EXPECT_OK(kt_pt(table, TN_PT_CLEAR, 7, 1, 0, 0, 0));
    }
    kt_printf("# %u of %u rounds suspended it in the call\n", in_the_middle, ROUNDS);
}

const struct kt_test revoke_tests[] = {
    {"revoke.suspended", test_suspended, 0},
    {"revoke.leaf", test_leaf, 0},
    {"revoke.empty_slot", test_empty_slot, 0},
    {"revoke.chain", test_chain, 0},
    {"revoke.subtree", test_subtree, 0},
    {"revoke.across_cnodes", test_across_cnodes, 0},
    {"revoke.random_tree", test_random_tree, 0},
    {"revoke.full_cnode", test_full_cnode, 0},
    {"revoke.everything", test_everything, 0},
    {"revoke.everything_deleted", test_everything_deleted, 0},
    {"revoke.cnode_in_itself", test_cnode_in_itself, 0},
    {"revoke.cnode_moved_into_itself", test_cnode_moved_into_itself, 0},
    {"revoke.cnode_ring", test_cnode_ring, 0},
    {"revoke.cnode_chain", test_cnode_chain, 0},
    {"revoke.revoke_oneself", test_revoke_oneself, 0},
    {"revoke.delete_own_cspace", test_delete_own_cspace, 0},
    {NULL, NULL, 0},
};
