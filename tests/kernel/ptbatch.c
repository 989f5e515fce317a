/* Page-table batches that are accepted: each operation, old values, many runs, runs at the buffer's end. */
#include "kt.h"

/* A table, its view and a frame of 64 pages. */
struct bed {
    tn_cptr_t table, frame;
    const volatile uint64_t *view;
    uint64_t paddr;
};

static struct bed bed_new(void)
{
    struct bed b = {.table = kt_object(TN_PAGETABLE, 0), .frame = kt_object(TN_FRAME, 18)};
    struct kt_msg m = INVM0(b.frame, TN_FRAME_ADDRESS);

    b.view = kt_view(b.table);
    b.paddr = m.mr[0];
    return b;
}

static void test_empty(void)
{
    kt_batch_clear();
    EXPECT_OK(kt_batch_write());
}

/* One run maps consecutive pages, and no entry beside them. */
static void test_map_run(void)
{
    struct bed b = bed_new();
    uint64_t state = kt_test_seed;

    for (unsigned round = 0; round < 40; round++) {
        unsigned count = 1 + kt_random(&state) % 64, page = kt_random(&state) % (65 - count);
        unsigned first = kt_random(&state) % (513 - count);
        kt_case(first << 16 | count);
        REQUIRE_OK(kt_pt(b.table, TN_PT_MAP, first, count, b.frame, page, TN_READ));
        for (unsigned i = 0; i < 512; i++) {
            bool in = i >= first && i < first + count;
            if (!EXPECT_EQ(tn_pte_paddr(b.view[i]), in ? b.paddr + (page + i - first) * 4096 : 0))
                return;
        }
        REQUIRE_OK(kt_pt(b.table, TN_PT_CLEAR, first, count, 0, 0, 0));
    }
}

/* At level 1 and 2 an entry stands for 2 MiB and 1 GiB, and a run strides accordingly. */
static void test_map_levels(void)
{
    tn_cptr_t table = kt_object(TN_PAGETABLE, 1), frame = kt_object(TN_FRAME, 23);
    const volatile uint64_t *view = kt_view(table);
    struct kt_msg m = INVM0(frame, TN_FRAME_ADDRESS);

    EXPECT_OK(kt_pt(table, TN_PT_MAP, 10, 4, frame, 0, TN_READ | TN_WRITE));
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(tn_pte_paddr(view[10 + i]), m.mr[0] + ((uint64_t)i << 21));
        EXPECT(tn_pte_is_leaf(view[10 + i]));
    }
    EXPECT_OK(kt_pt(table, TN_PT_MAP, 20, 1, frame, 1024, TN_READ));
    EXPECT_EQ(tn_pte_paddr(view[20]), m.mr[0] + (2ull << 21));
    EXPECT_ERROR(kt_pt(table, TN_PT_MAP, 21, 1, frame, 1, TN_READ), TN_ALIGNMENT_ERROR);
    EXPECT_ERROR(kt_pt(table, TN_PT_MAP, 21, 5, frame, 0, TN_READ), TN_RANGE_ERROR);
    EXPECT_ERROR(kt_pt(table, TN_PT_MAP, 21, 2, frame, 1536, TN_READ), TN_RANGE_ERROR);
    EXPECT_EQ(view[21], 0);
}

static void test_map_list(void)
{
    struct bed b = bed_new();
    static const unsigned pages[8] = {63, 0, 17, 17, 5, 62, 1, 40};

    kt_batch_clear();
    kt_batch_add(b.table, TN_PT_MAP_LIST, 100, 8, b.frame, 999999, TN_READ)->in = 50;
    for (unsigned i = 0; i < 8; i++)
        kt_batch_words()[50 + i] = pages[i];
    EXPECT_OK(kt_batch_write());
    for (unsigned i = 0; i < 8; i++)
        EXPECT_EQ(tn_pte_paddr(b.view[100 + i]), b.paddr + pages[i] * 4096ull);
    EXPECT_EQ(b.view[99] | b.view[108], 0);
}

/* OLD hands back what stood there, for every operation. */
static void test_old_values(void)
{
    struct bed b = bed_new();
    uint64_t *words = kt_batch_words(), before[8];

    REQUIRE_OK(kt_pt(b.table, TN_PT_MAP, 0, 8, b.frame, 0, TN_READ | TN_WRITE));
    static const unsigned ops[] = {TN_PT_MAP, TN_PT_MAP_LIST, TN_PT_PROTECT, TN_PT_CLEAR, TN_PT_MAP};
    for (unsigned k = 0; k < sizeof(ops) / sizeof(ops[0]); k++) {
        kt_case(k);
        for (unsigned i = 0; i < 8; i++)
            before[i] = b.view[i];
        kt_batch_clear();
        struct tn_pt_run *r = kt_batch_add(b.table, ops[k], 0, 8, ops[k] == TN_PT_CLEAR ? 0 : b.frame, 8 + k, TN_READ);
        r->flags = TN_PT_OLD;
        r->in = 100;
        r->out = 200;
        for (unsigned i = 0; i < 8; i++) {
            words[100 + i] = 20 + i;
            words[200 + i] = 0x77;
        }
        words[199] = words[208] = 0x88;
        EXPECT_OK(kt_batch_write());
        for (unsigned i = 0; i < 8; i++)
            EXPECT_EQ(words[200 + i], before[i]);
        EXPECT(words[199] == 0x88 && words[208] == 0x88);
    }
    /* VIEW and LINK. */
    tn_cptr_t upper = kt_object(TN_PAGETABLE, 1);
    const volatile uint64_t *upper_view = kt_view(upper);
    for (unsigned k = 0; k < 2; k++) {
        uint64_t old = k ? b.view[5] : upper_view[5];
        kt_batch_clear();
        struct tn_pt_run *r = k ? kt_batch_add(b.table, TN_PT_VIEW, 5, 1, upper, 0, TN_READ)
                                : kt_batch_add(upper, TN_PT_LINK, 5, 1, b.table, 0, 0);
        r->flags = TN_PT_OLD;
        r->out = 60;
        words[60] = 1;
        EXPECT_OK(kt_batch_write());
        EXPECT_EQ(words[60], old);
    }
}

/* Without OLD nothing is written to the batch. */
static void test_no_old(void)
{
    struct bed b = bed_new();

    kt_batch_clear();
    kt_batch_add(b.table, TN_PT_MAP, 0, 8, b.frame, 0, TN_READ)->out = 100;
    kt_batch_words()[100] = 0x99;
    EXPECT_OK(kt_batch_write());
    EXPECT_EQ(kt_batch_words()[100], 0x99);
}

/* Runs are done in order: a later one sees and replaces what an earlier one wrote. */
static void test_run_order(void)
{
    struct bed b = bed_new();

    kt_batch_clear();
    kt_batch_add(b.table, TN_PT_MAP, 0, 16, b.frame, 0, TN_READ);
    kt_batch_add(b.table, TN_PT_CLEAR, 4, 4, 0, 0, 0);
    kt_batch_add(b.table, TN_PT_MAP, 5, 1, b.frame, 33, TN_READ | TN_WRITE);
    struct tn_pt_run *r = kt_batch_add(b.table, TN_PT_PROTECT, 0, 16, 0, 0, TN_READ);
    r->flags = TN_PT_OLD;
    r->out = 100;
    EXPECT_OK(kt_batch_write());
    EXPECT_EQ(kt_batch_words()[104], 0);
    EXPECT_EQ(kt_batch_words()[105] & TN_PTE_RWX, TN_PTE_R | TN_PTE_W);
    EXPECT_EQ(b.view[5] & TN_PTE_RWX, TN_PTE_R);
    EXPECT_EQ(tn_pte_paddr(b.view[5]), b.paddr + 33 * 4096);
    EXPECT_EQ(b.view[6], 0);
    EXPECT_EQ(tn_pte_paddr(b.view[8]), b.paddr + 8 * 4096);
}

/* As many runs as there may be, each in a table of its own kind. */
static void test_max_runs(void)
{
    struct bed b = bed_new();

    kt_batch_clear();
    for (unsigned i = 0; i < TN_PT_RUNS_MAX; i++)
        kt_batch_add(b.table, TN_PT_MAP, i * 8, 3, b.frame, i % 62, TN_READ);
    EXPECT_OK(kt_batch_write());
    for (unsigned i = 0; i < 512; i++)
        EXPECT_EQ(b.view[i] != 0, i % 8 < 3);
    kt_batch()->runs = TN_PT_RUNS_MAX + 1;
    EXPECT_ERROR(kt_batch_write(), TN_TRUNCATED_MESSAGE);
    EXPECT(kt_batch()->failed_run > TN_PT_RUNS_MAX);
    kt_batch()->runs = 0xffffffff;
    EXPECT_ERROR(kt_batch_write(), TN_TRUNCATED_MESSAGE);
}

/* A whole table at once, with all old values. */
static void test_whole_table(void)
{
    tn_cptr_t table = kt_object(TN_PAGETABLE, 0), frame = kt_object(TN_FRAME, 21);
    const volatile uint64_t *view = kt_view(table);
    struct kt_msg m = INVM0(frame, TN_FRAME_ADDRESS);

    for (unsigned round = 0; round < 2; round++) {
        kt_batch_clear();
        struct tn_pt_run *r = kt_batch_add(table, TN_PT_MAP, 0, 512, frame, 0, TN_READ | TN_WRITE);
        r->flags = TN_PT_OLD;
        r->out = 6;
        EXPECT_OK(kt_batch_write());
        for (unsigned i = 0; i < 512; i++) {
            EXPECT_EQ(tn_pte_paddr(view[i]), m.mr[0] + i * 4096ull);
            EXPECT_EQ(kt_batch_words()[6 + i] != 0, round == 1);
        }
    }
}

/* ---- PROTECT ---- */

static void test_protect(void)
{
    struct bed b = bed_new();

    for (unsigned from = 1; from <= 7; from++) {
        for (unsigned to = 1; to <= 7; to++) {
            if (((from | to) & TN_WRITE) && (!(from & TN_READ) || !(to & TN_READ)))
                continue;
            for (unsigned granted = 0; granted < 2; granted++) {
                kt_case(from << 8 | to << 4 | granted);
                REQUIRE_OK(kt_pt(b.table, TN_PT_MAP, 9, 1, b.frame, 5, from));
                uint64_t old = b.view[9];
                EXPECT_OK(kt_pt(b.table, TN_PT_PROTECT, 9, 1, granted ? b.frame : 0, 0, to));
                unsigned expected = granted || (to & ~from) == 0 ? to : from;
                EXPECT_EQ(b.view[9] >> 1 & 7, expected); /* R, W, X are READ, WRITE, EXEC */
                EXPECT_EQ(tn_pte_paddr(b.view[9]), tn_pte_paddr(old));
            }
        }
    }
}

/* What stands in the run's way without being a leaf, or outside the Frame that grants, is left as it is. */
static void test_protect_leaves_rest(void)
{
    struct bed b = bed_new();
    tn_cptr_t other = kt_object(TN_FRAME, 12), upper = kt_object(TN_PAGETABLE, 1), huge = kt_object(TN_FRAME, 21);
    const volatile uint64_t *upper_view = kt_view(upper);

    REQUIRE_OK(kt_pt(b.table, TN_PT_MAP, 0, 1, b.frame, 0, TN_READ));
    REQUIRE_OK(kt_pt(b.table, TN_PT_MAP, 2, 1, other, 0, TN_READ));
    REQUIRE_OK(kt_pt(b.table, TN_PT_VIEW, 3, 1, upper, 0, TN_READ));
    uint64_t foreign = b.view[2], view = b.view[3];
    EXPECT_OK(kt_pt(b.table, TN_PT_PROTECT, 0, 5, b.frame, 0, TN_READ | TN_WRITE));
    EXPECT_EQ(b.view[0] & TN_PTE_RWX, TN_PTE_R | TN_PTE_W);
    EXPECT_EQ(b.view[1], 0);
    EXPECT_EQ(b.view[2], foreign);
    EXPECT_EQ(b.view[3], view);
    EXPECT_EQ(b.view[4], 0);
    REQUIRE_OK(kt_pt(upper, TN_PT_LINK, 1, 1, b.table, 0, 0));
    REQUIRE_OK(kt_pt(upper, TN_PT_MAP, 2, 1, huge, 0, TN_READ));
    uint64_t link = upper_view[1];
    EXPECT_OK(kt_pt(upper, TN_PT_PROTECT, 0, 4, huge, 0, TN_READ | TN_WRITE));
    EXPECT_EQ(upper_view[1], link);
    EXPECT_EQ(upper_view[2] & TN_PTE_RWX, TN_PTE_R | TN_PTE_W);
    /* A frame that covers only a part of a huge leaf grants nothing for it. */
    uint64_t leaf = upper_view[2];
    EXPECT_OK(kt_pt(upper, TN_PT_PROTECT, 2, 1, other, 0, TN_READ | TN_WRITE | TN_EXEC));
    EXPECT_EQ(upper_view[2], leaf);
    /* Rights the Frame capability does not have are not granted. */
    kt_pt(b.table, TN_PT_PROTECT, 0, 1, kt_copy(b.frame, TN_READ), 0,
          TN_READ | TN_EXEC); /* refused or without effect */
    EXPECT_EQ(b.view[0] & TN_PTE_X, 0);
}

/* Batches of random runs against a model of the table. */
static void test_random(void)
{
    struct bed b = bed_new();
    static uint64_t model[512]; /* page + 1 | rights << 32; 0: invalid */
    uint64_t state = kt_test_seed;

    for (unsigned i = 0; i < 512; i++)
        model[i] = 0;
    for (unsigned round = 0; round < 150; round++) {
        unsigned runs = 1 + kt_random(&state) % 12;
        kt_case(round);
        kt_batch_clear();
        for (unsigned k = 0; k < runs; k++) {
            static const unsigned kinds[] = {TN_PT_MAP, TN_PT_MAP, TN_PT_CLEAR, TN_PT_PROTECT};
            static const unsigned rights_of[] = {TN_READ, TN_READ | TN_WRITE, TN_EXEC, TN_READ | TN_EXEC, 7};
            unsigned op = kinds[kt_random(&state) % 4], count = 1 + kt_random(&state) % 30;
            unsigned first = kt_random(&state) % (513 - count), page = kt_random(&state) % (65 - count);
            unsigned rights = rights_of[kt_random(&state) % 5];
            bool grants = op != TN_PT_CLEAR && (op == TN_PT_MAP || kt_random(&state) % 2);
            kt_batch_add(b.table, op, first, count, grants ? b.frame : 0, page, rights);
            for (unsigned i = first; i < first + count; i++) {
                if (op == TN_PT_CLEAR)
                    model[i] = 0;
                else if (op == TN_PT_MAP)
                    model[i] = (page + i - first + 1) | (uint64_t)rights << 32;
                else if (model[i] && (grants || (rights & ~(model[i] >> 32)) == 0))
                    model[i] = (uint32_t)model[i] | (uint64_t)rights << 32;
            }
        }
        if (!EXPECT_OK(kt_batch_write()))
            return;
        for (unsigned i = 0; i < 512; i++) {
            uint64_t shown = b.view[i];
            uint64_t seen = shown ? ((tn_pte_paddr(shown) - b.paddr) / 4096 + 1) | (shown >> 1 & 7) << 32 : 0;
            if (!EXPECT_EQ(seen, model[i]))
                return;
        }
    }
}

const struct kt_test ptbatch_tests[] = {
    {"ptbatch.empty", test_empty, 0},
    {"ptbatch.map_run", test_map_run, 0},
    {"ptbatch.map_levels", test_map_levels, 0},
    {"ptbatch.map_list", test_map_list, 0},
    {"ptbatch.old_values", test_old_values, 0},
    {"ptbatch.no_old", test_no_old, 0},
    {"ptbatch.run_order", test_run_order, 0},
    {"ptbatch.max_runs", test_max_runs, 0},
    {"ptbatch.whole_table", test_whole_table, 0},
    {"ptbatch.protect", test_protect, 0},
    {"ptbatch.protect_leaves_rest", test_protect_leaves_rest, 0},
    {"ptbatch.random", test_random, 0},
    {NULL, NULL, 0},
};
