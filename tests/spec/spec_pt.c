/* Page-table batches of the specification; docs/abi.md, "Page-table batches". */
#include "spec.h"

static uint64_t permissions(uint64_t rights)
{
    return ((rights & TN_READ) ? TN_PTE_R : 0) | ((rights & TN_WRITE) ? TN_PTE_W | TN_PTE_D : 0) |
           ((rights & TN_EXEC) ? TN_PTE_X : 0) | TN_PTE_A;
}

static uint64_t entry_of(uint64_t paddr)
{
    return paddr / TN_PAGE_BYTES << TN_PTE_PPN_SHIFT | TN_PTE_V;
}

static uint64_t leaf(uint64_t paddr, const struct tn_pt_run *r)
{
    return entry_of(paddr) | permissions(r->rights) | (uint64_t)r->soft << TN_PTE_SOFT_SHIFT | TN_PTE_U;
}

static uint64_t pages_of_level(uint32_t level)
{
    return 1ull << 9 * level;
}

/* The object that a capability names, if it has that type and those rights. */
static enum tn_error named(struct spec *s, uint64_t cptr, uint8_t type, uint32_t rights, struct spec_object **o)
{
    uint32_t slot = spec_lookup(s, cptr);
    *o = slot ? spec_object_of(s, slot) : 0;
    if (!*o)
        return TN_FAILED_LOOKUP;
    return (*o)->type == type && (s->slot[slot].rights & rights) == rights ? TN_OK : TN_INVALID_CAPABILITY;
}

static enum tn_error check_page(const struct spec_object *frame, uint64_t page, uint64_t count, uint32_t level)
{
    uint64_t pages = 1ull << (frame->bits - TN_PAGE_BITS), span = pages_of_level(level);
    if (page >= pages || count > (pages - page) / span)
        return TN_RANGE_ERROR;
    return (frame->base / TN_PAGE_BYTES + page) % span ? TN_ALIGNMENT_ERROR : TN_OK;
}

static enum tn_error check_list(const uint64_t *batch, const struct tn_pt_run *r, const struct spec_object *frame,
                                uint32_t level)
{
    if (r->in > SPEC_BATCH_WORDS || r->count > SPEC_BATCH_WORDS - r->in)
        return TN_TRUNCATED_MESSAGE;
    for (uint32_t i = 0; i < r->count; i++) {
        enum tn_error e = check_page(frame, batch[r->in + i], 1, level);
        if (e != TN_OK)
            return e;
    }
    return TN_OK;
}

static enum tn_error check_frame_run(struct spec *s, const uint64_t *batch, const struct tn_pt_run *r, uint32_t level,
                                     struct spec_object **frame)
{
    bool write_alone = (r->rights & (TN_READ | TN_WRITE)) == TN_WRITE;
    *frame = 0;
    if (r->rights == 0 || r->rights > (TN_READ | TN_WRITE | TN_EXEC) || write_alone || r->soft > 3)
        return TN_INVALID_ARGUMENT;
    if (r->op == TN_PT_PROTECT && r->object == 0)
        return TN_OK;
    enum tn_error e = named(s, r->object, TN_FRAME, r->rights, frame);
    if (e != TN_OK || r->op == TN_PT_PROTECT)
        return e;
    return r->op == TN_PT_MAP ? check_page(*frame, r->page, r->count, level) : check_list(batch, r, *frame, level);
}

static enum tn_error check_run(struct spec *s, const uint64_t *batch, const struct tn_pt_run *r,
                               struct spec_object **table, struct spec_object **object)
{
    *object = 0;
    enum tn_error e = named(s, r->table, TN_PAGETABLE, TN_WRITE, table);
    if (e != TN_OK)
        return e;
    uint32_t level = (*table)->level, end = level == s->levels - 1 ? TN_PT_ENTRIES / 2 : TN_PT_ENTRIES;
    if (r->count == 0 || (r->flags & ~TN_PT_OLD))
        return TN_INVALID_ARGUMENT;
    if (r->first >= end || r->count > end - r->first)
        return TN_RANGE_ERROR;
    if ((r->flags & TN_PT_OLD) && (r->out > SPEC_BATCH_WORDS || r->count > SPEC_BATCH_WORDS - r->out))
        return TN_TRUNCATED_MESSAGE;
    switch (r->op) {
    case TN_PT_MAP:
    case TN_PT_MAP_LIST:
    case TN_PT_PROTECT:
        return check_frame_run(s, batch, r, level, object);
    case TN_PT_LINK:
    case TN_PT_VIEW:
        e = named(s, r->object, TN_PAGETABLE, r->op == TN_PT_LINK ? TN_WRITE : TN_READ, object);
        if (e != TN_OK)
            return e;
        if (r->count != 1 || (r->op == TN_PT_LINK ? (*object)->level + 1u != level : level != 0))
            return TN_INVALID_ARGUMENT;
        return TN_OK;
    case TN_PT_CLEAR:
        return TN_OK;
    default:
        return TN_INVALID_ARGUMENT;
    }
}

/* Leaves get other rights; none gains what the Frame does not grant. */
static uint64_t protected(uint64_t old, const struct tn_pt_run *r, const struct spec_object *frame)
{
    uint64_t gained = permissions(r->rights) & ~old & TN_PTE_RWX;
    uint64_t change = TN_PTE_RWX | TN_PTE_A | TN_PTE_D | 3ull << TN_PTE_SOFT_SHIFT;
    if (!tn_pte_is_leaf(old))
        return old;
    if (gained && (!frame || tn_pte_paddr(old) < frame->base || tn_pte_paddr(old) - frame->base >= 1ull << frame->bits))
        return old;
    return (old & ~change) | permissions(r->rights) | (uint64_t)r->soft << TN_PTE_SOFT_SHIFT;
}

/* A page of a list, as it is when it is written: an earlier run's old values may have gone there. */
static uint64_t listed(const uint64_t *batch, const struct tn_pt_run *r, uint32_t i, const struct spec_answer *a)
{
    return a->old_set[r->in + i] ? a->old[r->in + i] : batch[r->in + i];
}

static uint64_t new_value(const uint64_t *batch, const struct tn_pt_run *r, uint32_t i, uint32_t level, uint64_t old,
                          const struct spec_object *o, const struct spec_answer *a)
{
    switch (r->op) {
    case TN_PT_MAP:
        return leaf(o->base + (r->page + i * pages_of_level(level)) * TN_PAGE_BYTES, r);
    case TN_PT_MAP_LIST:
        return leaf(o->base + listed(batch, r, i, a) * TN_PAGE_BYTES, r);
    case TN_PT_LINK:
        return entry_of(o->base);
    case TN_PT_VIEW:
        return entry_of(o->base) | permissions(TN_READ) | TN_PTE_U;
    case TN_PT_CLEAR:
        return 0;
    default:
        return protected(old, r, o);
    }
}

void spec_pt_write(struct spec *s, const uint64_t *batch, struct spec_answer *a)
{
    const struct tn_pt_batch *b = (const struct tn_pt_batch *)batch;
    struct spec_object *table, *object;
    a->has_failed_run = true;
    a->failed_run = b->runs;
    if (b->runs > TN_PT_RUNS_MAX) {
        a->error = TN_TRUNCATED_MESSAGE;
        return;
    }
    for (uint32_t i = 0; i < b->runs; i++) {
        a->error = check_run(s, batch, &b->run[i], &table, &object);
        a->failed_run = i;
        if (a->error != TN_OK)
            return;
    }
    a->has_failed_run = false;
    for (uint32_t n = 0; n < b->runs; n++) {
        const struct tn_pt_run *r = &b->run[n];
        (void)check_run(s, batch, r, &table, &object);
        for (uint32_t i = 0; i < r->count; i++) {
            uint64_t old = table->entries[r->first + i];
            if (r->op == TN_PT_MAP_LIST && check_page(object, listed(batch, r, i, a), 1, table->level) != TN_OK)
                continue; /* it was another page when the list was checked */
            table->entries[r->first + i] = new_value(batch, r, i, table->level, old, object, a);
            if (r->flags & TN_PT_OLD) {
                a->old[r->out + i] = old;
                a->old_set[r->out + i] = true;
            }
        }
    }
}

void spec_pt_clear_range(struct spec *s, uint64_t base, uint64_t bytes)
{
    for (uint32_t n = 1; n < SPEC_OBJECTS; n++) {
        const struct spec_object *o = &s->object[n];
        for (uint32_t i = 0; o->type == TN_PAGETABLE && i < TN_PT_ENTRIES; i++)
            if ((o->entries[i] & TN_PTE_V) && tn_pte_paddr(o->entries[i]) >= base &&
                tn_pte_paddr(o->entries[i]) - base < bytes)
                o->entries[i] = 0;
    }
}
