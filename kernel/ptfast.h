/* The usual batch of page-table writes: one run in a last-level table, of MAP, CLEAR or PROTECT; hop 7.
 *
 * The same checks as in ptwrite.c with the level, 0, put in, and all in registers: fastpath.c alone includes this. Where a check fails
 * ptwrite_batch() finds out which: nothing here has written anything before its last check.
 */
#pragma once
#include "ptwrite.h"

/* The third word of struct tn_pt_run. */
struct shape {
    uint64_t word;
};
_Static_assert(offsetof(struct tn_pt_run, first) == 16 && offsetof(struct tn_pt_run, count) == 18 &&
                   offsetof(struct tn_pt_run, op) == 20 && offsetof(struct tn_pt_run, rights) == 21 &&
                   offsetof(struct tn_pt_run, soft) == 22 && offsetof(struct tn_pt_run, flags) == 23,
               "struct shape");
static inline uint64_t shape_first(struct shape s)
{
    return s.word & 0xffff;
}
static inline uint64_t shape_count(struct shape s)
{
    return s.word >> 16 & 0xffff;
}
static inline uint64_t shape_op(struct shape s)
{
    return s.word >> 32 & 0xff;
}
static inline uint64_t shape_rights(struct shape s)
{
    return s.word >> 40 & 0xff;
}
static inline uint64_t shape_soft(struct shape s)
{
    return s.word >> 48 & 0xff;
}
static inline uint64_t shape_flags(struct shape s)
{
    return s.word >> 56;
}
static inline __attribute__((always_inline)) bool shape_permits(struct shape s)
{
    return pt_rights_valid(shape_rights(s)) && shape_soft(s) <= 3 && shape_flags(s) == 0;
}

static inline bool frame_grants(struct cap frame, uint64_t rights)
{
    return cap_type(frame) == TN_FRAME && cap_has(frame, rights) && (frame.w1 & FRAME_DEVICE) == 0;
}

static inline __attribute__((always_inline)) bool ptfast_map(cspace_root_t root, const struct tn_pt_run *u,
                                                             struct shape s, pte_t *entry, pte_t *end)
{
    struct cap frame = cspace_lookup(root, load_relaxed(&u->object));
    uint64_t page = load_relaxed(&u->page);
    if (unlikely(!shape_permits(s) || !frame_grants(frame, shape_rights(s))))
        return false;
    uint64_t pages =
        1ull << (cap_frame_bits(frame) - TN_PAGE_BITS); /* of a Frame alone: else the shift means nothing */
    if (unlikely(!pt_pages_fit(page, pages, shape_count(s), 0)))
        return false;
    pte_t value = pt_leaf(cap_paddr(frame), shape_rights(s), shape_soft(s)) + (page << TN_PTE_PPN_SHIFT);
    /*% invariant entry != end && at(entry) && value == mapped_at(entry); changes entry, value; */
    do {
        ptwrite_exchange(entry, value, false);
        value += 1ull << TN_PTE_PPN_SHIFT;
    } while (++entry != end);
    return true;
}

static inline __attribute__((always_inline)) bool ptfast_clear(uint64_t buffer, const struct tn_pt_run *u,
                                                               struct shape s, pte_t *entry, pte_t *end)
{
    if (shape_flags(s) == 0) {
        /*% invariant entry != end && at(entry); changes entry; */
        do
            ptwrite_exchange(entry, 0, false);
        while (++entry != end);
        return true;
    }
    uint64_t first = load_relaxed(&u->out), limit = (tcb_buffer_bytes(buffer) - TN_IPC_BATCH_OFFSET) / sizeof(uint64_t);
    if (unlikely(shape_flags(s) != TN_PT_OLD || first + shape_count(s) > limit))
        return false;
    uint64_t *out = (uint64_t *)ptwrite_batch_in(buffer) + first;
    /*% invariant entry != end && at(entry) && out == out_at(entry); changes entry, out; */
    do
        store_relaxed(out++, ptwrite_exchange(entry, 0, true));
    while (++entry != end);
    return true;
}

static inline __attribute__((always_inline)) bool ptfast_protect(cspace_root_t root, const struct tn_pt_run *u,
                                                                 struct shape s, pte_t *entry, pte_t *end)
{
    if (unlikely(!shape_permits(s)))
        return false;
    pte_t value = pt_permissions(shape_rights(s), shape_soft(s));
    tn_cptr_t object = load_relaxed(&u->object);
    if (object == 0) {
        ptwrite_shrink(entry, end, value);
        return true;
    }
    struct cap frame = cspace_lookup(root, object);
    if (unlikely(!frame_grants(frame, shape_rights(s))))
        return false;
    ptwrite_grow(entry, end, value, value & TN_PTE_RWX, phys_to_pfn(cap_paddr(frame)).v,
                 1ull << (cap_frame_bits(frame) - TN_PAGE_BITS));
    return true;
}

static inline __attribute__((always_inline)) bool ptfast_run(struct tcb *t, uint64_t buffer, const struct tn_pt_run *u)
{
    struct shape s = {load_relaxed((const uint64_t *)u + 2)};
    struct cap table = cspace_lookup(t->root, load_relaxed(&u->table));
    if (unlikely(cap_type(table) != TN_PAGETABLE || !cap_has(table, TN_WRITE) || table.w1 != 0 || shape_count(s) == 0 ||
                 shape_first(s) + shape_count(s) > TN_PT_ENTRIES))
        return false;
    pte_t *entry = (pte_t *)cap_object(table) + shape_first(s), *end = entry + shape_count(s);
    if (shape_op(s) == TN_PT_MAP)
        return ptfast_map(t->root, u, s, entry, end);
    if (shape_op(s) == TN_PT_CLEAR)
        return ptfast_clear(buffer, u, s, entry, end);
    return shape_op(s) == TN_PT_PROTECT && ptfast_protect(t->root, u, s, entry, end);
}

/* Writes the batch in the thread's buffer. false: nothing has been written; ptwrite_batch() does, or says why not. */
static inline __attribute__((always_inline)) bool ptfast_batch(struct tcb *t)
{
    uint64_t buffer = load_relaxed(&t->buffer);
    struct tn_pt_batch *b = ptwrite_batch_in(buffer);
    if (unlikely(buffer == 0 || load_relaxed(&b->runs) != 1 || !ptfast_run(t, buffer, &b->run[0])))
        return false;
    store_relaxed(&b->runs, 0); /* as in ptwrite_batch() */
    return true;
}
