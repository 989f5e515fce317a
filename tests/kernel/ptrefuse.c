/* Page-table batches that are refused: each way, with the run that is named and nothing changed by the runs before it. */
#include "kt.h"

static struct {
    tn_cptr_t table, upper, frame, large;
    const volatile uint64_t *view, *upper_view;
} bed;

static void bed_init(void)
{
    bed.table = kt_object(TN_PAGETABLE, 0);
    bed.upper = kt_object(TN_PAGETABLE, 1);
    bed.frame = kt_object(TN_FRAME, 14);
    bed.large = kt_object(TN_FRAME, 22);
    bed.view = kt_view(bed.table);
    bed.upper_view = kt_view(bed.upper);
}

/* Puts the run in the middle of two good ones and expects the error, its index, and both tables untouched. */
static void refused(struct tn_pt_run bad, int expected, int or_expected)
{
    REQUIRE_OK(kt_pt(bed.table, TN_PT_MAP, 500, 1, bed.frame, 1, TN_READ));
    uint64_t before = bed.view[500], upper_before = bed.upper_view[500];
    kt_batch_clear();
    kt_batch_add(bed.table, TN_PT_MAP, 500, 1, bed.frame, 2, TN_READ | TN_WRITE);
    kt_batch_add(bed.table, TN_PT_CLEAR, 400, 100, 0, 0, 0);
    kt_batch_add(0, 0, 0, 0, 0, 0, 0);
    kt_batch()->run[2] = bad;
    kt_batch_add(bed.upper, TN_PT_LINK, 500, 1, bed.table, 0, 0);
    EXPECT_EITHER(kt_batch_write(), expected, or_expected);
    EXPECT_EQ(kt_batch()->failed_run, 2);
    EXPECT_EQ(bed.view[500], before);
    EXPECT_EQ(bed.upper_view[500], upper_before);
    for (unsigned i = 0; i < 400; i++)
        EXPECT_EQ(bed.view[i] | bed.upper_view[i], 0);
}

static struct tn_pt_run run(tn_cptr_t table, unsigned op, unsigned first, unsigned count, tn_cptr_t object,
                            uint64_t page, unsigned rights)
{
    return (struct tn_pt_run){.table = table,
                              .op = (uint8_t)op,
                              .first = (uint16_t)first,
                              .count = (uint16_t)count,
                              .object = object,
                              .page = page,
                              .rights = (uint8_t)rights};
}

static void bad(struct tn_pt_run r, int expected)
{
    refused(r, expected, expected);
}

static void test_capabilities(void)
{
    tn_cptr_t ep = kt_object(TN_ENDPOINT, 0);

    bed_init();
    bad(run(kt_slot(), TN_PT_MAP, 0, 1, bed.frame, 0, TN_READ), TN_FAILED_LOOKUP);
    bad(run(0, TN_PT_MAP, 0, 1, bed.frame, 0, TN_READ), TN_FAILED_LOOKUP);
    bad(run(~0ull, TN_PT_MAP, 0, 1, bed.frame, 0, TN_READ), TN_FAILED_LOOKUP);
    bad(run(ep, TN_PT_MAP, 0, 1, bed.frame, 0, TN_READ), TN_INVALID_CAPABILITY);
    bad(run(bed.frame, TN_PT_MAP, 0, 1, bed.frame, 0, TN_READ), TN_INVALID_CAPABILITY);
    bad(run(kt_copy(bed.table, TN_READ), TN_PT_MAP, 0, 1, bed.frame, 0, TN_READ), TN_INVALID_CAPABILITY);
    bad(run(kt_copy(bed.table, TN_READ), TN_PT_CLEAR, 0, 1, 0, 0, 0), TN_INVALID_CAPABILITY);
    bad(run(bed.table, TN_PT_MAP, 0, 1, kt_slot(), 0, TN_READ), TN_FAILED_LOOKUP);
    bad(run(bed.table, TN_PT_MAP, 0, 1, 0, 0, TN_READ), TN_FAILED_LOOKUP);
    bad(run(bed.table, TN_PT_MAP, 0, 1, ep, 0, TN_READ), TN_INVALID_CAPABILITY);
    bad(run(bed.table, TN_PT_MAP, 0, 1, bed.table, 0, TN_READ), TN_INVALID_CAPABILITY);
    bad(run(bed.table, TN_PT_MAP, 0, 1, bed.upper, 0, TN_READ), TN_INVALID_CAPABILITY);
    bad(run(bed.table, TN_PT_MAP, 0, 1, KT_UNTYPED, 0, TN_READ), TN_INVALID_CAPABILITY);
    bad(run(bed.table, TN_PT_MAP_LIST, 0, 1, ep, 0, TN_READ), TN_INVALID_CAPABILITY);
    bad(run(bed.table, TN_PT_PROTECT, 0, 1, ep, 0, TN_READ), TN_INVALID_CAPABILITY);
    bad(run(bed.table, TN_PT_PROTECT, 0, 1, kt_slot(), 0, TN_READ), TN_FAILED_LOOKUP);
    bad(run(bed.upper, TN_PT_LINK, 0, 1, bed.frame, 0, 0), TN_INVALID_CAPABILITY);
    bad(run(bed.upper, TN_PT_LINK, 0, 1, kt_slot(), 0, 0), TN_FAILED_LOOKUP);
    bad(run(bed.upper, TN_PT_LINK, 0, 1, kt_copy(bed.table, TN_READ), 0, 0), TN_INVALID_CAPABILITY);
}

static void test_frame_rights(void)
{
    bed_init();
    for (unsigned have = 0; have <= 7; have++)
        for (unsigned want = 1; want <= 7; want++) {
            if (((want & TN_WRITE) && !(want & TN_READ)) || (want & ~have) == 0)
                continue;
            kt_case(have << 8 | want);
            tn_cptr_t weak = kt_copy(bed.frame, have);
            bad(run(bed.table, TN_PT_MAP, 0, 4, weak, 0, want), TN_INVALID_CAPABILITY);
            EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, weak));
        }
}

static void test_ranges(void)
{
    bed_init();
    bad(run(bed.table, TN_PT_MAP, 512, 1, bed.frame, 0, TN_READ), TN_RANGE_ERROR);
    bad(run(bed.table, TN_PT_MAP, 65535, 1, bed.frame, 0, TN_READ), TN_RANGE_ERROR);
    bad(run(bed.table, TN_PT_MAP, 511, 2, bed.frame, 0, TN_READ), TN_RANGE_ERROR);
    bad(run(bed.table, TN_PT_CLEAR, 1, 512, 0, 0, 0), TN_RANGE_ERROR);
    bad(run(bed.table, TN_PT_CLEAR, 0, 513, 0, 0, 0), TN_RANGE_ERROR);
    bad(run(bed.table, TN_PT_CLEAR, 65535, 65535, 0, 0, 0), TN_RANGE_ERROR);
    bad(run(bed.table, TN_PT_CLEAR, 1, 65535, 0, 0, 0), TN_RANGE_ERROR);
    bad(run(bed.table, TN_PT_PROTECT, 512, 1, 0, 0, TN_READ), TN_RANGE_ERROR);
    bad(run(bed.upper, TN_PT_LINK, 512, 1, bed.table, 0, 0), TN_RANGE_ERROR);
    /* Pages outside the Frame (of 4). */
    bad(run(bed.table, TN_PT_MAP, 0, 1, bed.frame, 4, TN_READ), TN_RANGE_ERROR);
    bad(run(bed.table, TN_PT_MAP, 0, 5, bed.frame, 0, TN_READ), TN_RANGE_ERROR);
    bad(run(bed.table, TN_PT_MAP, 0, 2, bed.frame, 3, TN_READ), TN_RANGE_ERROR);
    bad(run(bed.table, TN_PT_MAP, 0, 1, bed.frame, ~0ull, TN_READ), TN_RANGE_ERROR);
    bad(run(bed.table, TN_PT_MAP, 0, 2, bed.frame, ~0ull, TN_READ), TN_RANGE_ERROR);
    bad(run(bed.table, TN_PT_MAP, 0, 1, bed.frame, 1ull << 52, TN_READ), TN_RANGE_ERROR);
    bad(run(bed.table, TN_PT_MAP, 0, 1, bed.frame, (1ull << 52) - 1, TN_READ), TN_RANGE_ERROR);
    bad(run(bed.table, TN_PT_MAP, 0, 1, bed.frame, 1ull << 63, TN_READ), TN_RANGE_ERROR);
    /* A 2 MiB leaf out of a Frame that is smaller, or has no room left. */
    bad(run(bed.upper, TN_PT_MAP, 0, 1, bed.frame, 0, TN_READ), TN_RANGE_ERROR);
    bad(run(bed.upper, TN_PT_MAP, 0, 3, bed.large, 0, TN_READ), TN_RANGE_ERROR);
    bad(run(bed.upper, TN_PT_MAP, 0, 1, bed.large, 1024, TN_READ), TN_RANGE_ERROR);
    bad(run(bed.upper, TN_PT_MAP, 0, 1, bed.large, ~511ull, TN_READ), TN_RANGE_ERROR);
}

static void test_alignment(void)
{
    bed_init();
    bad(run(bed.upper, TN_PT_MAP, 0, 1, bed.large, 1, TN_READ), TN_ALIGNMENT_ERROR);
    bad(run(bed.upper, TN_PT_MAP, 0, 1, bed.large, 256, TN_READ), TN_ALIGNMENT_ERROR);
    bad(run(bed.upper, TN_PT_MAP, 0, 1, bed.large, 511, TN_READ), TN_ALIGNMENT_ERROR);
}

static void test_arguments(void)
{
    bed_init();
    static const unsigned ops[] = {TN_PT_MAP, TN_PT_MAP_LIST, TN_PT_CLEAR, TN_PT_PROTECT};
    for (unsigned i = 0; i < 4; i++) /* count 0 */
        bad(run(bed.table, ops[i], 0, 0, ops[i] == TN_PT_CLEAR ? 0 : bed.frame, 0, TN_READ), TN_INVALID_ARGUMENT);
    bad(run(bed.table, 0, 0, 1, bed.frame, 0, TN_READ), TN_INVALID_ARGUMENT);
    bad(run(bed.table, 7, 0, 1, bed.frame, 0, TN_READ), TN_INVALID_ARGUMENT);
    bad(run(bed.table, 255, 0, 1, bed.frame, 0, TN_READ), TN_INVALID_ARGUMENT);
    bad(run(bed.table, TN_PT_MAP, 0, 1, bed.frame, 0, 0), TN_INVALID_ARGUMENT);
    bad(run(bed.table, TN_PT_MAP, 0, 1, bed.frame, 0, TN_WRITE), TN_INVALID_ARGUMENT);
    bad(run(bed.table, TN_PT_MAP, 0, 1, bed.frame, 0, TN_WRITE | TN_EXEC), TN_INVALID_ARGUMENT);
    bad(run(bed.table, TN_PT_MAP_LIST, 0, 1, bed.frame, 0, TN_WRITE), TN_INVALID_ARGUMENT);
    bad(run(bed.table, TN_PT_PROTECT, 0, 1, bed.frame, 0, TN_WRITE), TN_INVALID_ARGUMENT);
    bad(run(bed.table, TN_PT_PROTECT, 0, 1, bed.frame, 0, 0), TN_INVALID_ARGUMENT);
}

/* Levels: a table hangs one level below, views are level-0 entries; cycles cannot be built. */
static void test_levels(void)
{
    unsigned levels = kt_boot->levels;
    tn_cptr_t table[5];

    bed_init();
    for (unsigned i = 0; i < levels; i++)
        table[i] = kt_object(TN_PAGETABLE, i);
    for (unsigned parent = 0; parent < levels; parent++)
        for (unsigned child = 0; child < levels; child++) {
            kt_case(parent << 8 | child);
            if (child + 1 == parent)
                EXPECT_OK(kt_pt(table[parent], TN_PT_LINK, 0, 1, table[child], 0, 0));
            else
                bad(run(table[parent], TN_PT_LINK, 0, 1, table[child], 0, 0), TN_INVALID_ARGUMENT);
        }
    bad(run(bed.upper, TN_PT_LINK, 0, 1, bed.upper, 0, 0), TN_INVALID_ARGUMENT);
    bad(run(bed.table, TN_PT_LINK, 0, 1, bed.table, 0, 0), TN_INVALID_ARGUMENT);
    bad(run(bed.upper, TN_PT_LINK, 0, 2, bed.table, 0, 0), TN_INVALID_ARGUMENT); /* one entry */
    bad(run(bed.upper, TN_PT_VIEW, 0, 1, bed.table, 0, TN_READ), TN_INVALID_ARGUMENT);
    bad(run(bed.table, TN_PT_VIEW, 0, 2, bed.table, 0, TN_READ), TN_INVALID_ARGUMENT);
}

/* A list with one page that is wrong: none is mapped. */
static void test_list_entry(void)
{
    static const uint64_t wrong[] = {4, ~0ull, 1ull << 52, 1ull << 63};

    bed_init();
    for (unsigned k = 0; k < 4; k++) {
        kt_case(k);
        kt_batch_clear();
        kt_batch_add(bed.table, TN_PT_MAP_LIST, 0, 8, bed.frame, 0, TN_READ)->in = 100;
        for (unsigned i = 0; i < 8; i++)
            kt_batch_words()[100 + i] = i % 4;
        kt_batch_words()[107] = wrong[k];
        EXPECT_ERROR(kt_batch_write(), TN_RANGE_ERROR);
        EXPECT_EQ(kt_batch()->failed_run, 0);
        for (unsigned i = 0; i < 8; i++)
            EXPECT_EQ(bed.view[i], 0);
    }
    kt_batch_clear();
    kt_batch_add(bed.upper, TN_PT_MAP_LIST, 0, 2, bed.large, 0, TN_READ)->in = 100;
    kt_batch_words()[100] = 512;
    kt_batch_words()[101] = 3;
    EXPECT_ERROR(kt_batch_write(), TN_ALIGNMENT_ERROR);
    EXPECT_EQ(bed.upper_view[0], 0);
}

/* `in` and `out` up to the very end of the buffer, and one word beyond. */
static void test_buffer_end(void)
{
    uint32_t end = (KT_BUFFER_PAGES * 4096 - TN_IPC_BATCH_OFFSET) / 8;

    bed_init();
    for (unsigned count = 1; count <= 4; count += 3)
        for (int beyond = -1; beyond <= 1; beyond++) {
            int expected = beyond > 0 ? TN_TRUNCATED_MESSAGE : TN_OK;
            kt_case(count << 8 | (unsigned)(beyond + 1));
            kt_batch_clear();
            kt_batch_add(bed.table, TN_PT_MAP_LIST, 0, count, bed.frame, 0, TN_READ)->in =
                end - count + (uint32_t)beyond;
            for (uint32_t i = end - count - 1; i < end; i++)
                kt_batch_words()[i] = 0;
            EXPECT_ERROR(kt_batch_write(), expected);
            kt_batch_clear();
            struct tn_pt_run *r = kt_batch_add(bed.table, TN_PT_CLEAR, 0, count, 0, 0, 0);
            r->flags = TN_PT_OLD;
            r->out = end - count + (uint32_t)beyond;
            EXPECT_ERROR(kt_batch_write(), expected);
            if (beyond <= 0)
                EXPECT_EQ(bed.view[0], 0);
        }
    static const uint32_t far[] = {0x7fffffff, 0x80000000, 0xffffffff, 0x20000000, 0xfffffff0};
    for (unsigned i = 0; i < 5; i++) {
        kt_case(far[i]);
        kt_batch_clear();
        kt_batch_add(bed.table, TN_PT_MAP_LIST, 0, 4, bed.frame, 0, TN_READ)->in = far[i];
        EXPECT_ERROR(kt_batch_write(), TN_TRUNCATED_MESSAGE);
        kt_batch_clear();
        struct tn_pt_run *r = kt_batch_add(bed.table, TN_PT_CLEAR, 0, 4, 0, 0, 0);
        r->flags = TN_PT_OLD;
        r->out = far[i];
        EXPECT_ERROR(kt_batch_write(), TN_TRUNCATED_MESSAGE);
    }
}

static void batch_without_buffer(struct kt_thread *t)
{
    t->result[0] = (uint64_t)kt_batch_write();
}

static void batch_short_buffer(struct kt_thread *t)
{
    for (unsigned i = 0; i < 64; i++) /* 64 runs need 2568 bytes */
        kt_batch_add(t->arg[0], TN_PT_CLEAR, i, 1, 0, 0, 0);
    t->result[0] = (uint64_t)kt_batch_write();
    kt_batch_clear();
    struct tn_pt_run *r =
        kt_batch_add(t->arg[0], TN_PT_CLEAR, 0, 379, 0, 0, 0); /* 384 words in all, 6 before the list */
    r->flags = TN_PT_OLD;
    r->out = 6;
    t->result[1] = (uint64_t)kt_batch_write();
    r->count = 378;
    t->result[2] = (uint64_t)kt_batch_write();
}

static void test_small_buffers(void)
{
    struct kt_thread *t = kt_thread_new(kt_main_hart, batch_without_buffer);

    bed_init();
    EXPECT_OK(INV(t->tcb, TN_TCB_SET_BUFFER, 0, 0, 0));
    kt_thread_start(t);
    kt_join(t);
    EXPECT_ERROR((int)t->result[0], TN_TRUNCATED_MESSAGE);
    t = kt_thread_new(kt_main_hart, batch_short_buffer);
    t->arg[0] = bed.table;
    tn_cptr_t frame = kt_object(TN_FRAME, 12);
    t->buffer = kt_map(frame, 0, 1, TN_READ | TN_WRITE);
    EXPECT_OK(INV(t->tcb, TN_TCB_SET_BUFFER, frame, 0, 1));
    kt_thread_start(t);
    kt_join(t);
    EXPECT_OK((int)t->result[0]);
    EXPECT_ERROR((int)t->result[1], TN_TRUNCATED_MESSAGE);
    EXPECT_OK((int)t->result[2]);
}

const struct kt_test ptrefuse_tests[] = {
    {"ptrefuse.capabilities", test_capabilities, 0},
    {"ptrefuse.frame_rights", test_frame_rights, 0},
    {"ptrefuse.ranges", test_ranges, 0},
    {"ptrefuse.alignment", test_alignment, 0},
    {"ptrefuse.arguments", test_arguments, 0},
    {"ptrefuse.levels", test_levels, 0},
    {"ptrefuse.list_entry", test_list_entry, 0},
    {"ptrefuse.buffer_end", test_buffer_end, 0},
    {"ptrefuse.small_buffers", test_small_buffers, 0},
    {NULL, NULL, 0},
};
