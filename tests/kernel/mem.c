/* Memory, slots and mappings of a test, and taking them back.
 *
 * From the largest Untyped of RAM come two pieces: the pool, for what lasts (IPC buffers, window tables, probe code), and
 * KT_UNTYPED, which belongs to the test that runs. The root CNode's free slots are split likewise: permanent ones first,
 * then a bump pointer for the test. The window is a range of the main program's own address space that no other mapping
 * uses: WINDOW_ROOT_INDEX of its root table. Its first table maps the IPC buffers, the others what tests ask for.
 *
 * Main thread only.
 */
#include <string.h>
#include "mem.h"

#define WINDOW_ROOT_INDEX 8
#define WINDOW_TABLES 5 /* leaf tables; 0 holds the IPC buffers */
#define POOL_BITS 22
#define BUFFER_FRAME_BITS 21

uint32_t kt_slot_untyped, kt_slot_code, kt_slot_wake, kt_slot_fault, kt_slot_buffers;

static uint32_t slot_next, slot_first, slot_end; /* of the test; before kt_mem_init() ends: of the frame */
static tn_cptr_t pool;
static tn_cptr_t window_table[WINDOW_TABLES];
static uint64_t window_base;
static unsigned window_next; /* page index in the window */
static uint32_t big_slot, big_bits;
static bool big_used;
static uint32_t device_frame[TN_BOOTINFO_UNTYPED_MAX]; /* slots of device Frames; 0: not claimed */

static void fatal(const char *what, int error)
{
    kt_printf("Bail out! %s: %s\n", what, kt_error_name(error));
    kt_finish(false);
}

static void must(int error, const char *what)
{
    if (error != TN_OK)
        fatal(what, error);
}

uint32_t kt_slots(unsigned count)
{
    uint32_t slot = slot_next;

    if (slot + count > slot_end)
        fatal("the root CNode has too few slots", TN_RANGE_ERROR);
    slot_next += count;
    return slot;
}

uint32_t kt_slot(void)
{
    return kt_slots(1);
}

static tn_cptr_t pool_object(unsigned type, unsigned size_bits)
{
    uint32_t slot = kt_slot();

    must(kt_retype(pool, type, size_bits, KT_ROOT, slot, 1), "object from the pool");
    return slot;
}

/* Index of the largest RAM Untyped that is not `except`; -1 if there is none. */
static int largest_untyped(int except)
{
    int best = -1;

    for (int i = 0; i < (int)kt_boot->untyped_count; i++) {
        const struct tn_boot_untyped *u = &kt_boot->untyped[i];
        if (!u->is_device && i != except && (best < 0 || u->size_bits > kt_boot->untyped[best].size_bits))
            best = i;
    }
    return best;
}

static void window_init(void)
{
    unsigned top = kt_boot->levels - 1;
    tn_cptr_t table = TN_INIT_ROOT_TABLE;
    unsigned index = WINDOW_ROOT_INDEX;

    window_base = (uint64_t)WINDOW_ROOT_INDEX << (12 + 9 * top);
    for (unsigned level = top; level > 1; level--) {
        tn_cptr_t lower = pool_object(TN_PAGETABLE, level - 1);
        must(kt_pt(table, TN_PT_LINK, index, 1, lower, 0, 0), "window");
        table = lower;
        index = 0;
    }
    for (unsigned i = 0; i < WINDOW_TABLES; i++) {
        window_table[i] = pool_object(TN_PAGETABLE, 0);
        must(kt_pt(table, TN_PT_LINK, i, 1, window_table[i], 0, 0), "window");
    }
}

static void buffers_init(void)
{
    must(kt_pt(window_table[0], TN_PT_MAP, 0, 512, kt_slot_buffers, 0, TN_READ | TN_WRITE), "IPC buffers");
}

uint8_t *kt_buffer_page(unsigned page)
{
    return (uint8_t *)window_base + (uint64_t)page * TN_PAGE_BYTES;
}

static void code_init(void)
{
    unsigned last = WINDOW_TABLES * 512 - 1;

    kt_slot_code = (uint32_t)pool_object(TN_FRAME, 12);
    must(kt_pt(window_table[WINDOW_TABLES - 1], TN_PT_MAP, 511, 1, kt_slot_code, 0, TN_READ | TN_WRITE), "code");
    memcpy((uint8_t *)window_base + (uint64_t)last * TN_PAGE_BYTES, kt_code_start, kt_code_bytes);
    must(kt_pt(window_table[WINDOW_TABLES - 1], TN_PT_CLEAR, 511, 1, 0, 0, 0), "code");
    must(INV(TN_INIT_VSPACE, TN_VSPACE_FLUSH, 0, 0, 1), "flush");
    must(INV0(TN_INIT_VSPACE, TN_VSPACE_FENCE_I), "fence.i");
}

void kt_mem_init(void)
{
    slot_next = (uint32_t)kt_boot->free_slot_first;
    slot_end = (uint32_t)kt_boot->free_slot_end;
    int source = largest_untyped(-1);
    if (source < 0 || kt_boot->untyped[source].size_bits <= KT_UNTYPED_BITS)
        fatal("no Untyped is large enough", TN_NOT_ENOUGH_MEMORY);
    int big = largest_untyped(source);
    big_slot = big < 0 ? 0 : TN_INIT_FIRST_UNTYPED + (uint32_t)big;
    big_bits = big < 0 ? 0 : kt_boot->untyped[big].size_bits;
    tn_cptr_t ram = (tn_cptr_t)(TN_INIT_FIRST_UNTYPED + source);
    pool = kt_slot();
    must(kt_retype(ram, TN_UNTYPED, POOL_BITS, KT_ROOT, (uint32_t)pool, 1), "pool");
    kt_slot_untyped = kt_slot();
    must(kt_retype(ram, TN_UNTYPED, KT_UNTYPED_BITS, KT_ROOT, kt_slot_untyped, 1), "the tests' Untyped");
    kt_slot_buffers = (uint32_t)pool_object(TN_FRAME, BUFFER_FRAME_BITS); /* first: aligned, it leaves no hole */
    window_init();
    buffers_init();
    code_init();
    kt_slot_fault = (uint32_t)pool_object(TN_ENDPOINT, 0);
    kt_devices_init();
    kt_thread_init();
    slot_first = slot_next;
}

uint32_t kt_pool_object(unsigned type, unsigned size_bits)
{
    return (uint32_t)pool_object(type, size_bits);
}

void kt_mem_begin(void)
{
    slot_next = slot_first;
    window_next = 512; /* behind the IPC buffers */
    big_used = false;
}

static void window_clear(void)
{
    if (window_next == 512)
        return;
    for (unsigned i = 1; i < WINDOW_TABLES; i++)
        EXPECT_OK(kt_pt(window_table[i], TN_PT_CLEAR, 0, 512, 0, 0, 0));
    EXPECT_OK(INV(TN_INIT_VSPACE, TN_VSPACE_FLUSH, 0, 0, 1));
}

/* The Untyped has no children left if and only if it can become one object of its own size. */
static void expect_whole(tn_cptr_t untyped, unsigned size_bits)
{
    EXPECT_OK(kt_retype(untyped, TN_UNTYPED, size_bits, KT_ROOT, slot_first, 1));
    EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, slot_first));
}

void kt_mem_end(void)
{
    uint32_t used_end = slot_next;

    EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, kt_slot_untyped));
    if (big_used)
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_REVOKE, big_slot));
    window_clear();
    for (uint32_t slot = slot_first; slot < used_end; slot++)
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, slot));
    expect_whole(KT_UNTYPED, KT_UNTYPED_BITS);
    if (big_used)
        expect_whole(big_slot, big_bits);
    kt_buffer()->recv_slot = 0;
}

tn_cptr_t kt_object(unsigned type, unsigned size_bits)
{
    uint32_t slot = kt_slot();

    REQUIRE_OK(kt_retype(KT_UNTYPED, type, size_bits, KT_ROOT, slot, 1));
    return slot;
}

unsigned kt_gate_bits(void)
{
    unsigned bits = 1;

    while (1u << bits < kt_boot->harts)
        bits++;
    return bits;
}

tn_cptr_t kt_mint(tn_cptr_t source, unsigned rights, uint64_t badge)
{
    uint32_t slot = kt_slot();

    REQUIRE_OK(INV(KT_ROOT, TN_CNODE_MINT, slot, source, rights, badge));
    return slot;
}

tn_cptr_t kt_copy(tn_cptr_t source, unsigned rights)
{
    uint32_t slot = kt_slot();

    REQUIRE_OK(INV(KT_ROOT, TN_CNODE_COPY, slot, source, rights));
    return slot;
}

bool kt_slot_is_empty(uint32_t slot)
{
    uint32_t scratch = kt_slot();
    int error = INV(KT_ROOT, TN_CNODE_COPY, scratch, slot, TN_RIGHTS_ALL);

    if (error == TN_OK)
        EXPECT_OK(INV(KT_ROOT, TN_CNODE_DELETE, scratch));
    return error == TN_FAILED_LOOKUP;
}

tn_cptr_t kt_big_untyped(unsigned *size_bits)
{
    *size_bits = big_bits;
    big_used = big_bits != 0;
    return big_slot;
}

void *kt_map(tn_cptr_t frame, uint64_t first_page, unsigned pages, unsigned rights)
{
    if (window_next / 512 != (window_next + pages - 1) / 512)
        window_next = (window_next + 511) / 512 * 512;
    REQUIRE(pages <= 512 && window_next + pages <= WINDOW_TABLES * 512);
    unsigned first = window_next;
    REQUIRE_OK(kt_pt(window_table[first / 512], TN_PT_MAP, first % 512, pages, frame, first_page, rights));
    window_next += pages;
    return (uint8_t *)window_base + (uint64_t)first * TN_PAGE_BYTES;
}

const volatile uint64_t *kt_view(tn_cptr_t table)
{
    unsigned index = window_next;

    REQUIRE(index < WINDOW_TABLES * 512);
    REQUIRE_OK(kt_pt(window_table[index / 512], TN_PT_VIEW, index % 512, 1, table, 0, TN_READ));
    window_next++;
    return (const volatile uint64_t *)(window_base + (uint64_t)index * TN_PAGE_BYTES);
}

static int device_untyped(uint64_t paddr)
{
    for (int i = 0; i < (int)kt_boot->untyped_count; i++) {
        const struct tn_boot_untyped *u = &kt_boot->untyped[i];
        if (u->is_device && paddr >= u->paddr && paddr - u->paddr < 1ull << u->size_bits)
            return i;
    }
    return -1;
}

tn_cptr_t kt_device_frame(uint64_t paddr, uint64_t *page)
{
    int i = device_untyped(paddr);

    if (i < 0)
        return 0;
    *page = (paddr - kt_boot->untyped[i].paddr) / TN_PAGE_BYTES;
    return device_frame[i];
}

void kt_device_claim(uint64_t paddr)
{
    int i = device_untyped(paddr);

    if (i < 0 || device_frame[i] != 0)
        return;
    device_frame[i] = kt_slot();
    must(kt_retype((tn_cptr_t)(TN_INIT_FIRST_UNTYPED + i), TN_FRAME, kt_boot->untyped[i].size_bits, KT_ROOT,
                   device_frame[i], 1),
         "device Frame");
}

void *kt_map_device(uint64_t paddr, unsigned window_index)
{
    uint64_t page;
    tn_cptr_t frame = kt_device_frame(paddr, &page);

    if (frame == 0)
        return NULL;
    must(kt_pt(window_table[0], TN_PT_CLEAR, window_index, 1, 0, 0, 0), "device");
    must(kt_pt(window_table[0], TN_PT_MAP, window_index, 1, frame, page, TN_READ | TN_WRITE), "device");
    return (uint8_t *)window_base + (uint64_t)window_index * TN_PAGE_BYTES + paddr % TN_PAGE_BYTES;
}
