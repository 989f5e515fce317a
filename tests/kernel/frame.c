/* Frames and tables taken back: revoke clears every entry to them, everywhere; memory is never seen by its last owner. */
#include "kt.h"

enum { LOAD = 13, STORE = 15 };

/* One frame in many spaces, tables and sizes; a probe behind each hart. */
static void test_revoke_everywhere(void)
{
    enum { SPACES = 6 };
    struct kt_space s[SPACES];
    struct kt_probe p[SPACES];
    tn_cptr_t frame = kt_object(TN_FRAME, 21), other = kt_object(TN_FRAME, 12);
    uint64_t huge_va = 4ull << 21;

    for (unsigned i = 0; i < SPACES; i++) {
        kt_space_new(&s[i]);
        REQUIRE_OK(kt_pt(s[i].table[0], TN_PT_MAP, 100, 50, frame, i * 50, TN_READ | TN_WRITE));
        REQUIRE_OK(kt_pt(s[i].table[0], TN_PT_MAP, 99, 1, other, 0, TN_READ | TN_WRITE));
        REQUIRE_OK(kt_pt(s[i].table[1], TN_PT_MAP, 4, 1, frame, 0, TN_READ | TN_WRITE));
        kt_probe_new(&p[i], &s[i], i % kt_harts);
        EXPECT(kt_probe_stores(&p[i], KT_VA(100 + i), 5));
        EXPECT(kt_probe_stores(&p[i], KT_VA(99), 6));
        EXPECT(kt_probe_loads(&p[i], huge_va + i * 51 * 4096ull, 5));
    }
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, frame));
    for (unsigned i = 0; i < SPACES; i++) {
        kt_case(i);
        EXPECT(kt_probe_faults(&p[i], KT_LOAD, KT_VA(100 + i), LOAD));
        EXPECT(kt_probe_faults(&p[i], KT_STORE, KT_VA(149), STORE));
        EXPECT(kt_probe_faults(&p[i], KT_LOAD, huge_va, LOAD));
        EXPECT(kt_probe_loads(&p[i], KT_VA(99), 6)); /* the neighbour stays */
        const volatile uint64_t *view = kt_view(s[i].table[0]);
        for (unsigned k = 100; k < 150; k++)
            EXPECT_EQ(view[k], 0);
    }
    /* The capability itself stays and can be used again. */
    EXPECT_OK(kt_pt(s[0].table[0], TN_PT_MAP, 100, 1, frame, 0, TN_READ));
    EXPECT(kt_probe_loads(&p[0], KT_VA(100), 5));
}

/* The memory becomes something else without anybody having unmapped it: old mappings do not reach it. */
static void test_reuse(void)
{
    static const struct {
        unsigned type, size_bits;
    } next[] = {{TN_FRAME, 12}, {TN_PAGETABLE, 0}, {TN_CNODE, 7}, {TN_TCB, 0}};
    struct kt_space s;
    struct kt_probe p[2];
    tn_cptr_t untyped = kt_object(TN_UNTYPED, 12);
    uint32_t frame = kt_slot(), slot = kt_slot();

    kt_space_new(&s);
    kt_probe_new(&p[0], &s, kt_main_hart);
    kt_probe_new(&p[1], &s, (kt_main_hart + 1) % kt_harts);
    for (unsigned i = 0; i < sizeof(next) / sizeof(next[0]); i++) {
        for (unsigned by_delete = 0; by_delete < 2; by_delete++) {
            kt_case(i << 8 | by_delete);
            REQUIRE_OK(kt_retype(untyped, TN_FRAME, 12, KT_ROOT, frame, 1));
            REQUIRE_OK(kt_pt(s.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame, 0, TN_READ | TN_WRITE));
            for (unsigned k = 0; k < 2; k++)
                EXPECT(kt_probe_stores(&p[k], KT_VA(KT_DATA_INDEX) + 8 * k, 0xdead));
            EXPECT_OK(by_delete ? INV(KT_ROOT, TN_CNODE_DELETE, frame) : INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
            REQUIRE_OK(kt_retype(untyped, next[i].type, next[i].size_bits, KT_ROOT, slot, 1));
            for (unsigned k = 0; k < 2; k++) {
                EXPECT(kt_probe_faults(&p[k], KT_LOAD, KT_VA(KT_DATA_INDEX), LOAD));
                EXPECT(kt_probe_faults(&p[k], KT_STORE, KT_VA(KT_DATA_INDEX), STORE));
            }
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
        }
    }
}

/* The same while threads on all harts keep writing through the mapping: none of it lands in the new object. */
static void test_reuse_under_fire(void)
{
    struct kt_space s;
    struct kt_probe p[KT_HARTS_MAX];
    tn_cptr_t untyped = kt_object(TN_UNTYPED, 12);
    uint32_t frame = kt_slot();
    unsigned n = kt_harts < 4 ? kt_harts : 4;

    kt_space_new(&s);
    for (unsigned i = 0; i < n; i++)
        kt_probe_new(&p[i], &s, i);
    for (unsigned round = 0; round < 10; round++) {
        REQUIRE_OK(kt_retype(untyped, TN_FRAME, 12, KT_ROOT, frame, 1));
        volatile uint64_t *words = kt_map(frame, 0, 1, TN_READ | TN_WRITE);
        REQUIRE_OK(kt_pt(s.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame, 0, TN_READ | TN_WRITE));
        for (unsigned i = 0; i < n; i++)
            kt_probe_start(&p[i], KT_COUNT_UP, KT_VA(KT_DATA_INDEX) + 8 * i, 0);
        for (unsigned i = 0; i < n; i++)
            kt_await_count((uint64_t *)&words[i], 2);
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
        REQUIRE_OK(kt_retype(untyped, TN_FRAME, 12, KT_ROOT, frame, 1));
        words = kt_map(frame, 0, 1, TN_READ | TN_WRITE);
        for (unsigned i = 0; i < n; i++) {
            kt_case(round << 8 | i);
            EXPECT_EQ(kt_probe_finish(&p[i]), TN_FAULT_VM);
            kt_probe_reset(&p[i]);
            EXPECT_EQ(words[i], 0);
        }
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
    }
}

/* A revoked table is unlinked wherever it hangs; its own entries stay. */
static void test_revoke_table(void)
{
    struct kt_space a, b;
    struct kt_probe pa, pb;
    tn_cptr_t table = kt_object(TN_PAGETABLE, 0), frame = kt_object(TN_FRAME, 12);
    uint64_t va = 7ull << 21;

    kt_space_new(&a);
    kt_space_new(&b);
    REQUIRE_OK(kt_pt(table, TN_PT_MAP, 3, 1, frame, 0, TN_READ | TN_WRITE));
    REQUIRE_OK(kt_pt(a.table[1], TN_PT_LINK, 7, 1, table, 0, 0));
    REQUIRE_OK(kt_pt(b.table[1], TN_PT_LINK, 7, 1, table, 0, 0));
    kt_probe_new(&pa, &a, 0);
    kt_probe_new(&pb, &b, kt_harts - 1);
    EXPECT(kt_probe_stores(&pa, va + KT_VA(3), 12));
    EXPECT(kt_probe_loads(&pb, va + KT_VA(3), 12));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, table));
    EXPECT(kt_probe_faults(&pa, KT_LOAD, va + KT_VA(3), LOAD));
    EXPECT(kt_probe_faults(&pb, KT_STORE, va + KT_VA(3), STORE));
    EXPECT_EQ(kt_view(a.table[1])[7], 0);
    EXPECT(kt_view(table)[3] != 0);
    EXPECT_OK(kt_pt(a.table[1], TN_PT_LINK, 7, 1, table, 0, 0));
    EXPECT(kt_probe_loads(&pa, va + KT_VA(3), 12));
}

/* The memory of a linked table is reused: the space that had it loses the range and nothing else. */
static void test_reuse_table(void)
{
    struct kt_space s;
    struct kt_probe p;
    tn_cptr_t untyped = kt_object(TN_UNTYPED, 12), data = kt_object(TN_FRAME, 12);
    uint32_t slot = kt_slot();
    uint64_t va = 7ull << 21;

    kt_space_new(&s);
    kt_probe_new(&p, &s, kt_harts - 1);
    for (unsigned round = 0; round < 3; round++) {
        kt_case(round);
        REQUIRE_OK(kt_retype(untyped, TN_PAGETABLE, 0, KT_ROOT, slot, 1));
        REQUIRE_OK(kt_pt(slot, TN_PT_MAP, 0, 1, data, 0, TN_READ | TN_WRITE));
        REQUIRE_OK(kt_pt(s.table[1], TN_PT_LINK, 7, 1, slot, 0, 0));
        EXPECT(kt_probe_stores(&p, va, 3 + round));
        if (round % 2)
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, slot));
        else
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
        /* A frame full of what would be entries, where the table was. */
        REQUIRE_OK(kt_retype(untyped, TN_FRAME, 12, KT_ROOT, slot, 1));
        uint64_t *fake = kt_map(slot, 0, 1, TN_READ | TN_WRITE);
        for (unsigned i = 0; i < 512; i++)
            fake[i] = (kt_boot->ram_base >> 2 & TN_PTE_PPN_MASK) | 0xdf;
        EXPECT(kt_probe_faults(&p, KT_LOAD, va, LOAD));
        EXPECT(kt_probe_faults(&p, KT_LOAD, va + 4096, LOAD));
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
    }
}

/* The root of a running space is revoked: its thread has no memory left, faults, and can be deleted. */
static void test_revoke_root(void)
{
    struct kt_space s;
    struct kt_probe p;
    tn_cptr_t frame = kt_object(TN_FRAME, 12);
    volatile uint64_t *word = kt_map(frame, 0, 1, TN_READ | TN_WRITE);

    kt_space_new(&s);
    REQUIRE_OK(kt_pt(s.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame, 0, TN_READ | TN_WRITE));
    kt_probe_new(&p, &s, kt_harts - 1);
    kt_probe_start(&p, KT_COUNT_UP, KT_VA(KT_DATA_INDEX), 0);
    kt_await_count((uint64_t *)word, 10);
    unsigned top = kt_boot->levels - 1;
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, s.table[top]));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, s.table[top]));
    kt_sleep_ticks(kt_ticks_ms(3));
    EXPECT_OK(INV0(p.tcb, TN_TCB_SUSPEND));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, s.vspace));
    uint64_t still = word[0];
    kt_sleep_ticks(kt_ticks_ms(1));
    EXPECT_EQ(word[0], still);
}

/* Any page, any number of times, with any subset of rights. */
static void test_many_mappings(void)
{
    struct kt_space s;
    struct kt_probe p;
    tn_cptr_t frame = kt_object(TN_FRAME, 16);
    uint64_t *words = kt_map(frame, 0, 16, TN_READ | TN_WRITE);

    kt_space_new(&s);
    kt_probe_new(&p, &s, kt_main_hart);
    for (unsigned i = 0; i < 16; i++)
        words[i * 512] = 40 + i;
    for (unsigned i = 0; i < 400; i++)
        REQUIRE_OK(kt_pt(s.table[0], TN_PT_MAP, 100 + i, 1, frame, i % 16, i % 3 ? TN_READ : TN_READ | TN_WRITE));
    for (unsigned i = 0; i < 400; i += 7) {
        kt_case(i);
        EXPECT(kt_probe_loads(&p, KT_VA(100 + i), 40 + i % 16));
    }
    EXPECT(kt_probe_stores(&p, KT_VA(100 + 48), 999));
    EXPECT(kt_probe_loads(&p, KT_VA(100 + 16), 999));
    EXPECT_EQ(words[0], 999);
}

/* A revocation that takes long is interrupted: meanwhile a new copy is made of the original and used in a table that has
 * been searched. When the call has returned, that mapping is gone, as the copy is. arg[0]: starts it, arg[1]: the Frame. */
static void slow_revoker(struct kt_thread *t)
{
    uint64_t bits;

    while (EXPECT_OK(kt_wait(t->arg[0], &bits)) && !__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, t->arg[1]));
        kt_add(&t->count, 1);
    }
}

/* Whether the thread's system call is to start again: its pc stands at the ecall. */
static bool is_interrupted(const struct kt_thread *t)
{
    static const uint16_t ecall[2] = {0x73, 0};
    struct kt_msg m = INVM(t->tcb, TN_TCB_READ_REGS, 0, 1);
    const uint16_t *pc = (const uint16_t *)m.mr[0];

    return pc[0] == ecall[0] && pc[1] == ecall[1];
}

static void test_revoke_interrupted(void)
{
    enum { WANTED = 12, TRIES = 640, STEPS = 16, HALVES = 5 };
    tn_cptr_t table = kt_object(TN_PAGETABLE, 0), frame = kt_object(TN_FRAME, TN_PAGE_BITS);
    tn_cptr_t go = kt_mint(kt_object(TN_NOTIFICATION, 0), TN_RIGHTS_ALL, 1), copy = kt_copy(frame, TN_RIGHTS_ALL);
    const volatile uint64_t *view = kt_view(table);
    struct kt_thread *t = kt_spawn(kt_main_hart, slow_revoker, go, frame);
    unsigned interrupted = 0;
    uint64_t start = kt_time();

    REQUIRE_OK(INV(KT_ROOT, TN_CNODE_REVOKE, frame));
    uint64_t whole = kt_time() - start;
    for (unsigned i = 0; i < TRIES && interrupted < WANTED; i++) {
        kt_case(i);
        REQUIRE_OK(INV(KT_ROOT, TN_CNODE_COPY, copy, frame, TN_RIGHTS_ALL));
        REQUIRE_OK(kt_signal(go));
        /* Now it runs, until the end of this sleep interrupts it: early, late, in parts of what the first one took. */
        kt_sleep_ticks((whole * (1 + i % STEPS) / STEPS) >> (i / STEPS % HALVES));
        if (kt_slot_is_empty((uint32_t)copy) && kt_load_acquire(&t->count) == i && is_interrupted(t)) {
            interrupted++;
            REQUIRE_OK(INV(KT_ROOT, TN_CNODE_COPY, copy, frame, TN_RIGHTS_ALL));
            REQUIRE_OK(kt_pt(table, TN_PT_MAP, 1, 1, copy, 0, TN_READ | TN_WRITE));
        }
        kt_await_count(&t->count, i + 1);
        EXPECT(kt_slot_is_empty((uint32_t)copy));
        EXPECT_EQ(view[1], 0);
    }
    __atomic_store_n(&t->stop, 1, __ATOMIC_RELEASE);
    REQUIRE_OK(kt_signal(go));
    kt_join(t);
    if (interrupted == 0)
        kt_skip("no revocation was interrupted, this machine is too busy");
}

const struct kt_test frame_tests[] = {
    {"frame.revoke_everywhere", test_revoke_everywhere, 0},
    {"frame.reuse", test_reuse, 0},
    {"frame.reuse_under_fire", test_reuse_under_fire, 0},
    {"frame.revoke_table", test_revoke_table, 0},
    {"frame.reuse_table", test_reuse_table, 0},
    {"frame.revoke_root", test_revoke_root, 0},
    {"frame.many_mappings", test_many_mappings, 0},
    {"frame.revoke_interrupted", test_revoke_interrupted, 0},
    {NULL, NULL, 0},
};
