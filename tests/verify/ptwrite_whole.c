/* Page-table writes as a whole, decoding and writing, for every run, every capability and every interleaving: whole.py.
 *
 * The kernel's own sources (ptwrite.c, ptwrite.h, ptfast.h) are included, without their loops and assembly (loops.py).
 * What they read comes from here and is any value that could be there; what they write is checked here. One run is looked at:
 * runs of a batch have nothing in common but the order in which they are written.
 *
 * Given. A capability that a look-up finds says the truth (struct cap's shape, sizes, levels; Frames and tables do not
 * overlap, and two Frames are one or have nothing in common). An entry in a table is valid as long as it is there.
 * To be shown of each value that is exchanged into an entry:
 *   - the entry is one of the run's, in a table held with WRITE, and outside the kernel's half of a root;
 *   - the value is the one that tenon/ptbatch.h says, and valid: exchanged();
 *   - each entry of the run is written once or, where the contract says so, stays: at(), complete();
 *   - words of the batch are written within the buffer, and are the old entries: stored().
 * And of ptfast.h: what it takes ptwrite.c takes, and both write what the contract says; else it has written nothing.
 */
#include "kernel/atomic.h"
#include "kernel/cap.h"
#include "kernel/flushcheck.h"
#include "kernel/platform.h"
#include "kernel/pt.h"
#include "kernel/tcb.h"

extern const volatile uint64_t any_value;
_Noreturn void verify_stop(void);
_Noreturn void verify_wrong(int number);
static inline uint64_t verify_any(void)
{
    return any_value;
}
#define HOLDS(condition) ((condition) ? (void)0 : verify_wrong(__LINE__))
#define GIVEN(condition) ((condition) ? (void)0 : verify_stop())

/* Each proof is one function in the end: all is inlined. */
#pragma clang attribute push(__attribute__((always_inline)), apply_to = function)

/* ---- what is looked at ---- */

static struct {
    uint64_t table, object, shape, page, words;
} run;                                   /* as it lies in the buffer */
static struct cap table, object;         /* what its capability pointers name */
static uint64_t table_page, object_page; /* where that is: physical pages */
static uint64_t area, area_words;        /* the batch area of the buffer */
static uint32_t lookups;

/* The entry that is watched: any of the run's, counted from its first. */
static uint64_t watch;
static bool done, stored; /* it was written; its old value was handed back */
static bool stays;        /* it is not to be written: PROTECT, MAP_LIST with a word that changed */
static bool written;      /* some entry was */
static uint64_t seen;     /* its old value, as last seen */
static uint64_t listed;   /* MAP_LIST: its page, as last read */

#define VERIFY_ANY_GHOSTS()                                                                                            \
    (done = verify_any() & 1, stored = verify_any() & 1, written = verify_any() & 1,                                   \
     stays = (OP == TN_PT_PROTECT || OP == TN_PT_MAP_LIST) && (verify_any() & 1), seen = verify_any(),                 \
     listed = verify_any())

static uint64_t run_first(void)
{
    return run.shape & 0xffff;
}
static uint64_t run_count(void)
{
    return run.shape >> 16 & 0xffff;
}
static uint64_t run_op(void)
{
    return OP;
}
static uint64_t run_rights(void)
{
    return run.shape >> 40 & 0xff;
}
static uint64_t run_soft(void)
{
    return run.shape >> 48 & 0xff;
}
static bool run_old(void)
{
    return run.shape >> 56 & TN_PT_OLD;
}
static uint64_t run_out(void)
{
    return run.words >> 32;
}

/* ---- capabilities, by bits of their words (the picture in cap.h) ---- */

static uint64_t type_of(struct cap c)
{
    return c.w0 >> 56;
}
static uint64_t frame_pages(void)
{
    return 1ull << ((object.w1 & 63) - 12);
}
/* Any capability that says the truth of an object at `page`. */
static struct cap any_cap(uint64_t page)
{
    struct cap c = {verify_any(), verify_any()};
    GIVEN(page < DIRECT_MAP_BYTES / 4096);
    if (verify_any() & 1) {
        uint64_t bits = c.w1 & 63;
        GIVEN(bits >= 12 && bits <= 38 && (page & ((1ull << (bits - 12)) - 1)) == 0);
        c.w0 = (uint64_t)TN_FRAME << 56 | (KERNEL_BASE << 8 >> 8) | page << 12 | (c.w0 & 63);
    } else if (verify_any() & 1) {
        GIVEN(c.w1 < mmu_levels);
        c.w0 = (uint64_t)TN_PAGETABLE << 56 | (KERNEL_BASE << 8 >> 8) | page << 12 | (c.w0 & 63);
    } else {
        GIVEN(type_of(c) != TN_FRAME && type_of(c) != TN_PAGETABLE && (type_of(c) != 0 || (c.w0 == 0 && c.w1 == 0)));
    }
    return c;
}
static uint64_t level(void)
{
    return LEVEL;
}
static uint64_t leaf_pages(void)
{
    return 1ull << 9 * level();
}
static bool in_frame(uint64_t page, uint64_t pages)
{
    return page >= object_page && page + pages <= object_page + frame_pages();
}
static bool frame_has(uint64_t rights)
{
    return type_of(object) == TN_FRAME && (rights & ~object.w0 & 15) == 0;
}

/* ---- entries ---- */

static uint64_t table_at(void)
{
    return KERNEL_BASE | table_page << 12;
}
/* Counted from the run's first. */
static uint64_t index_of(const pte_t *entry)
{
    return ((uint64_t)entry - table_at()) / 8 - run_first();
}
static bool is_entry(const pte_t *entry, uint64_t end)
{
    return (uint64_t)entry - table_at() <= 4096 && (uint64_t)entry % 8 == 0 && index_of(entry) < end;
}
static bool has_rights(uint64_t rights)
{
    return rights == 1 || rights == 3 || rights == 4 || rights == 5 || rights == 7;
}
/* A leaf of the page, as PROTECT and MAP make them; the bits above the page aside. */
static pte_t leaf_of(uint64_t page, uint64_t rights, uint64_t soft)
{
    return page << 10 | soft << 8 | (rights & 2 ? 0x80 : 0) | 0x51 | rights << 1;
}
static pte_t object_leaf(uint64_t page)
{
    bool device = (object.w1 & 0x100) && platform.has_svpbmt;
    return leaf_of(object_page + page, run_rights(), run_soft()) | (device ? 2ull << 61 : 0);
}
/* Loaded from the table: any valid entry. A leaf lies in a Frame, which is `object` or has nothing in common with it, or
 * shows a table. */
static pte_t any_entry(void)
{
    pte_t v = verify_any();
    uint64_t page = v >> 10 & 0xfffffffffff, top = v >> 54;
    bool link = level() > 0 && (v & 0x3ff) == 1 && top == 0;
    bool leaf = (v & 0x31) == 0x11 && has_rights(v >> 1 & 7) && (top == 0 || top == 0x100) && page <= 0x4000000 &&
                (page & (leaf_pages() - 1)) == 0;
    bool elsewhere =
        type_of(object) != TN_FRAME || page + leaf_pages() <= object_page || page >= object_page + frame_pages();
    GIVEN(v == 0 || link || (leaf && (elsewhere || in_frame(page, leaf_pages()))));
    return v;
}
/* Under PROTECT: the old entry stays as it is; what it becomes. */
static bool is_kept(pte_t old)
{
    uint64_t page = old >> 10 & 0xfffffffffff, gained = run_rights() & ~(old >> 1) & 7;
    bool leaf = (old & 1) && (old & 0xe);
    return !leaf || (gained != 0 && !(run.object != 0 && frame_has(gained) && in_frame(page, leaf_pages())));
}
static pte_t protected(pte_t old)
{
    return (old & 0xfffffffffffffc31) | (leaf_of(0, run_rights(), run_soft()) & 0x3ce);
}

/* ---- what invariants of loops speak of ---- */

/* The writing has come to this entry of the run, or past the last. */
static bool has_been(uint64_t index)
{
    return watch >= index || (done && !stays && (stored || !run_old())) ||
           (!done && stays && (stored || !run_old() || OP == TN_PT_MAP_LIST));
}
static bool at(const pte_t *entry)
{
    return is_entry(entry, run_count() + 1) && has_been(index_of(entry)) &&
           (watch < index_of(entry) || (!done && !stored));
}
/* Nothing has been written yet. */
static bool untouched(void)
{
    return !written && !done && !stored;
}
/* What flags and delta say of the entries that come (ptwrite_shrink, ptwrite_grow). */
static bool alike(pte_t flags, pte_t delta, pte_t value, pte_t grants)
{
    return flags == ~0ull || (flags < 1024 && (flags & 1) && (flags & 0xe) && (value & ~flags & ~grants & 0xe) == 0 &&
                              delta == ((flags & 0x31) | value) - flags);
}
static pte_t mapped_at(const pte_t *entry)
{
    return object_leaf(run.page + (index_of(entry) << 9 * level()));
}
static pte_t value_at(pte_t first, uint64_t step, uint64_t i)
{
    return first + ((step ? i << 9 * level() : 0) << 10);
}
static uint64_t *out_at(const pte_t *entry)
{
    return (uint64_t *)(area + 8 * (run_out() + index_of(entry)));
}

/* ---- what the sources are built on ---- */

static struct cap find(uint64_t cptr)
{
    HOLDS(lookups < 2 && cptr == (lookups == 0 ? run.table : run.object));
    if (lookups++ == 0)
        return (struct cap){table.w0, type_of(table) == TN_PAGETABLE ? LEVEL : table.w1};
    return object;
}

/* The run itself is read at an address that stands for it. */
#define RUN_AT 4096

static uint64_t load(const void *p)
{
    uint64_t value, offset = (uint64_t)p - RUN_AT;
    if (__builtin_constant_p(offset) && offset < sizeof run) {
        value = offset < 8    ? run.table
                : offset < 16 ? run.object
                : offset < 24 ? (run.shape & ~(0xffull << 32)) | (uint64_t)OP << 32
                : offset < 32 ? run.page
                              : run.words;
        return value >> offset % 8 * 8;
    }
    if ((uint64_t)p - table_at() < 4096) {
        value = any_entry();
        if (index_of(p) == watch) {
            seen = value;
            stays = is_kept(value);
        }
        return value;
    }
    value = verify_any();
    if (OP == TN_PT_MAP_LIST && (uint64_t)p == area + 8 * ((uint32_t)run.words + watch)) {
        listed = value;
        stays = value >= frame_pages() || !in_frame(object_page + value, leaf_pages()) ||
                ((object_page + value) & (leaf_pages() - 1)) != 0;
    }
    return value;
}

static void store(uint64_t p, uint64_t value)
{
    HOLDS(run_old() && p >= area && p % 8 == 0 && p < area + 8 * area_words);
    uint64_t index = (p - area) / 8 - run_out();
    HOLDS(index < run_count());
    if (index == watch) {
        HOLDS(value == seen && !stored);
        stored = true;
    }
}

/* `entry` is one that the run may write. */
static void may_write(const pte_t *entry)
{
    uint64_t index = index_of(entry), end = level() == mmu_levels - 1 ? 256 : 512;
    HOLDS(type_of(table) == TN_PAGETABLE && (table.w0 & 2));
    HOLDS(is_entry(entry, run_count()) && run_first() + index < end);
    HOLDS(index != watch || (!done && !stays));
    written = true;
    if (index == watch)
        done = true;
}

static pte_t exchange(pte_t *entry, pte_t value)
{
    may_write(entry);
    uint64_t page = (value >> 10 & 0xfffffffffff), index = index_of(entry);
    bool leaf = has_rights(run_rights()) && run_soft() <= 3 && frame_has(run_rights()) &&
                in_frame(page, leaf_pages()) && (page & (leaf_pages() - 1)) == 0 &&
                value == object_leaf(page - object_page);
    if (run_op() == TN_PT_MAP)
        HOLDS(leaf && page == object_page + run.page + (index << 9 * level()));
    else if (run_op() == TN_PT_MAP_LIST)
        HOLDS(leaf && (index != watch || page == object_page + listed));
    else if (run_op() == TN_PT_LINK)
        HOLDS(level() > 0 && type_of(object) == TN_PAGETABLE && (object.w0 & 2) && object.w1 == level() - 1 &&
              value == (object_page << 10 | 1));
    else if (run_op() == TN_PT_VIEW)
        HOLDS(level() == 0 && type_of(object) == TN_PAGETABLE && (object.w0 & 1) &&
              value == leaf_of(object_page, 1, 0));
    else
        HOLDS(run_op() == TN_PT_CLEAR && value == 0);
    pte_t old = any_entry();
    if (index == watch)
        seen = old;
    return old;
}

static bool compare_exchange(pte_t *entry, pte_t old, pte_t value)
{
    uint64_t kept = done;
    if (!(verify_any() & 1))
        return false;
    may_write(entry);
    HOLDS(run_op() == TN_PT_PROTECT && has_rights(run_rights()) && run_soft() <= 3);
    HOLDS(!is_kept(old) && protected(old) == value);
    HOLDS(kept == done || seen == old);
    return true;
}

#undef load_relaxed
#undef store_relaxed
#undef compare_exchange_relaxed
#define load_relaxed(p) ((__typeof__(*(p)))load(p))
#define store_relaxed(p, v) store((uint64_t)(p), (v))
#define compare_exchange_relaxed(p, old, v) compare_exchange((p), (old), (v))
#define verify_exchange exchange
#define cspace_lookup(root, cptr) find(cptr)

#include "straight/ptwrite.c"
#include "straight/ptfast.h"

/* ---- the proofs ---- */

static struct batch batch_of;
static struct tcb thread;

static void begin(void)
{
    run.table = verify_any(), run.object = verify_any(), run.page = verify_any(), run.words = verify_any();
    run.shape = verify_any();
    mmu_levels = (uint32_t)verify_any();
    GIVEN(mmu_levels >= 3 && mmu_levels <= 5);
    platform.has_svpbmt = verify_any() & 1;
    table_page = verify_any(), object_page = verify_any();
    table = any_cap(table_page), object = any_cap(object_page);
    GIVEN(type_of(table) != TN_PAGETABLE || table.w1 == LEVEL);
    thread.buffer = verify_any();
    thread.root = verify_any();
    area = (thread.buffer & ~0xfffull) + TN_IPC_BATCH_OFFSET;
    GIVEN(thread.buffer - KERNEL_BASE < DIRECT_MAP_BYTES - (1 << 25) && (thread.buffer & 0xfff) != 0);
    area_words = ((thread.buffer & 0xfff) * 4096 - TN_IPC_BATCH_OFFSET) / 8;
    GIVEN(table_at() + 4096 <= area || area + 8 * area_words <= table_at());
    stays = false;
    watch = verify_any();
    GIVEN(watch < run_count());
    done = stored = written = false;
    lookups = 0;
}

static status_t decode_one(struct run *r, uint8_t op)
{
    struct tn_pt_run u = {.table = run.table,
                          .object = run.object,
                          .first = (uint16_t)run.shape,
                          .count = (uint16_t)(run.shape >> 16),
                          .op = op,
                          .rights = (uint8_t)(run.shape >> 40),
                          .soft = (uint8_t)(run.shape >> 48),
                          .flags = (uint8_t)(run.shape >> 56),
                          .page = run.page,
                          .in = (uint32_t)run.words,
                          .out = (uint32_t)(run.words >> 32)};
    batch_of = (struct batch){(struct tn_pt_batch *)area, (uint64_t *)area, area_words, &thread};
    return decode(&batch_of, &u, r);
}

static void plain(void)
{
    struct run r;
    begin();
    if (decode_one(&r, OP) != TN_OK)
        return;
    HOLDS(!written);
    write_run(&batch_of, &r);
    HOLDS(has_been(run_count()));
}

static void fast(void)
{
    struct run r;
    begin();
    status_t status = decode_one(&r, OP);
    lookups = 0;
    bool taken = ptfast_run(&thread, thread.buffer, (const struct tn_pt_run *)RUN_AT);
    HOLDS(taken || !written);
    HOLDS(!taken || (status == TN_OK && has_been(run_count())));
}

static void refused(void)
{
    struct run r;
    begin();
    uint8_t op = (uint8_t)verify_any();
    GIVEN(op == 0 || op > TN_PT_PROTECT);
    HOLDS(decode_one(&r, op) != TN_OK && !written);
}

#pragma clang attribute pop

void check_plain(void)
{
    plain();
}
void check_fast(void)
{
    fast();
}
void check_refused(void)
{
    refused();
}
