/* Untyped: retype of every type and size, exhaustion, reset, zeroed memory, device memory. */
#include <string.h>
#include "kt.h"

static tn_cptr_t untyped_new(unsigned bits)
{
    return kt_object(TN_UNTYPED, bits);
}

static uint64_t frame_paddr(tn_cptr_t frame)
{
    struct kt_msg m = INVM0(frame, TN_FRAME_ADDRESS);

    EXPECT_OK(kt_error(&m));
    return m.mr[0];
}

static const struct {
    unsigned type, size_bits, object_bits;
} kinds[] = {
    {TN_UNTYPED, 6, 6},
    {TN_UNTYPED, 11, 11},
    {TN_CNODE, 1, TN_SLOT_BITS + 1},
    {TN_CNODE, 6, TN_SLOT_BITS + 6},
    {TN_TCB, 0, TN_TCB_BITS},
    {TN_ENDPOINT, 0, TN_ENDPOINT_BITS},
    {TN_GATE, 8, TN_SLOT_BITS + 8}, /* TN_HARTS_MAX slots: enough for any machine */
    {TN_REPLY, 0, TN_REPLY_BITS},
    {TN_NOTIFICATION, 0, TN_NOTIFICATION_BITS},
    {TN_VSPACE, 0, TN_VSPACE_BITS},
    {TN_PAGETABLE, 0, TN_PAGETABLE_BITS},
    {TN_PAGETABLE, 1, TN_PAGETABLE_BITS},
    {TN_PAGETABLE, 2, TN_PAGETABLE_BITS},
    {TN_FRAME, 12, 12},
    {TN_FRAME, 13, 13},
};
_Static_assert(1 << 8 == TN_HARTS_MAX, "kinds[]: size of a Gate");
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* An Untyped holds exactly as many objects as their documented size says, and not one more. */
static void test_sizes(void)
{
    enum { BITS = 14 };
    tn_cptr_t untyped = untyped_new(BITS);
    tn_cptr_t cnode = kt_object(TN_CNODE, 9);

    for (unsigned i = 0; i < KINDS; i++) {
        kt_case(i);
        uint32_t fit = 1u << (BITS - kinds[i].object_bits);
        if (fit < 512)
            EXPECT_ERROR(kt_retype(untyped, kinds[i].type, kinds[i].size_bits, cnode, 0, fit + 1),
                         TN_NOT_ENOUGH_MEMORY);
        EXPECT_OK(kt_retype(untyped, kinds[i].type, kinds[i].size_bits, cnode, 0, fit));
        uint32_t slot = kt_slot();
        EXPECT_ERROR(kt_retype(untyped, kinds[i].type, kinds[i].size_bits, KT_ROOT, slot, 1), TN_NOT_ENOUGH_MEMORY);
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
    }
}

/* One by one until nothing is left: the number made is the number that fits. */
static void test_exhaust(void)
{
    tn_cptr_t untyped = untyped_new(16);
    tn_cptr_t cnode = kt_object(TN_CNODE, 5);

    for (unsigned i = 0; i < 16; i++)
        EXPECT_OK(kt_retype(untyped, TN_FRAME, 12, cnode, i, 1));
    EXPECT_ERROR(kt_retype(untyped, TN_FRAME, 12, cnode, 16, 1), TN_NOT_ENOUGH_MEMORY);
    EXPECT_ERROR(kt_retype(untyped, TN_ENDPOINT, 0, cnode, 16, 1), TN_NOT_ENOUGH_MEMORY);
    EXPECT_ERROR(kt_retype(untyped, TN_FRAME, 17, cnode, 16, 1), TN_NOT_ENOUGH_MEMORY);
    EXPECT_ERROR(INV(cnode, TN_CNODE_COPY, 20, tn_cptr_in((uint32_t)cnode, 16), TN_RIGHTS_ALL), TN_FAILED_LOOKUP);
}

/* Objects are aligned to their size, consecutive, disjoint, and lie in the Untyped. */
static void test_alignment(void)
{
    tn_cptr_t untyped = untyped_new(16);
    uint32_t ep = kt_slot(), frames = kt_slots(16);

    EXPECT_OK(kt_retype(untyped, TN_ENDPOINT, 0, KT_ROOT, ep, 1));
    EXPECT_ERROR(kt_retype(untyped, TN_FRAME, 12, KT_ROOT, frames, 16), TN_NOT_ENOUGH_MEMORY);
    EXPECT_OK(kt_retype(untyped, TN_FRAME, 12, KT_ROOT, frames, 7));
    uint64_t first = frame_paddr(frames);
    EXPECT_EQ(first & 0xfff, 0);
    for (unsigned i = 1; i < 7; i++)
        EXPECT_EQ(frame_paddr(frames + i), first + i * 4096);
    EXPECT_OK(kt_retype(untyped, TN_FRAME, 15, KT_ROOT, frames + 7, 1));
    EXPECT_EQ(frame_paddr(frames + 7) & 0x7fff, 0);
    EXPECT(frame_paddr(frames + 7) >= first + 7 * 4096);
    EXPECT_ERROR(kt_retype(untyped, TN_ENDPOINT, 0, KT_ROOT, frames + 8, 1), TN_NOT_ENOUGH_MEMORY);
}

static void test_addresses(void)
{
    for (unsigned bits = 12; bits <= 21; bits++) {
        kt_case(bits);
        struct kt_msg m = INVM0(kt_object(TN_FRAME, bits), TN_FRAME_ADDRESS);
        EXPECT_OK(kt_error(&m));
        EXPECT_EQ(m.mr[1], bits);
        EXPECT_EQ(m.mr[0] & ((1ull << bits) - 1), 0);
        EXPECT(m.mr[0] >= kt_boot->ram_base && m.mr[0] < kt_boot->ram_base + kt_boot->ram_bytes);
    }
    for (unsigned level = 0; level < kt_boot->levels; level++) {
        kt_case(level);
        struct kt_msg m = INVM0(kt_object(TN_PAGETABLE, level), TN_PAGETABLE_ADDRESS);
        EXPECT_OK(kt_error(&m));
        EXPECT_EQ(m.mr[1], level);
        EXPECT_EQ(m.mr[0] & 0xfff, 0);
    }
}

static void test_bad_arguments(void)
{
    tn_cptr_t untyped = untyped_new(16), ep = kt_object(TN_ENDPOINT, 0);
    uint32_t slot = kt_slot();
    static const unsigned bad_types[] = {TN_NULL, TN_IRQ_CONTROL, TN_IRQ_HANDLER, TN_OBJECT_COUNT, 1000};

    for (unsigned i = 0; i < 5; i++) {
        kt_case(bad_types[i]);
        struct kt_msg m = INVM(untyped, TN_UNTYPED_RETYPE, bad_types[i], 12, KT_ROOT, slot | 1ull << 32);
        EXPECT_ERROR(kt_error(&m), TN_INVALID_ARGUMENT);
        EXPECT_EQ(m.mr[0], 1);
    }
    kt_case(0);
    EXPECT_EITHER(kt_retype(untyped, TN_FRAME, 11, KT_ROOT, slot, 1), TN_RANGE_ERROR, TN_INVALID_ARGUMENT);
    EXPECT_EITHER(kt_retype(untyped, TN_UNTYPED, 5, KT_ROOT, slot, 1), TN_RANGE_ERROR, TN_INVALID_ARGUMENT);
    EXPECT_EITHER(kt_retype(untyped, TN_UNTYPED, 39, KT_ROOT, slot, 1), TN_RANGE_ERROR, TN_INVALID_ARGUMENT);
    EXPECT_EITHER(kt_retype(untyped, TN_UNTYPED, 64, KT_ROOT, slot, 1), TN_RANGE_ERROR, TN_INVALID_ARGUMENT);
    EXPECT_EITHER(kt_retype(untyped, TN_FRAME, ~0ull, KT_ROOT, slot, 1), TN_RANGE_ERROR, TN_INVALID_ARGUMENT);
    EXPECT_EITHER(kt_retype(untyped, TN_CNODE, 25, KT_ROOT, slot, 1), TN_RANGE_ERROR, TN_INVALID_ARGUMENT);
    EXPECT_EITHER(kt_retype(untyped, TN_CNODE, 1ull << 32, KT_ROOT, slot, 1), TN_RANGE_ERROR, TN_INVALID_ARGUMENT);
    EXPECT_EITHER(kt_retype(untyped, TN_CNODE, 0, KT_ROOT, slot, 1), TN_RANGE_ERROR, TN_INVALID_ARGUMENT);
    EXPECT_EITHER(kt_retype(untyped, TN_GATE, 0, KT_ROOT, slot, 1), TN_RANGE_ERROR, TN_INVALID_ARGUMENT);
    EXPECT_EITHER(kt_retype(untyped, TN_GATE, 60, KT_ROOT, slot, 1), TN_RANGE_ERROR, TN_INVALID_ARGUMENT);
    EXPECT_EITHER(kt_retype(untyped, TN_PAGETABLE, kt_boot->levels, KT_ROOT, slot, 1), TN_RANGE_ERROR,
                  TN_INVALID_ARGUMENT);
    EXPECT_ERROR(kt_retype(untyped, TN_FRAME, 12, kt_slot(), 0, 1), TN_FAILED_LOOKUP);
    EXPECT_ERROR(kt_retype(untyped, TN_FRAME, 12, 0, 0, 1), TN_FAILED_LOOKUP);
    EXPECT_ERROR(kt_retype(untyped, TN_FRAME, 12, ep, 0, 1), TN_INVALID_CAPABILITY);
    EXPECT_ERROR(kt_retype(untyped, TN_FRAME, 12, KT_ROOT, slot, 0), TN_RANGE_ERROR);
    EXPECT_REFUSED(kt_retype(kt_object(TN_TCB, 0), TN_FRAME, 12, KT_ROOT, slot, 1));
    EXPECT(kt_slot_is_empty(slot));
    EXPECT_OK(kt_retype(untyped, TN_FRAME, 16, KT_ROOT, slot, 1)); /* nothing was used up */
}

static void test_slot_ranges(void)
{
    tn_cptr_t untyped = untyped_new(16), cnode = kt_object(TN_CNODE, 4);
    uint32_t outer = (uint32_t)cnode;

    EXPECT_ERROR(kt_retype(untyped, TN_ENDPOINT, 0, cnode, 16, 1), TN_RANGE_ERROR);
    EXPECT_ERROR(kt_retype(untyped, TN_ENDPOINT, 0, cnode, 15, 2), TN_RANGE_ERROR);
    EXPECT_ERROR(kt_retype(untyped, TN_ENDPOINT, 0, cnode, 0, 17), TN_RANGE_ERROR);
    EXPECT_ERROR(kt_retype(untyped, TN_ENDPOINT, 0, cnode, 0xffffffff, 1), TN_RANGE_ERROR);
    EXPECT_ERROR(kt_retype(untyped, TN_ENDPOINT, 0, cnode, 0xffffffff, 2), TN_RANGE_ERROR);
    EXPECT_ERROR(kt_retype(untyped, TN_ENDPOINT, 0, cnode, 1, 0xffffffff), TN_RANGE_ERROR);
    EXPECT_OK(kt_retype(untyped, TN_ENDPOINT, 0, cnode, 5, 1));
    /* An occupied slot anywhere in the range: nothing is made. */
    EXPECT_ERROR(kt_retype(untyped, TN_ENDPOINT, 0, cnode, 5, 1), TN_DELETE_FIRST);
    EXPECT_ERROR(kt_retype(untyped, TN_ENDPOINT, 0, cnode, 0, 16), TN_DELETE_FIRST);
    EXPECT_ERROR(kt_retype(untyped, TN_ENDPOINT, 0, cnode, 2, 4), TN_DELETE_FIRST);
    EXPECT_ERROR(INV(KT_ROOT, TN_CNODE_COPY, kt_slot(), tn_cptr_in(outer, 2), TN_RIGHTS_ALL), TN_FAILED_LOOKUP);
    EXPECT_OK(kt_retype(untyped, TN_ENDPOINT, 0, cnode, 0, 5));
    EXPECT_OK(kt_retype(untyped, TN_ENDPOINT, 0, cnode, 6, 10));
    /* A destination two levels down. */
    EXPECT_OK(INV(cnode, TN_CNODE_DELETE, 0));
    EXPECT_OK(kt_retype(untyped, TN_CNODE, 2, cnode, 0, 1));
    EXPECT_OK(kt_retype(untyped, TN_ENDPOINT, 0, tn_cptr_in(outer, 0), 3, 1));
    EXPECT_ERROR(kt_retype(untyped, TN_ENDPOINT, 0, tn_cptr_in(outer, 0), 3, 1), TN_DELETE_FIRST);
    EXPECT_ERROR(kt_retype(untyped, TN_ENDPOINT, 0, tn_cptr_in(outer, 0), 4, 1), TN_RANGE_ERROR);
}

/* An Untyped of less than a page: its memory is zero again when it is given out again. */
static void test_part_of_page(void)
{
    tn_cptr_t untyped = kt_object(TN_UNTYPED, 10);
    uint32_t slots = kt_slots(2);
    uint64_t bits;

    for (unsigned round = 0; round < 3; round++) {
        kt_case(round);
        EXPECT_OK(kt_retype(untyped, TN_NOTIFICATION, 0, KT_ROOT, slots, 2));
        for (unsigned i = 0; i < 2; i++) {
            EXPECT_OK(kt_poll(slots + i, &bits));
            EXPECT_EQ(bits, 0);
            EXPECT_OK(kt_signal(kt_mint(slots + i, TN_RIGHTS_ALL, 1 + round)));
        }
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
    }
}

/* Children block the reset, whichever of them are left; without any, allocation starts at the beginning again. */
static void test_reset(void)
{
    tn_cptr_t untyped = untyped_new(14);
    uint32_t slots = kt_slots(4), extra = kt_slot();

    EXPECT_OK(kt_retype(untyped, TN_FRAME, 12, KT_ROOT, slots, 4));
    uint64_t start = frame_paddr(slots);
    for (unsigned keep = 0; keep < 4; keep++) {
        kt_case(keep);
        for (unsigned i = 0; i < 4; i++)
            if (i != keep)
                EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, slots + i));
        EXPECT_ERROR(kt_retype(untyped, TN_FRAME, 12, KT_ROOT, extra, 1), TN_NOT_ENOUGH_MEMORY);
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, slots + keep));
        EXPECT_OK(kt_retype(untyped, TN_FRAME, 12, KT_ROOT, slots, 4));
        EXPECT_EQ(frame_paddr(slots), start);
    }
    /* A copy of a child is a child as well. */
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_COPY, extra, slots + 2, TN_READ));
    for (unsigned i = 0; i < 4; i++)
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, slots + i));
    EXPECT_ERROR(kt_retype(untyped, TN_FRAME, 14, KT_ROOT, slots, 1), TN_NOT_ENOUGH_MEMORY);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
    EXPECT(kt_slot_is_empty(extra));
    EXPECT_OK(kt_retype(untyped, TN_FRAME, 14, KT_ROOT, slots, 1));
    EXPECT_EQ(frame_paddr(slots), start);
}

static bool all_zero(const volatile uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (words[i] != 0)
            return false;
    return true;
}

/* Whatever memory was before, a new Frame of it reads as zero. */
static void test_zeroed(void)
{
    tn_cptr_t untyped = untyped_new(14);
    uint32_t slot = kt_slot();
    static const struct {
        unsigned type, size_bits, count;
    } before[] = {{TN_FRAME, 14, 1}, {TN_CNODE, 9, 1}, {TN_TCB, 0, 16}, {TN_PAGETABLE, 0, 4}, {TN_ENDPOINT, 0, 256}};
    tn_cptr_t cnode = kt_object(TN_CNODE, 8);

    for (unsigned i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        kt_case(i);
        EXPECT_OK(kt_retype(untyped, before[i].type, before[i].size_bits, cnode, 0, before[i].count));
        if (before[i].type == TN_CNODE)
            for (unsigned s = 0; s < 512; s++)
                EXPECT_OK(INV(tn_cptr_in((uint32_t)cnode, 0), TN_CNODE_COPY, s, cnode, TN_RIGHTS_ALL));
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
        EXPECT_OK(kt_retype(untyped, TN_FRAME, 14, KT_ROOT, slot, 1));
        uint64_t *words = kt_map(slot, 0, 4, TN_READ | TN_WRITE);
        EXPECT(all_zero(words, 4 * 512));
        memset(words, 0xa5, 4 * 4096);
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, slot)); /* clears the mapping */
    }
}

/* Untyped of Untyped of Untyped: each level holds its own memory, revoke at the top takes all. */
static void test_nested(void)
{
    tn_cptr_t outer = untyped_new(18);
    uint32_t inner[6];
    tn_cptr_t from = outer;

    for (unsigned i = 0; i < 6; i++) {
        inner[i] = kt_slot();
        EXPECT_OK(kt_retype(from, TN_UNTYPED, 17 - i, KT_ROOT, inner[i], 1));
        from = inner[i];
    }
    uint32_t ep = kt_slot();
    EXPECT_OK(kt_retype(from, TN_ENDPOINT, 0, KT_ROOT, ep, 1));
    EXPECT_ERROR(kt_retype(outer, TN_FRAME, 18, KT_ROOT, kt_slot(), 1), TN_NOT_ENOUGH_MEMORY);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, inner[2]));
    EXPECT(kt_slot_is_empty(inner[3]) && kt_slot_is_empty(ep));
    EXPECT(!kt_slot_is_empty(inner[1]));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, outer));
    EXPECT(kt_slot_is_empty(inner[0]) && kt_slot_is_empty(inner[2]));
    EXPECT_OK(kt_retype(outer, TN_FRAME, 18, KT_ROOT, inner[0], 1));
}

/* A second capability to an Untyped must not give out the same memory twice. */
static void test_copy(void)
{
    tn_cptr_t untyped = untyped_new(13);
    uint32_t copy = kt_slot(), slots = kt_slots(4);

    if (INV(KT_ROOT, TN_CNODE_COPY, copy, untyped, TN_RIGHTS_ALL) != TN_OK) {
        EXPECT_OK(kt_retype(untyped, TN_FRAME, 13, KT_ROOT, slots, 1));
        return;
    }
    int first = kt_retype(untyped, TN_FRAME, 13, KT_ROOT, slots, 1);
    int second = kt_retype(copy, TN_FRAME, 13, KT_ROOT, slots + 1, 1);
    EXPECT((first == TN_OK) + (second == TN_OK) <= 1);
}

static void test_copy_with_children(void)
{
    tn_cptr_t untyped = untyped_new(13);
    uint32_t copy = kt_slot(), slots = kt_slots(4);

    EXPECT_OK(kt_retype(untyped, TN_FRAME, 12, KT_ROOT, slots, 1));
    if (INV(KT_ROOT, TN_CNODE_COPY, copy, untyped, TN_RIGHTS_ALL) == TN_OK) {
        int second = kt_retype(copy, TN_FRAME, 12, KT_ROOT, slots + 1, 1);
        EXPECT(second != TN_OK || frame_paddr(slots + 1) != frame_paddr(slots));
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, copy));
    }
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
    EXPECT(kt_slot_is_empty(slots));
}

/* Deleting the Untyped itself leaves its children alive; its parent still takes them back. */
static void test_delete_parent(void)
{
    tn_cptr_t outer = untyped_new(14);
    uint32_t inner = kt_slot(), ep = kt_slot(), out = kt_slot();

    EXPECT_OK(kt_retype(outer, TN_UNTYPED, 13, KT_ROOT, inner, 1));
    EXPECT_OK(kt_retype(inner, TN_ENDPOINT, 0, KT_ROOT, ep, 1));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, inner));
    struct kt_msg m = {0};
    EXPECT_ERROR(kt_nb_recv(ep, &m, 0), TN_WOULD_BLOCK);
    EXPECT_ERROR(kt_retype(outer, TN_FRAME, 14, KT_ROOT, out, 1), TN_NOT_ENOUGH_MEMORY);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, outer));
    EXPECT(kt_slot_is_empty(ep));
    EXPECT_OK(kt_retype(outer, TN_FRAME, 14, KT_ROOT, out, 1));
}

static int unused_device(void)
{
    uint64_t test_paddr = 0, uart_paddr = 0;

    kt_device("sifive,test1", &test_paddr, NULL);
    kt_device("ns16550a", &uart_paddr, NULL);
    for (int i = 0; i < (int)kt_boot->untyped_count; i++) {
        const struct tn_boot_untyped *u = &kt_boot->untyped[i];
        if (u->is_device && u->size_bits >= 12 && test_paddr >> u->size_bits != u->paddr >> u->size_bits &&
            uart_paddr >> u->size_bits != u->paddr >> u->size_bits)
            return i;
    }
    return -1;
}

static void test_device(void)
{
    int i = unused_device();

    if (i < 0)
        kt_skip("no device Untyped to spare");
    const struct tn_boot_untyped *u = &kt_boot->untyped[i];
    tn_cptr_t device = (tn_cptr_t)(TN_INIT_FIRST_UNTYPED + i);
    uint32_t slot = kt_slot();
    static const unsigned types[] = {TN_CNODE, TN_TCB,          TN_ENDPOINT, TN_GATE,
                                     TN_REPLY, TN_NOTIFICATION, TN_VSPACE,   TN_PAGETABLE};
    for (unsigned t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
        kt_case(types[t]);
        EXPECT_REFUSED(kt_retype(device, types[t], types[t] == TN_CNODE ? 4 : 0, KT_ROOT, slot, 1));
        EXPECT(kt_slot_is_empty(slot));
    }
    EXPECT_OK(kt_retype(device, TN_FRAME, 12, KT_ROOT, slot, 1));
    EXPECT_EQ(frame_paddr(slot), u->paddr);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, device));
    EXPECT_OK(kt_retype(device, TN_FRAME, u->size_bits, KT_ROOT, slot, 1));
    EXPECT_EQ(frame_paddr(slot), u->paddr);
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, device));
}

/* An Untyped of less than a page of device registers starts again at its beginning, as any does, and its registers are not written:
 * where there is none behind an address, or it is narrower than a word, a store is an access fault, in the kernel too. */
static void test_device_parts(void)
{
    uint64_t paddr = 0;
    int i = kt_device("qemu,fw-cfg-mmio", &paddr, NULL) ? (int)kt_boot->untyped_count : -1;

    while (i >= 0 && !(i < (int)kt_boot->untyped_count && kt_boot->untyped[i].paddr == paddr))
        i--;
    if (i < 0)
        kt_skip("no device Untyped begins with the firmware's configuration device");
    tn_cptr_t device = (tn_cptr_t)(TN_INIT_FIRST_UNTYPED + i);
    uint32_t part = kt_slot(), piece = kt_slots(2);
    EXPECT_OK(kt_retype(device, TN_UNTYPED, 11, KT_ROOT, part, 1));
    for (unsigned round = 0; round < 3; round++) {
        kt_case(round);
        EXPECT_OK(kt_retype(part, TN_UNTYPED, 10, KT_ROOT, piece, 2 - round % 2));
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, part));
        EXPECT(kt_slot_is_empty(piece));
    }
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, device));
}

/* Frames of 2 MiB and, where memory allows, 1 GiB: first and last page can be used. */
static void check_large(tn_cptr_t untyped, unsigned bits)
{
    uint32_t slot = kt_slot();

    REQUIRE_OK(kt_retype(untyped, TN_FRAME, bits, KT_ROOT, slot, 1));
    struct kt_msg m = INVM0(slot, TN_FRAME_ADDRESS);
    EXPECT_EQ(m.mr[0] & ((1ull << bits) - 1), 0);
    EXPECT_EQ(m.mr[1], bits);
    uint64_t last = (1ull << (bits - 12)) - 1;
    volatile uint64_t *low = kt_map(slot, 0, 1, TN_READ | TN_WRITE), *high = kt_map(slot, last, 1, TN_READ | TN_WRITE);
    EXPECT_EQ(low[0] | high[511], 0);
    low[0] = 1;
    high[511] = 2;
    EXPECT_EQ(low[0] + high[511], 3);
}

static void test_large_2m(void)
{
    check_large(KT_UNTYPED, 21);
}

static void test_large_1g(void)
{
    unsigned bits;
    tn_cptr_t big = kt_big_untyped(&bits);

    if (bits < 30)
        kt_skip("no second Untyped of 1 GiB");
    check_large(big, 30);
}

/* Random retypes against a model: the place of each object follows from watermark and alignment alone. */
static void test_random(void)
{
    enum { BITS = 18, ROUNDS = 20 };
    tn_cptr_t untyped = untyped_new(BITS), cnode = kt_object(TN_CNODE, 12);
    uint64_t state = kt_test_seed;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t mark = 0;
        uint32_t slot = 0;
        for (unsigned step = 0; step < 40; step++) {
            unsigned k = kt_random(&state) % KINDS, count = 1 + kt_random(&state) % 6;
            uint64_t size = 1ull << kinds[k].object_bits, start = (mark + size - 1) & ~(size - 1);
            bool fits = start + count * size <= 1ull << BITS;
            kt_case(round << 16 | step);
            EXPECT_ERROR(kt_retype(untyped, kinds[k].type, kinds[k].size_bits, cnode, slot, count),
                         fits ? TN_OK : TN_NOT_ENOUGH_MEMORY);
            if (fits) {
                mark = start + count * size;
                slot += count;
            }
        }
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, untyped));
    }
}

const struct kt_test untyped_tests[] = {
    {"untyped.sizes", test_sizes, 0},
    {"untyped.exhaust", test_exhaust, 0},
    {"untyped.alignment", test_alignment, 0},
    {"untyped.addresses", test_addresses, 0},
    {"untyped.bad_arguments", test_bad_arguments, 0},
    {"untyped.slot_ranges", test_slot_ranges, 0},
    {"untyped.reset", test_reset, 0},
    {"untyped.part_of_page", test_part_of_page, 0},
    {"untyped.zeroed", test_zeroed, 0},
    {"untyped.nested", test_nested, 0},
    {"untyped.copy", test_copy, 0},
    {"untyped.copy_with_children", test_copy_with_children, 0},
    {"untyped.delete_parent", test_delete_parent, 0},
    {"untyped.device", test_device, 0},
    {"untyped.device_parts", test_device_parts, 0},
    {"untyped.large_2m", test_large_2m, 0},
    {"untyped.large_1g", test_large_1g, 0},
    {"untyped.random", test_random, 0},
    {NULL, NULL, 0},
};
