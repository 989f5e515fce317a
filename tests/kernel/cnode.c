/* CNode: copy, mint, move, delete, two-level capability pointers, rights and badges. Revoke is in revoke.c. */
#include "kt.h"

/* READ is there if a non-blocking receive gets as far as finding nobody. */
static int can_receive(tn_cptr_t ep)
{
    struct kt_msg m = {0};
    int error = kt_nb_recv(ep, &m, 0);

    return error == TN_WOULD_BLOCK ? TN_OK : error;
}

static int can_send(tn_cptr_t ep)
{
    struct kt_msg m = {0};

    return kt_nb_send(ep, &m);
}

static void test_copy(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), copy = kt_copy(ep, TN_RIGHTS_ALL);
    uint32_t empty = kt_slot();

    EXPECT_OK(can_receive(copy));
    EXPECT_OK(can_send(copy));
    EXPECT_ERROR(INV(KT_ROOT, TN_CNODE_COPY, copy, ep, TN_RIGHTS_ALL), TN_DELETE_FIRST);
    EXPECT_ERROR(INV(KT_ROOT, TN_CNODE_COPY, ep, ep, TN_RIGHTS_ALL), TN_DELETE_FIRST);
    EXPECT_ERROR(INV(KT_ROOT, TN_CNODE_COPY, empty, kt_slot(), TN_RIGHTS_ALL), TN_FAILED_LOOKUP);
    EXPECT_ERROR(INV(KT_ROOT, TN_CNODE_COPY, empty, 0, TN_RIGHTS_ALL), TN_FAILED_LOOKUP);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, ep));
    EXPECT_OK(can_receive(copy)); /* the object lives as long as one capability does */
}

static void test_index_range(void)
{
    enum { RADIX = 4, SIZE = 1 << RADIX };
    tn_cptr_t cnode = kt_object(TN_CNODE, RADIX), ep = kt_object(TN_ENDPOINT, 0);
    static const uint64_t bad[] = {SIZE, SIZE + 1, 1ull << 32, 1ull << 63, ~0ull};

    for (unsigned i = 0; i < 5; i++) {
        kt_case(bad[i]);
        struct kt_msg m = INVM(cnode, TN_CNODE_COPY, bad[i], ep, TN_RIGHTS_ALL);
        EXPECT_ERROR(kt_error(&m), TN_RANGE_ERROR);
        EXPECT_EQ(m.mr[0], 0);
        EXPECT_EQ(m.mr[1], SIZE - 1);
        EXPECT_ERROR(INV(cnode, TN_CNODE_MINT, bad[i], ep, TN_RIGHTS_ALL, 5), TN_RANGE_ERROR);
        EXPECT_ERROR(INV(cnode, TN_CNODE_MOVE, bad[i], ep), TN_RANGE_ERROR);
        EXPECT_ERROR(INV(cnode, TN_CNODE_DELETE, bad[i]), TN_RANGE_ERROR);
        EXPECT_ERROR(INV(cnode, TN_CNODE_REVOKE, bad[i]), TN_RANGE_ERROR);
    }
    EXPECT_OK(INV(cnode, TN_CNODE_COPY, SIZE - 1, ep, TN_RIGHTS_ALL));
    EXPECT_OK(INV(cnode, TN_CNODE_COPY, 0, ep, TN_RIGHTS_ALL));
    EXPECT_OK(can_receive(tn_cptr_in((uint32_t)cnode, SIZE - 1)));
    EXPECT_OK(can_receive(tn_cptr_in((uint32_t)cnode, 0)));
}

/* Rights only ever shrink, along copy, mint and move. */
static void test_rights(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);

    for (unsigned rights = 0; rights <= TN_RIGHTS_ALL; rights++) {
        kt_case(rights);
        bool reads = rights & TN_READ, writes = rights & TN_WRITE;
        tn_cptr_t first = kt_copy(ep, rights), grown = kt_copy(first, TN_RIGHTS_ALL);
        tn_cptr_t minted = kt_mint(first, TN_RIGHTS_ALL, 7), moved = kt_slot();
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_MOVE, moved, first));
        const tn_cptr_t caps[] = {grown, minted, moved};
        for (unsigned i = 0; i < 3; i++) {
            EXPECT_ERROR(can_receive(caps[i]), reads ? TN_OK : TN_INVALID_CAPABILITY);
            EXPECT_ERROR(can_send(caps[i]), writes ? TN_OK : TN_INVALID_CAPABILITY);
        }
    }
}

/* Rights of a Frame decide what can be mapped. */
static void test_frame_rights(void)
{
    tn_cptr_t frame = kt_object(TN_FRAME, 12), table = kt_object(TN_PAGETABLE, 0);

    for (unsigned rights = 0; rights <= 7; rights++) {
        tn_cptr_t weak = kt_copy(frame, rights), copy = kt_copy(weak, TN_RIGHTS_ALL);
        for (unsigned want = 1; want <= 7; want++) {
            kt_case(rights << 8 | want);
            if ((want & TN_WRITE) && !(want & TN_READ))
                continue;
            int expected = (want & ~rights) ? TN_INVALID_CAPABILITY : TN_OK;
            EXPECT_ERROR(kt_pt(table, TN_PT_MAP, 0, 1, copy, 0, want), expected);
            EXPECT_OK(kt_pt(table, TN_PT_CLEAR, 0, 1, 0, 0, 0));
        }
    }
}

static void test_mint(void)
{
    tn_cptr_t ntfn = kt_object(TN_NOTIFICATION, 0);
    static const uint64_t badges[] = {1,          0x80,       1ull << 31, 1ull << 32,
                                      1ull << 62, 1ull << 63, ~0ull,      0x1234567890abcdef};
    uint64_t bits;

    for (unsigned i = 0; i < sizeof(badges) / sizeof(badges[0]); i++) {
        kt_case(badges[i]);
        tn_cptr_t cap = kt_mint(ntfn, TN_RIGHTS_ALL, badges[i]), copy = kt_copy(cap, TN_WRITE);
        EXPECT_OK(kt_signal(copy)); /* a copy keeps the badge */
        EXPECT_OK(kt_poll(ntfn, &bits));
        EXPECT_EQ(bits, badges[i]);
        EXPECT_REFUSED(INV(KT_ROOT, TN_CNODE_MINT, kt_slot(), cap, TN_RIGHTS_ALL, 9));
        EXPECT_REFUSED(INV(KT_ROOT, TN_CNODE_MINT, kt_slot(), copy, TN_RIGHTS_ALL, badges[i]));
    }
    uint32_t dest = kt_slot();
    EXPECT_ERROR(INV(KT_ROOT, TN_CNODE_MINT, dest, kt_slot(), TN_RIGHTS_ALL, 9), TN_FAILED_LOOKUP);
    EXPECT_ERROR(INV(KT_ROOT, TN_CNODE_MINT, ntfn, ntfn, TN_RIGHTS_ALL, 9), TN_DELETE_FIRST);
    EXPECT(kt_slot_is_empty(dest));
}

static void test_move(void)
{
    tn_cptr_t ntfn = kt_object(TN_NOTIFICATION, 0), cnode = kt_object(TN_CNODE, 3);
    tn_cptr_t cap = kt_mint(ntfn, TN_WRITE, 0x40);
    uint32_t to = kt_slot();
    uint64_t bits;

    EXPECT_OK(INV(KT_ROOT, TN_CNODE_MOVE, to, cap));
    EXPECT(kt_slot_is_empty((uint32_t)cap));
    EXPECT_ERROR(kt_signal(cap), TN_FAILED_LOOKUP);
    EXPECT_OK(kt_signal(to));
    EXPECT_OK(kt_poll(ntfn, &bits));
    EXPECT_EQ(bits, 0x40);
    EXPECT_ERROR(kt_poll(to, &bits), TN_INVALID_CAPABILITY); /* still WRITE alone */
    EXPECT_ERROR(INV(KT_ROOT, TN_CNODE_MOVE, to, ntfn), TN_DELETE_FIRST);
    EXPECT_ERROR(INV(KT_ROOT, TN_CNODE_MOVE, to, to), TN_DELETE_FIRST);
    EXPECT_ERROR(INV(KT_ROOT, TN_CNODE_MOVE, cap, kt_slot()), TN_FAILED_LOOKUP);
    EXPECT_OK(kt_signal(to));
    /* Across CNodes and back. */
    EXPECT_OK(INV(cnode, TN_CNODE_MOVE, 5, to));
    EXPECT_OK(kt_signal(tn_cptr_in((uint32_t)cnode, 5)));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_MOVE, to, tn_cptr_in((uint32_t)cnode, 5)));
    EXPECT_ERROR(kt_signal(tn_cptr_in((uint32_t)cnode, 5)), TN_FAILED_LOOKUP);
    EXPECT_OK(kt_signal(to));
}

/* A moved capability keeps its place in the tree: children, parent. */
static void test_move_keeps_tree(void)
{
    tn_cptr_t untyped = kt_object(TN_UNTYPED, 14);
    uint32_t child = kt_slot(), moved_parent = kt_slot(), moved_child = kt_slot(), copy = kt_slot();

    EXPECT_OK(kt_retype(untyped, TN_ENDPOINT, 0, KT_ROOT, child, 1));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_COPY, copy, child, TN_READ));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_MOVE, moved_parent, untyped));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_MOVE, moved_child, child));
    EXPECT_ERROR(kt_retype(moved_parent, TN_FRAME, 14, KT_ROOT, kt_slot(), 1), TN_NOT_ENOUGH_MEMORY);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, moved_child));
    EXPECT(kt_slot_is_empty(copy));
    EXPECT(!kt_slot_is_empty(moved_child));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, moved_parent));
    EXPECT(kt_slot_is_empty(moved_child));
    EXPECT_OK(kt_retype(moved_parent, TN_FRAME, 14, KT_ROOT, child, 1));
}

static void test_delete(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0), copy = kt_copy(ep, TN_RIGHTS_ALL);
    uint32_t empty = kt_slot();

    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, empty));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, copy));
    EXPECT_ERROR(can_receive(copy), TN_FAILED_LOOKUP);
    EXPECT_OK(can_receive(ep));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, copy)); /* twice */
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, ep));
    EXPECT_ERROR(can_receive(ep), TN_FAILED_LOOKUP);
}

static void test_cptr(void)
{
    tn_cptr_t cnode = kt_object(TN_CNODE, 4), ep = kt_object(TN_ENDPOINT, 0);
    uint32_t c = (uint32_t)cnode;

    EXPECT_OK(INV(cnode, TN_CNODE_COPY, 3, ep, TN_RIGHTS_ALL));
    EXPECT_OK(can_receive(tn_cptr_in(c, 3)));
    EXPECT_ERROR(can_receive(tn_cptr_in(c, 4)), TN_FAILED_LOOKUP);
    EXPECT_ERROR(can_receive(tn_cptr_in(c, 16)), TN_FAILED_LOOKUP);
    EXPECT_ERROR(can_receive(tn_cptr_in(c, 0xfffffffe)), TN_FAILED_LOOKUP);
    EXPECT_ERROR(can_receive(tn_cptr_in((uint32_t)ep, 0)), TN_FAILED_LOOKUP); /* not a CNode on the way */
    EXPECT_ERROR(can_receive(tn_cptr_in(kt_slot(), 0)), TN_FAILED_LOOKUP);
    EXPECT_ERROR(can_receive(kt_slot()), TN_FAILED_LOOKUP);
    EXPECT_ERROR(can_receive(0), TN_FAILED_LOOKUP);
    EXPECT_ERROR(can_receive(0xffffffff), TN_FAILED_LOOKUP);
    EXPECT_ERROR(can_receive(kt_boot->free_slot_end), TN_FAILED_LOOKUP);
    EXPECT_ERROR(can_receive(~0ull), TN_FAILED_LOOKUP);
    /* Through the root's own capability: one level more, the same slot. */
    EXPECT_OK(can_receive(tn_cptr_in(TN_INIT_CNODE, (uint32_t)ep)));
    /* A CNode in a CNode is reached no deeper than two levels, but can be invoked there. */
    EXPECT_OK(kt_retype(KT_UNTYPED, TN_CNODE, 2, cnode, 5, 1));
    EXPECT_OK(INV(tn_cptr_in(c, 5), TN_CNODE_COPY, 1, tn_cptr_in(c, 3), TN_READ));
    EXPECT_ERROR(INV(tn_cptr_in(c, 5), TN_CNODE_COPY, 1, tn_cptr_in(c, 3), TN_READ), TN_DELETE_FIRST);
    EXPECT_ERROR(INV(tn_cptr_in(c, 5), TN_CNODE_COPY, 4, tn_cptr_in(c, 3), TN_READ), TN_RANGE_ERROR);
}

/* Arguments: those an operation needs must be there. */
static void test_short_messages(void)
{
    tn_cptr_t cnode = kt_object(TN_CNODE, 4), ep = kt_object(TN_ENDPOINT, 0);

    EXPECT_ERROR(INV0(cnode, TN_CNODE_COPY), TN_TRUNCATED_MESSAGE);
    EXPECT_ERROR(INV(cnode, TN_CNODE_COPY, 1, ep), TN_TRUNCATED_MESSAGE);
    EXPECT_ERROR(INV(cnode, TN_CNODE_MINT, 1, ep, TN_RIGHTS_ALL), TN_TRUNCATED_MESSAGE);
    EXPECT_ERROR(INV(cnode, TN_CNODE_MOVE, 1), TN_TRUNCATED_MESSAGE);
    EXPECT_ERROR(INV0(cnode, TN_CNODE_DELETE), TN_TRUNCATED_MESSAGE);
    EXPECT_ERROR(INV0(cnode, TN_CNODE_REVOKE), TN_TRUNCATED_MESSAGE);
    EXPECT_ERROR(INV(KT_UNTYPED, TN_UNTYPED_RETYPE, TN_FRAME, 12, cnode), TN_TRUNCATED_MESSAGE);
}

/* Every label on every type of object: those that are not the type's are refused and change nothing. */
static void test_label_matrix(void)
{
    static const struct {
        unsigned type, size_bits, first, last;
    } own[] = {
        {TN_UNTYPED, 12, 1, 15},   {TN_CNODE, 4, 16, 31},        {TN_TCB, 0, 32, 47},
        {TN_GATE, 8, 48, 55},      {TN_NOTIFICATION, 0, 56, 63}, {TN_VSPACE, 0, 64, 71},
        {TN_PAGETABLE, 0, 72, 72}, {TN_FRAME, 12, 73, 73},       {TN_REPLY, 0, 200, 200},
    };
    for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        tn_cptr_t object = kt_object(own[i].type, own[i].size_bits);
        for (uint64_t label = 0; label < 100; label++) {
            kt_case((uint64_t)own[i].type << 16 | label);
            if (label < own[i].first || label > own[i].last)
                EXPECT_REFUSED(INV(object, label, 1, 2, 3, 4));
        }
        EXPECT_REFUSED(INV(object, 0x7ffffffffffffull, 1, 2, 3, 4));
        EXPECT_REFUSED(INV(object, own[i].first + (1ull << 32), 1, 2, 3, 4));
    }
}

/* What is no endpoint, and no notification, is neither sent to nor received from. */
static void test_wrong_types(void)
{
    static const struct {
        unsigned type, size_bits;
    } kinds[] = {{TN_UNTYPED, 12}, {TN_CNODE, 4},     {TN_TCB, 0},   {TN_REPLY, 0},
                 {TN_VSPACE, 0},   {TN_PAGETABLE, 0}, {TN_FRAME, 12}};
    uint64_t bits;

    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        kt_case(kinds[i].type);
        tn_cptr_t cap = kt_object(kinds[i].type, kinds[i].size_bits);
        struct kt_msg m = {0};
        EXPECT_ERROR(can_receive(cap), TN_INVALID_CAPABILITY);
        EXPECT_ERROR(kt_recv(cap, &m, 0), TN_INVALID_CAPABILITY);
        EXPECT_ERROR(kt_signal(cap), TN_INVALID_CAPABILITY);
        EXPECT_ERROR(kt_poll(cap, &bits), TN_INVALID_CAPABILITY);
        EXPECT_ERROR(kt_wait(cap, &bits), TN_INVALID_CAPABILITY);
    }
    EXPECT_ERROR(kt_signal(kt_object(TN_ENDPOINT, 0)), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(kt_wait(kt_object(TN_ENDPOINT, 0), &bits), TN_INVALID_CAPABILITY);
}

static void own_cspace(struct kt_thread *t)
{
    struct kt_msg m = {0};

    t->result[0] = (uint64_t)kt_nb_recv(1, &m, 0);
    t->result[1] = (uint64_t)kt_nb_recv(2, &m, 0);
    t->result[2] = (uint64_t)kt_nb_recv(t->arg[0], &m, 0); /* a slot of init's CNode */
    kt_signal(3);
    __atomic_store_n(&t->done, 1, __ATOMIC_RELEASE);
    for (;;)
        kt_wait(2, NULL); /* slot 2 stays empty: until it is deleted */
}

/* A thread sees its own root CNode and nothing else. */
static void test_own_cspace(void)
{
    tn_cptr_t cnode = kt_object(TN_CNODE, 2), ep = kt_object(TN_ENDPOINT, 0);
    struct kt_thread *t = kt_thread_new(kt_main_hart, own_cspace);

    EXPECT_OK(INV(cnode, TN_CNODE_COPY, 1, ep, TN_READ));
    EXPECT_OK(INV(cnode, TN_CNODE_COPY, 3, kt_slot_wake, TN_WRITE));
    EXPECT_OK(INV(t->tcb, TN_TCB_SET_SPACE, cnode, TN_INIT_VSPACE, 0));
    t->arg[0] = ep;
    kt_thread_start(t);
    kt_join(t);
    EXPECT_ERROR((int)t->result[0], TN_WOULD_BLOCK);
    EXPECT_ERROR((int)t->result[1], TN_FAILED_LOOKUP);
    EXPECT_ERROR((int)t->result[2], TN_FAILED_LOOKUP);
}

static void deletes_once(struct kt_thread *t)
{
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, t->arg[0]));
}

static void fill(tn_cptr_t node, unsigned slots, tn_cptr_t source)
{
    for (unsigned i = 0; i < slots; i++)
        REQUIRE_OK(INV(node, TN_CNODE_COPY, i, source, TN_RIGHTS_ALL));
}

/* A deletion that takes long is interrupted, and the slot, empty by then, gets another capability: that one stays. */
static void test_delete_interrupted(void)
{
    enum { ROUNDS = 30, RADIX = 12 };
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);
    uint32_t slot = kt_slot();
    uint64_t state = kt_test_seed, span = 1;
    unsigned in_the_middle = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        kt_case(round);
        REQUIRE_OK(kt_retype(KT_UNTYPED, TN_CNODE, RADIX, KT_ROOT, slot, 1));
        fill(slot, 1u << RADIX, ep);
        if (round == 0) {
            uint64_t began = kt_time();
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, slot));
            span = kt_time() - began;
            continue;
        }
        struct kt_thread *t = kt_spawn(kt_main_hart, deletes_once, slot, 0);
        kt_sleep_ticks(1 + kt_random(&state) % span);
        int error = INV(KT_ROOT, TN_CNODE_COPY, slot, ep, TN_RIGHTS_ALL);
        bool done = kt_is_done(t);
        in_the_middle += error == TN_OK && !done;
        kt_join(t);
        EXPECT(kt_slot_is_empty(slot) == (error != TN_OK));
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, slot));
    }
    kt_printf("# %u of %u rounds found the slot empty before the deletion was over\n", in_the_middle, ROUNDS);
}

const struct kt_test cnode_tests[] = {
    {"cnode.delete_interrupted", test_delete_interrupted, 0},
    {"cnode.copy", test_copy, 0},
    {"cnode.index_range", test_index_range, 0},
    {"cnode.rights", test_rights, 0},
    {"cnode.frame_rights", test_frame_rights, 0},
    {"cnode.mint", test_mint, 0},
    {"cnode.move", test_move, 0},
    {"cnode.move_keeps_tree", test_move_keeps_tree, 0},
    {"cnode.delete", test_delete, 0},
    {"cnode.cptr", test_cptr, 0},
    {"cnode.short_messages", test_short_messages, 0},
    {"cnode.label_matrix", test_label_matrix, 0},
    {"cnode.wrong_types", test_wrong_types, 0},
    {"cnode.own_cspace", test_own_cspace, 0},
    {NULL, NULL, 0},
};
