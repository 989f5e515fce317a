/* Views: page tables mapped read-only into user space, showing exactly what the MMU walks. */
#include "kt.h"

static uint64_t paddr_of(tn_cptr_t cap, unsigned label)
{
    struct kt_msg m = INVM0(cap, label);

    REQUIRE_OK(kt_error(&m));
    return m.mr[0];
}

static void test_new_table_empty(void)
{
    for (unsigned level = 0; level < kt_boot->levels; level++) {
        const volatile uint64_t *view = kt_view(kt_object(TN_PAGETABLE, level));
        for (unsigned i = 0; i < (level == kt_boot->levels - 1 ? 256u : 512u); i++)
            EXPECT_EQ(view[i], 0);
    }
}

/* An entry after each operation: address, rights, valid, user, accessed and dirty set beforehand. */
static void test_shows_entries(void)
{
    tn_cptr_t table = kt_object(TN_PAGETABLE, 0), frame = kt_object(TN_FRAME, 14);
    const volatile uint64_t *view = kt_view(table);
    uint64_t paddr = paddr_of(frame, TN_FRAME_ADDRESS);

    REQUIRE_OK(kt_pt(table, TN_PT_MAP, 3, 1, frame, 2, TN_READ | TN_WRITE));
    EXPECT_EQ(tn_pte_paddr(view[3]), paddr + 2 * 4096);
    EXPECT_EQ(view[3] & 0xff, TN_PTE_V | TN_PTE_R | TN_PTE_W | TN_PTE_U | TN_PTE_A | TN_PTE_D);
    REQUIRE_OK(kt_pt(table, TN_PT_MAP, 4, 1, frame, 0, TN_READ | TN_EXEC));
    EXPECT_EQ(view[4] & (TN_PTE_V | TN_PTE_RWX | TN_PTE_U | TN_PTE_G | TN_PTE_A),
              TN_PTE_V | TN_PTE_R | TN_PTE_X | TN_PTE_U | TN_PTE_A);
    EXPECT(tn_pte_is_leaf(view[4]) && !tn_pte_is_link(view[4]));
    EXPECT_EQ(view[4] >> 54, 0);
    REQUIRE_OK(kt_pt(table, TN_PT_PROTECT, 3, 1, 0, 0, TN_READ));
    EXPECT_EQ(view[3] & TN_PTE_RWX, TN_PTE_R);
    EXPECT_EQ(tn_pte_paddr(view[3]), paddr + 2 * 4096);
    REQUIRE_OK(kt_pt(table, TN_PT_CLEAR, 3, 2, 0, 0, 0));
    EXPECT_EQ(view[3] | view[4], 0);
}

static void test_shows_links(void)
{
    tn_cptr_t table = kt_object(TN_PAGETABLE, 1), lower = kt_object(TN_PAGETABLE, 0);
    const volatile uint64_t *view = kt_view(table);

    REQUIRE_OK(kt_pt(table, TN_PT_LINK, 511, 1, lower, 0, 0));
    EXPECT(tn_pte_is_link(view[511]));
    EXPECT_EQ(tn_pte_paddr(view[511]), paddr_of(lower, TN_PAGETABLE_ADDRESS));
    EXPECT_EQ(view[511] & (TN_PTE_U | TN_PTE_A | TN_PTE_D | TN_PTE_G), 0); /* reserved in a link */
}

static void test_soft_bits(void)
{
    tn_cptr_t table = kt_object(TN_PAGETABLE, 0), frame = kt_object(TN_FRAME, 12);
    const volatile uint64_t *view = kt_view(table);

    for (unsigned soft = 0; soft < 4; soft++) {
        kt_case(soft);
        kt_batch_clear();
        kt_batch_add(table, TN_PT_MAP, 7, 1, frame, 0, TN_READ)->soft = (uint8_t)soft;
        EXPECT_OK(kt_batch_write());
        EXPECT_EQ(view[7] >> TN_PTE_SOFT_SHIFT & 3, soft);
        kt_batch_clear();
        kt_batch_add(table, TN_PT_PROTECT, 7, 1, 0, 0, TN_READ)->soft = (uint8_t)(3 - soft);
        EXPECT_OK(kt_batch_write());
        EXPECT_EQ(view[7] >> TN_PTE_SOFT_SHIFT & 3, 3 - soft);
    }
}

/* Nobody writes a table through its view: store and fetch fault, in a space of one's own. */
static void test_read_only(void)
{
    struct kt_space s;
    struct kt_probe p;
    tn_cptr_t frame = kt_object(TN_FRAME, 12);

    kt_space_new(&s);
    kt_probe_new(&p, &s, kt_main_hart);
    REQUIRE_OK(kt_pt(s.table[0], TN_PT_MAP, KT_DATA_INDEX, 1, frame, 0, TN_READ | TN_WRITE));
    for (unsigned level = 0; level < kt_boot->levels; level++) {
        unsigned index = KT_DATA_INDEX + 1 + level;
        uint64_t before = 0, after = 0, va = KT_VA(index) + 8 * KT_DATA_INDEX * (level == 0);
        kt_case(level);
        REQUIRE_OK(kt_pt(s.table[0], TN_PT_VIEW, index, 1, s.table[level], 0, TN_READ));
        EXPECT_EQ(kt_probe_run(&p, KT_LOAD, va, 0, &before), 0);
        EXPECT(before & TN_PTE_V);
        EXPECT(kt_probe_faults(&p, KT_STORE, va, 15));
        EXPECT_EQ(kt_probe_run(&p, KT_AMO, va, 0, NULL), TN_FAULT_VM);
        EXPECT(kt_probe_faults(&p, KT_EXEC, KT_VA(index), 12));
        EXPECT_EQ(kt_probe_run(&p, KT_LOAD, va, 0, &after), 0);
        EXPECT_EQ(after | TN_PTE_A | TN_PTE_D, before | TN_PTE_A | TN_PTE_D);
        /* Nor can the view itself be made writable, or executable. */
        kt_pt(s.table[0], TN_PT_VIEW, index, 1, s.table[level], 0, TN_READ | TN_WRITE); /* refused or not */
        kt_pt(s.table[0], TN_PT_PROTECT, index, 1, 0, 0, TN_READ | TN_WRITE);
        kt_pt(s.table[0], TN_PT_PROTECT, index, 1, frame, 0, TN_READ | TN_WRITE);
        kt_pt(s.table[0], TN_PT_PROTECT, index, 1, 0, 0, TN_READ | TN_EXEC);
        EXPECT(kt_probe_faults(&p, KT_STORE, va, 15));
        EXPECT(kt_probe_faults(&p, KT_EXEC, KT_VA(index), 12));
        EXPECT_EQ(kt_probe_run(&p, KT_LOAD, va, 0, &after), 0);
    }
}

/* What a view needs: READ on the table shown, a level-0 entry, one at a time. */
static void test_errors(void)
{
    tn_cptr_t table = kt_object(TN_PAGETABLE, 0), upper = kt_object(TN_PAGETABLE, 1),
              shown = kt_object(TN_PAGETABLE, 1);

    EXPECT_ERROR(kt_pt(table, TN_PT_VIEW, 0, 1, kt_copy(shown, TN_WRITE), 0, TN_READ), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(kt_pt(table, TN_PT_VIEW, 0, 1, kt_object(TN_FRAME, 12), 0, TN_READ), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(kt_pt(table, TN_PT_VIEW, 0, 1, kt_slot(), 0, TN_READ), TN_FAILED_LOOKUP);
    EXPECT_ERROR(kt_pt(upper, TN_PT_VIEW, 0, 1, shown, 0, TN_READ), TN_INVALID_ARGUMENT);
    EXPECT_ERROR(kt_pt(table, TN_PT_VIEW, 0, 2, shown, 0, TN_READ), TN_INVALID_ARGUMENT);
    EXPECT_ERROR(kt_pt(table, TN_PT_VIEW, 512, 1, shown, 0, TN_READ), TN_RANGE_ERROR);
    EXPECT_OK(kt_pt(table, TN_PT_VIEW, 0, 1, kt_copy(shown, TN_READ), 0, TN_READ));
    EXPECT_OK(kt_pt(kt_copy(table, TN_WRITE), TN_PT_VIEW, 1, 1, shown, 0, TN_READ));
    EXPECT_ERROR(kt_pt(kt_copy(table, TN_READ), TN_PT_VIEW, 1, 1, shown, 0, TN_READ), TN_INVALID_CAPABILITY);
}

/* A table may show itself. */
static void test_self(void)
{
    struct kt_space s;
    struct kt_probe p;
    uint64_t entry = 0;

    kt_space_new(&s);
    kt_probe_new(&p, &s, kt_main_hart);
    REQUIRE_OK(kt_pt(s.table[0], TN_PT_VIEW, 100, 1, s.table[0], 0, TN_READ));
    EXPECT_EQ(kt_probe_run(&p, KT_LOAD, KT_VA(100) + 8 * 100, 0, &entry), 0);
    EXPECT_EQ(tn_pte_paddr(entry), paddr_of(s.table[0], TN_PAGETABLE_ADDRESS));
    EXPECT_EQ(entry & TN_PTE_RWX, TN_PTE_R);
}

/* A revoked table is out of every view before its memory becomes anything else. */
static void test_revoked(void)
{
    struct kt_space s;
    struct kt_probe p;
    tn_cptr_t untyped = kt_object(TN_UNTYPED, 12);
    uint32_t slot = kt_slot();

    kt_space_new(&s);
    kt_probe_new(&p, &s, kt_harts - 1);
    REQUIRE_OK(kt_retype(untyped, TN_PAGETABLE, 0, KT_ROOT, slot, 1));
    REQUIRE_OK(kt_pt(s.table[0], TN_PT_VIEW, KT_DATA_INDEX, 1, slot, 0, TN_READ));
    EXPECT(kt_probe_loads(&p, KT_VA(KT_DATA_INDEX), 0));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, slot));
    EXPECT(kt_probe_faults(&p, KT_LOAD, KT_VA(KT_DATA_INDEX), 13));
    REQUIRE_OK(kt_pt(s.table[0], TN_PT_VIEW, KT_DATA_INDEX, 1, slot, 0, TN_READ));
    EXPECT(kt_probe_loads(&p, KT_VA(KT_DATA_INDEX), 0));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
    REQUIRE_OK(kt_retype(untyped, TN_CNODE, 4, KT_ROOT, slot, 1));
    EXPECT(kt_probe_faults(&p, KT_LOAD, KT_VA(KT_DATA_INDEX), 13));
}

const struct kt_test view_tests[] = {
    {"view.new_table_empty", test_new_table_empty, 0},
    {"view.shows_entries", test_shows_entries, 0},
    {"view.shows_links", test_shows_links, 0},
    {"view.soft_bits", test_soft_bits, 0},
    {"view.read_only", test_read_only, 0},
    {"view.errors", test_errors, 0},
    {"view.self", test_self, 0},
    {"view.revoked", test_revoked, 0},
    {NULL, NULL, 0},
};
