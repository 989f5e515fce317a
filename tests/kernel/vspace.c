/* Address spaces: built from nothing at every level, leaves of every size, each set of rights, the kernel's half, roots. */
#include <string.h>
#include "kt.h"

enum { FETCH = 12, LOAD = 13, STORE = 15 };

/* Puts `li a0, value; ret` into the page. */
static void put_code(void *page, unsigned value)
{
    uint32_t *words = page;

    words[0] = 0x00000513u | value << 20; /* addi a0, zero, value */
    words[1] = 0x00008067u;               /* ret */
    REQUIRE_OK(INV0(TN_INIT_VSPACE, TN_VSPACE_FENCE_I));
}

/* Rights of an entry decide what a thread may do through it; the same page with another set may do otherwise. */
static void test_rights(void)
{
    struct kt_space s;
    struct kt_probe p;
    tn_cptr_t frame = kt_object(TN_FRAME, 12);
    uint64_t *page = kt_map(frame, 0, 1, TN_READ | TN_WRITE), value = 0;

    kt_space_new(&s);
    kt_probe_new(&p, &s, kt_main_hart);
    put_code(page, 99);
    page[8] = 0x1122334455667788;
    for (unsigned rights = 1; rights <= 7; rights++) {
        unsigned index = KT_DATA_INDEX + rights;
        kt_case(rights);
        if ((rights & TN_WRITE) && !(rights & TN_READ)) {
            EXPECT_ERROR(kt_pt(s.table[0], TN_PT_MAP, index, 1, frame, 0, rights), TN_INVALID_ARGUMENT);
            continue;
        }
        REQUIRE_OK(kt_pt(s.table[0], TN_PT_MAP, index, 1, frame, 0, rights));
        if (rights & TN_READ)
            EXPECT(kt_probe_loads(&p, KT_VA(index) + 64, 0x1122334455667788));
        else
            EXPECT(kt_probe_faults(&p, KT_LOAD, KT_VA(index) + 64, LOAD));
        if (rights & TN_WRITE)
            EXPECT(kt_probe_stores(&p, KT_VA(index) + 128, rights));
        else
            EXPECT(kt_probe_faults(&p, KT_STORE, KT_VA(index) + 128, STORE));
        EXPECT_EQ(page[16], rights & TN_WRITE ? rights : 0);
        page[16] = 0;
        if (rights & TN_EXEC) {
            EXPECT_EQ(kt_probe_run(&p, KT_EXEC, KT_VA(index), 0, &value), 0);
            EXPECT_EQ(value, 99);
        } else {
            EXPECT(kt_probe_faults(&p, KT_EXEC, KT_VA(index), FETCH));
        }
    }
}

/* rights 0: an entry that gives nothing is not a leaf. */
static void test_no_rights(void)
{
    struct kt_space s;

    kt_space_new(&s);
    EXPECT_ERROR(kt_pt(s.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, kt_object(TN_FRAME, 12), 0, 0), TN_INVALID_ARGUMENT);
}

/* Nothing mapped: at whatever level the walk ends, it is a fault with the address. */
static void test_unmapped(void)
{
    struct kt_space s;
    struct kt_probe p;

    kt_space_new(&s);
    kt_probe_new(&p, &s, kt_harts - 1);
    for (unsigned level = 0; level < kt_boot->levels; level++) {
        uint64_t va = 3ull << (12 + 9 * level) | 0x5f8;
        kt_case(va);
        EXPECT(kt_probe_faults(&p, KT_LOAD, va, LOAD));
        EXPECT(kt_probe_faults(&p, KT_STORE, va, STORE));
        EXPECT(kt_probe_faults(&p, KT_EXEC, va, FETCH));
    }
    EXPECT(kt_probe_faults(&p, KT_LOAD, 0, LOAD));
}

/* Leaves of 2 MiB and, where memory allows, 1 GiB, at their own levels. */
static void huge_leaf(tn_cptr_t frame, unsigned level)
{
    unsigned bits = 12 + 9 * level;
    uint64_t va = 5ull << bits, last = (1ull << bits) - 8, value;
    struct kt_space s;
    struct kt_probe p;

    kt_space_new(&s);
    kt_probe_new(&p, &s, kt_harts - 1);
    tn_cptr_t table = level + 1 < kt_boot->levels ? s.table[level] : s.table[kt_boot->levels - 1];
    REQUIRE_OK(kt_pt(table, TN_PT_MAP, kt_index(va, level), 1, frame, 0, TN_READ | TN_WRITE));
    uint64_t *low = kt_map(frame, 0, 1, TN_READ | TN_WRITE);
    uint64_t *high = kt_map(frame, (1ull << (bits - 12)) - 1, 1, TN_READ | TN_WRITE);
    EXPECT(kt_probe_stores(&p, va, 0x10));
    EXPECT(kt_probe_stores(&p, va + last, 0x20));
    EXPECT_EQ(low[0], 0x10);
    EXPECT_EQ(high[511], 0x20);
    high[0] = 0x30;
    EXPECT_EQ(kt_probe_run(&p, KT_LOAD, va + last - 4088, 0, &value), 0);
    EXPECT_EQ(value, 0x30);
    EXPECT(kt_probe_faults(&p, KT_LOAD, va + (1ull << bits), LOAD));
    EXPECT(kt_probe_faults(&p, KT_EXEC, va, FETCH));
}

static void test_leaf_2m(void)
{
    huge_leaf(kt_object(TN_FRAME, 21), 1);
}

static void test_leaf_1g(void)
{
    unsigned bits;
    tn_cptr_t big = kt_big_untyped(&bits);
    uint32_t frame = kt_slot();

    if (bits < 30 || kt_retype(big, TN_FRAME, 30, KT_ROOT, frame, 1) != TN_OK)
        kt_skip("no second Untyped of 1 GiB");
    huge_leaf(frame, 2);
}

/* Ends of the user's half: the last page works, one byte further is a fault. */
static void test_upper_end(void)
{
    unsigned top = kt_boot->levels - 1;
    uint64_t end = 1ull << (12 + 9 * kt_boot->levels - 1), last = end - 4096;
    struct kt_space s;
    struct kt_probe p;
    tn_cptr_t frame = kt_object(TN_FRAME, 12);

    kt_space_new(&s);
    kt_probe_new(&p, &s, kt_main_hart);
    tn_cptr_t table = kt_space_extend(&s, last, 0);
    REQUIRE_OK(kt_pt(table, TN_PT_MAP, 511, 1, frame, 0, TN_READ | TN_WRITE));
    EXPECT_EQ(kt_index(last, top), 255);
    EXPECT(kt_probe_stores(&p, last + 4088, 7));
    EXPECT(kt_probe_loads(&p, last + 4088, 7));
    EXPECT(kt_probe_run(&p, KT_LOAD, end, 0, NULL) == TN_FAULT_VM);
    EXPECT(kt_probe_run(&p, KT_STORE, end, 0, NULL) == TN_FAULT_VM);
    EXPECT(kt_probe_run(&p, KT_LOAD, ~0ull - 7, 0, NULL) == TN_FAULT_VM);
}

/* The kernel's half: every part of it faults on load, store and fetch, and the thread goes on. */
static void test_kernel_half(void)
{
    struct kt_space s;
    struct kt_probe p;
    uint64_t state = kt_test_seed, half = ~0ull << (12 + 9 * kt_boot->levels - 1);

    kt_space_new(&s);
    kt_probe_new(&p, &s, kt_main_hart);
    for (unsigned i = 0; i < 200; i++) {
        uint64_t va = half | kt_random(&state);
        if (i < 64)
            va = half | (kt_random(&state) & ((1ull << i) - 1)); /* near its beginning */
        else if (i < 128)
            va = ~(kt_random(&state) & ((1ull << (i - 64)) - 1)); /* near its end */
        else if (i < 160)
            va = 0xffffffc080200000ull + (kt_random(&state) & 0xfffff);
        va &= ~7ull;
        kt_case(va);
        EXPECT_EQ(kt_probe_run(&p, i % 2 ? KT_LOAD : KT_STORE, va, 1, NULL), TN_FAULT_VM);
        EXPECT_EQ(p.msg.mr[1], va);
        EXPECT_EQ(kt_probe_run(&p, KT_EXEC, va & ~3ull, 0, NULL), TN_FAULT_VM);
    }
}

/* Kernel half of a root: its entries are not for users, whatever they ask. */
static void test_root_kernel_indices(void)
{
    unsigned top = kt_boot->levels - 1;
    tn_cptr_t root = kt_object(TN_PAGETABLE, top), table = kt_object(TN_PAGETABLE, top - 1);

    for (unsigned index = 255; index < 512; index += index < 258 ? 1 : 23) {
        int expected = index < 256 ? TN_OK : TN_RANGE_ERROR;
        kt_case(index);
        EXPECT_ERROR(kt_pt(root, TN_PT_LINK, index, 1, table, 0, 0), expected);
        EXPECT_ERROR(kt_pt(root, TN_PT_CLEAR, index, 1, 0, 0, 0), expected);
        EXPECT_ERROR(kt_pt(root, TN_PT_PROTECT, index, 1, 0, 0, TN_READ), expected);
    }
    EXPECT_ERROR(kt_pt(root, TN_PT_CLEAR, 0, 257, 0, 0, 0), TN_RANGE_ERROR);
    EXPECT_ERROR(kt_pt(root, TN_PT_CLEAR, 0, 512, 0, 0, 0), TN_RANGE_ERROR);
    EXPECT_OK(kt_pt(root, TN_PT_CLEAR, 0, 256, 0, 0, 0));
}

static void test_set_root(void)
{
    unsigned top = kt_boot->levels - 1;
    tn_cptr_t vspace = kt_object(TN_VSPACE, 0), root = kt_object(TN_PAGETABLE, top);

    EXPECT_ERROR(INV(vspace, TN_VSPACE_SET_ROOT, kt_slot()), TN_FAILED_LOOKUP);
    EXPECT_ERROR(INV(vspace, TN_VSPACE_SET_ROOT, 0), TN_FAILED_LOOKUP);
    EXPECT_ERROR(INV(vspace, TN_VSPACE_SET_ROOT, kt_object(TN_FRAME, 12)), TN_INVALID_CAPABILITY);
    for (unsigned level = 0; level < top; level++)
        EXPECT_EITHER(INV(vspace, TN_VSPACE_SET_ROOT, kt_object(TN_PAGETABLE, level)), TN_INVALID_ARGUMENT,
                      TN_INVALID_CAPABILITY);
    EXPECT_OK(INV(vspace, TN_VSPACE_SET_ROOT, root));
    EXPECT_ERROR(INV(vspace, TN_VSPACE_SET_ROOT, kt_object(TN_PAGETABLE, top)), TN_ILLEGAL_OPERATION);
    EXPECT_ERROR(INV(vspace, TN_VSPACE_SET_ROOT, root), TN_ILLEGAL_OPERATION);
}

/* A table is the root of one space; of another when that is gone, or the table was revoked. */
static void test_one_root(void)
{
    tn_cptr_t root = kt_object(TN_PAGETABLE, kt_boot->levels - 1), copy = kt_copy(root, TN_READ | TN_WRITE);
    tn_cptr_t first = kt_object(TN_VSPACE, 0), second = kt_object(TN_VSPACE, 0), third = kt_object(TN_VSPACE, 0);

    EXPECT_OK(INV(first, TN_VSPACE_SET_ROOT, copy));
    EXPECT_ERROR(INV(second, TN_VSPACE_SET_ROOT, root), TN_ILLEGAL_OPERATION);
    EXPECT_ERROR(INV(second, TN_VSPACE_SET_ROOT, copy), TN_ILLEGAL_OPERATION);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, copy)); /* the space has its own */
    EXPECT_ERROR(INV(second, TN_VSPACE_SET_ROOT, root), TN_ILLEGAL_OPERATION);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, first));
    EXPECT_OK(INV(second, TN_VSPACE_SET_ROOT, root));
    EXPECT_ERROR(INV(third, TN_VSPACE_SET_ROOT, root), TN_ILLEGAL_OPERATION);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, root));
    EXPECT_OK(INV(third, TN_VSPACE_SET_ROOT, root));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, second)); /* it has none any more: the table stays the third's */
    EXPECT_ERROR(INV(kt_object(TN_VSPACE, 0), TN_VSPACE_SET_ROOT, root), TN_ILLEGAL_OPERATION);
}

/* Many spaces with one address and different frames behind it: each thread sees its own, on every hart. */
static void test_own_memory(void)
{
    enum { SPACES = 24 };
    struct kt_space s[SPACES];
    struct kt_probe p[SPACES];

    for (unsigned i = 0; i < SPACES; i++) {
        kt_space_new(&s[i]);
        tn_cptr_t frame = kt_object(TN_FRAME, 12);
        *(uint64_t *)kt_map(frame, 0, 1, TN_READ | TN_WRITE) = 1000 + i;
        REQUIRE_OK(kt_pt(s[i].table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame, 0, TN_READ | TN_WRITE));
        kt_probe_new(&p[i], &s[i], i % kt_harts);
    }
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < SPACES; i++) {
            kt_case(round << 8 | i);
            EXPECT(kt_probe_loads(&p[i], KT_VA(KT_DATA_INDEX), 1000 + i + round));
            EXPECT(kt_probe_stores(&p[i], KT_VA(KT_DATA_INDEX), 1001 + i + round));
        }
}

/* One space, probes on all harts: all see each other's writes. */
static void test_shared_space(void)
{
    struct kt_space s;
    struct kt_probe p[KT_HARTS_MAX];
    tn_cptr_t frame = kt_object(TN_FRAME, 12);

    kt_space_new(&s);
    REQUIRE_OK(kt_pt(s.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame, 0, TN_READ | TN_WRITE));
    for (unsigned i = 0; i < kt_harts; i++)
        kt_probe_new(&p[i], &s, i);
    for (unsigned i = 0; i < kt_harts; i++) {
        EXPECT(kt_probe_stores(&p[i], KT_VA(KT_DATA_INDEX) + 8 * i, 77 + i));
        EXPECT(kt_probe_loads(&p[(i + 1) % kt_harts], KT_VA(KT_DATA_INDEX) + 8 * i, 77 + i));
    }
}

/* More spaces than a hundred, one after the other and some at once: address-space numbers come round. */
static void test_many_spaces(void)
{
    enum { SPACES = 150 };
    tn_cptr_t code_table = kt_object(TN_PAGETABLE, 0), frame = kt_object(TN_FRAME, 12);
    uint64_t *word = kt_map(frame, 0, 1, TN_READ | TN_WRITE);
    struct kt_space s = {0};

    REQUIRE_OK(kt_pt(code_table, TN_PT_MAP, KT_CODE_VA >> 12, 1, kt_slot_code, 0, TN_READ | TN_EXEC));
    REQUIRE_OK(kt_pt(code_table, TN_PT_MAP, KT_DATA_INDEX, 1, frame, 0, TN_READ | TN_WRITE));
    for (unsigned i = 0; i < SPACES; i++) {
        struct kt_probe p;
        unsigned top = kt_boot->levels - 1;
        kt_case(i);
        s.vspace = kt_object(TN_VSPACE, 0);
        s.table[top] = kt_object(TN_PAGETABLE, top);
        REQUIRE_OK(INV(s.vspace, TN_VSPACE_SET_ROOT, s.table[top]));
        tn_cptr_t lowest = kt_space_extend(&s, 0, 1);
        REQUIRE_OK(kt_pt(lowest, TN_PT_LINK, 0, 1, code_table, 0, 0)); /* a table may hang in many places */
        kt_probe_new(&p, &s, i % kt_harts);
        word[0] = i;
        EXPECT(kt_probe_loads(&p, KT_VA(KT_DATA_INDEX), i));
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, p.tcb));
    }
}

/* The space is deleted under a running thread: it stops or faults, and nothing else happens. */
static void test_deleted_while_running(void)
{
    for (unsigned hart = 0; hart < kt_harts; hart++) {
        struct kt_space s;
        struct kt_probe p;
        tn_cptr_t frame = kt_object(TN_FRAME, 12);
        volatile uint64_t *word = kt_map(frame, 0, 1, TN_READ | TN_WRITE);
        kt_case(hart);
        kt_space_new(&s);
        REQUIRE_OK(kt_pt(s.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame, 0, TN_READ | TN_WRITE));
        kt_probe_new(&p, &s, hart);
        kt_probe_start(&p, KT_COUNT_UP, KT_VA(KT_DATA_INDEX), 0);
        kt_await_count((uint64_t *)word, 10);
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, s.table[0])); /* the table is still linked, and still works */
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, s.vspace));
        for (unsigned level = 1; level < kt_boot->levels; level++)
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, s.table[level]));
        kt_sleep_ticks(kt_ticks_ms(2));
        EXPECT_OK(INV0(p.tcb, TN_TCB_SUSPEND));
        uint64_t stopped = word[0];
        kt_sleep_ticks(kt_ticks_ms(1));
        EXPECT_EQ(word[0], stopped);
    }
}

/* A thread changes into another space while it runs on its hart; from then on it sees that one. */
static void test_space_changed(void)
{
    struct kt_space a, b;
    struct kt_probe p;
    tn_cptr_t frame_a = kt_object(TN_FRAME, 12), frame_b = kt_object(TN_FRAME, 12);
    volatile uint64_t *word_a = kt_map(frame_a, 0, 1, TN_READ | TN_WRITE);
    volatile uint64_t *word_b = kt_map(frame_b, 0, 1, TN_READ | TN_WRITE);

    kt_space_new(&a);
    kt_space_new(&b);
    REQUIRE_OK(kt_pt(a.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame_a, 0, TN_READ | TN_WRITE));
    REQUIRE_OK(kt_pt(b.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame_b, 0, TN_READ | TN_WRITE));
    kt_probe_new(&p, &a, kt_harts - 1);
    kt_probe_start(&p, KT_COUNT_UP, KT_VA(KT_DATA_INDEX), 0);
    kt_await_count((uint64_t *)word_a, 10);
    EXPECT_EQ(word_b[0], 0);
    EXPECT_OK(INV(p.tcb, TN_TCB_SET_SPACE, KT_ROOT, b.vspace, p.ep));
    kt_await_count((uint64_t *)word_b, 10);
    uint64_t still = word_a[0];
    kt_await_count((uint64_t *)word_b, word_b[0] + 10);
    EXPECT_EQ(word_a[0], still);
}

const struct kt_test vspace_tests[] = {
    {"vspace.rights", test_rights, 0},
    {"vspace.no_rights", test_no_rights, 0},
    {"vspace.unmapped", test_unmapped, 0},
    {"vspace.leaf_2m", test_leaf_2m, 0},
    {"vspace.leaf_1g", test_leaf_1g, 0},
    {"vspace.upper_end", test_upper_end, 0},
    {"vspace.kernel_half", test_kernel_half, 0},
    {"vspace.root_kernel_indices", test_root_kernel_indices, 0},
    {"vspace.set_root", test_set_root, 0},
    {"vspace.one_root", test_one_root, 0},
    {"vspace.own_memory", test_own_memory, 0},
    {"vspace.shared_space", test_shared_space, 0},
    {"vspace.many_spaces", test_many_spaces, 0},
    {"vspace.deleted_while_running", test_deleted_while_running, 0},
    {"vspace.space_changed", test_space_changed, 0},
    {NULL, NULL, 0},
};
