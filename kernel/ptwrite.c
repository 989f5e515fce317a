/* Batched page-table writes. See ptwrite.h, and "Writing page tables" in docs/architecture.md.
 *
 * First every run is decoded into the kernel's own memory: the batch lies in user memory and may change at any time. Then
 * all are written. Page lists are too long to copy: each of their words is checked again as it is used.
 *
 * Safe at every moment, whoever writes the same entries: each value written is valid by itself (a leaf into a Frame that
 * the writer holds with those rights, a table one level down, nothing). The tables, frames and child tables were looked up in
 * this kernel entry, so their memory keeps its type until it ends (cap.h). No lock is taken.
 */
#include "ptwrite.h"
#include "fence.h"
#include "flushcheck.h"
#include "platform.h"
#include "pt.h"

/* A run, decoded. */
struct run {
    pte_t *entry; /* first entry */
    pte_t
        value; /* MAP, LINK, VIEW: the first entry's; MAP_LIST: the entry of the Frame's page 0; PROTECT: permissions */
    uint64_t step;   /* MAP: pages from one entry to the next; else 0 */
    uint64_t limit;  /* MAP_LIST, PROTECT: pages of the Frame */
    uint64_t base;   /* MAP_LIST, PROTECT: the Frame's first physical page */
    uint64_t grants; /* PROTECT: permission bits that it grants; 0: none */
    uint32_t count, in, out;
    uint8_t op;
    uint8_t level;
    bool old;
};

struct batch {
    struct tn_pt_batch *user;
    uint64_t *words; /* the whole batch area as words */
    uint64_t word_count;
    struct tcb *t;
};

static bool words_fit(const struct batch *b, uint64_t first, uint64_t count)
{
    return first <= b->word_count && count <= b->word_count - first;
}

static status_t decode_frame(const struct batch *b, const struct tn_pt_run *u, struct run *r)
{
    struct cap f = cspace_lookup(b->t->root, u->object);
    if (f.w0 == 0)
        return TN_FAILED_LOOKUP;
    if (cap_type(f) != TN_FRAME || !cap_has(f, u->rights))
        return TN_INVALID_CAPABILITY;
    r->limit = cap_frame_pages(f);
    paddr_t frame = cap_paddr(f);
    r->base = phys_to_pfn(frame).v;
    r->grants = (uint64_t)u->rights << 1;
    r->value = pt_leaf(frame, u->rights, u->soft);
    if (unlikely(f.w1 & FRAME_DEVICE) && platform.has_svpbmt)
        r->value = pt_device(r->value);
    return TN_OK;
}

static status_t decode_map(const struct batch *b, const struct tn_pt_run *u, struct run *r)
{
    if (!pt_rights_valid(u->rights) || u->soft > 3)
        return TN_INVALID_ARGUMENT;
    status_t status = decode_frame(b, u, r);
    if (status != TN_OK)
        return status;
    if (likely(u->op == TN_PT_MAP)) {
        if (!pt_pages_fit(u->page, r->limit, u->count, r->level))
            return TN_RANGE_ERROR;
        if (!pt_page_aligned(r->base + u->page, r->level))
            return TN_ALIGNMENT_ERROR;
        r->value = pt_advance(r->value, u->page);
        r->step = pt_level_pages(r->level);
        return TN_OK;
    }
    if (!words_fit(b, u->in, u->count))
        return TN_TRUNCATED_MESSAGE;
    /*% invariant i <= u->count && untouched(); changes i; */
    for (uint32_t i = 0; i < u->count; i++) {
        uint64_t page = load_relaxed(&b->words[u->in + i]);
        if (!pt_pages_fit(page, r->limit, 1, r->level))
            return TN_RANGE_ERROR;
        if (!pt_page_aligned(r->base + page, r->level))
            return TN_ALIGNMENT_ERROR;
    }
    return TN_OK;
}

static status_t decode_table(const struct batch *b, const struct tn_pt_run *u, struct run *r)
{
    struct cap table = cspace_lookup(b->t->root, u->object);
    bool view = u->op == TN_PT_VIEW;
    if (table.w0 == 0)
        return TN_FAILED_LOOKUP;
    if (cap_type(table) != TN_PAGETABLE || !cap_has(table, view ? TN_READ : TN_WRITE))
        return TN_INVALID_CAPABILITY;
    if (u->count != 1 || (view ? r->level != 0 : table.w1 + 1 != r->level))
        return TN_INVALID_ARGUMENT;
    r->value = view ? pt_leaf(cap_paddr(table), TN_READ, 0) : pt_link(cap_paddr(table));
    return TN_OK;
}

static status_t decode_protect(const struct batch *b, const struct tn_pt_run *u, struct run *r)
{
    if (!pt_rights_valid(u->rights) || u->soft > 3)
        return TN_INVALID_ARGUMENT;
    if (u->object != 0) {
        status_t status = decode_frame(b, u, r);
        if (status != TN_OK)
            return status;
    }
    r->value = pt_permissions(u->rights, u->soft);
    return TN_OK;
}

static status_t decode(const struct batch *b, const struct tn_pt_run *user, struct run *r)
{
    struct tn_pt_run u = *user; /* the one read of it */
    __asm__ volatile("" ::: "memory");
    struct cap table = cspace_lookup(b->t->root, u.table);
    if (table.w0 == 0)
        return TN_FAILED_LOOKUP;
    if (cap_type(table) != TN_PAGETABLE || !cap_has(table, TN_WRITE))
        return TN_INVALID_CAPABILITY;
    uint32_t level = table.w1, end = level == mmu_levels - 1 ? ROOT_KERNEL_FIRST : TN_PT_ENTRIES;
    if (u.count == 0 || u.flags > TN_PT_OLD)
        return TN_INVALID_ARGUMENT;
    if (u.first >= end || u.count > end - u.first)
        return TN_RANGE_ERROR;
    if ((u.flags & TN_PT_OLD) && !words_fit(b, u.out, u.count))
        return TN_TRUNCATED_MESSAGE;
    r->entry = (pte_t *)cap_object(table) + u.first;
    r->count = u.count;
    r->op = u.op;
    r->level = level;
    r->old = u.flags & TN_PT_OLD;
    r->in = u.in;
    r->out = u.out;
    r->value = r->step = r->grants = 0;
    switch (u.op) {
    case TN_PT_MAP:
    case TN_PT_MAP_LIST:
        return decode_map(b, &u, r);
    case TN_PT_LINK:
    case TN_PT_VIEW:
        return decode_table(b, &u, r);
    case TN_PT_CLEAR:
        return TN_OK;
    case TN_PT_PROTECT:
        return decode_protect(b, &u, r);
    default:
        return TN_INVALID_ARGUMENT;
    }
}

/* ---- writing ---- */

/* MAP, LINK, VIEW, CLEAR: values with a constant step. */
static void write_stepped(const struct batch *b, const struct run *r)
{
    pte_t *entry = r->entry, value = r->value;
    uint64_t count = r->count, step = r->step;
    if (likely(!r->old)) {
        /*% invariant i <= count && at(&entry[i]) && value == value_at(r->value, step, i); changes i, value; */
        for (uint64_t i = 0; i < count; i++, value = pt_advance(value, step))
            ptwrite_exchange(&entry[i], value, false);
        return;
    }
    uint64_t *out = &b->words[r->out];
    /*% invariant i <= count && at(&entry[i]) && value == value_at(r->value, step, i); changes i, value; */
    for (uint64_t i = 0; i < count; i++, value = pt_advance(value, step))
        store_relaxed(&out[i], ptwrite_exchange(&entry[i], value, true));
}

static void write_list(const struct batch *b, const struct run *r)
{
    /*% invariant i <= r->count && at(&r->entry[i]); changes i; */
    for (uint32_t i = 0; i < r->count; i++) {
        uint64_t page = load_relaxed(&b->words[r->in + i]);
        if (unlikely(!pt_pages_fit(page, r->limit, 1, r->level) || !pt_page_aligned(r->base + page, r->level)))
            continue; /* changed since it was checked: the writer's loss */
        pte_t old = ptwrite_exchange(&r->entry[i], pt_advance(r->value, page), r->old);
        if (r->old)
            store_relaxed(&b->words[r->out + i], old);
    }
}

static void write_protect(const struct batch *b, const struct run *r)
{
    if (likely(!r->old)) {
        if (r->grants == 0)
            ptwrite_shrink(r->entry, r->entry + r->count, r->value);
        else
            ptwrite_grow(r->entry, r->entry + r->count, r->value, r->grants, r->base, r->limit);
        return;
    }
    /*% invariant i <= r->count && at(&r->entry[i]); changes i; */
    for (uint32_t i = 0; i < r->count; i++) {
        pte_t old = ptwrite_protect(&r->entry[i], r->value, r->grants, r->base, r->limit);
        if (r->old)
            store_relaxed(&b->words[r->out + i], old);
    }
}

static void write_run(const struct batch *b, const struct run *r)
{
    if (r->op == TN_PT_PROTECT)
        write_protect(b, r);
    else if (r->op == TN_PT_MAP_LIST)
        write_list(b, r);
    else
        write_stepped(b, r);
}

/* hop 7, where it is not the usual batch: the pages are there when this returns. */
status_t ptwrite_batch(struct tcb *t)
{
    struct run runs[TN_PT_RUNS_MAX];
    uint64_t buffer = load_relaxed(&t->buffer);
    uint64_t bytes = tcb_buffer_bytes(buffer);
    if (unlikely(bytes == 0))
        return TN_TRUNCATED_MESSAGE;
    struct batch b = {.t = t, .word_count = (bytes - TN_IPC_BATCH_OFFSET) / sizeof(uint64_t)};
    b.user = ptwrite_batch_in(buffer);
    b.words = (uint64_t *)b.user;
    uint32_t count = load_relaxed(&b.user->runs);
    if (unlikely(count > TN_PT_RUNS_MAX ||
                 sizeof(struct tn_pt_batch) + count * sizeof(struct tn_pt_run) > bytes - TN_IPC_BATCH_OFFSET)) {
        store_relaxed(&b.user->failed_run, count);
        return TN_TRUNCATED_MESSAGE;
    }
    for (uint32_t i = 0; i < count; i++) {
        status_t status = decode(&b, &b.user->run[i], &runs[i]);
        if (unlikely(status != TN_OK)) {
            store_relaxed(&b.user->failed_run, i);
            return status;
        }
    }
    for (uint32_t i = 0; i < count; i++)
        write_run(&b, &runs[i]);
    store_relaxed(&b.user->runs, 0); /* done: a system call that is cancelled and starts again writes nothing twice */
    return TN_OK;
}
