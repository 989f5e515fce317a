/* Capability-space changes. Each takes the CSpace lock, finishes what earlier removals left to do, looks its capabilities
 * up under the lock, decodes, commits.
 */
#include "cnode.h"
#include "cdt.h"
#include "gate.h"
#include "irq.h"
#include "memory.h"
#include "mmu.h"
#include "platform.h"
#include "syscall.h"
#include "untyped.h"
#include "vspace.h"
#include <tenon/invoke.h>

/* Argument `n` (0..3) of the invocation. */
static uint64_t arg(const struct tcb *t, int n)
{
    return t->x[REG_A2 + n];
}

static status_t source_lookup(struct tcb *t, tn_cptr_t cptr, struct slot **out)
{
    struct slot *s = cspace_slot(t->root, cptr);
    if (!s || s->w0 == 0)
        return TN_FAILED_LOOKUP;
    *out = s;
    return TN_OK;
}

/* Argument 1, a capability for the slot `dest`, which must be empty. */
static status_t source_for(struct tcb *t, const struct slot *dest, struct slot **out)
{
    status_t status = source_lookup(t, arg(t, 1), out);
    return status == TN_OK && dest->w0 != 0 ? TN_DELETE_FIRST : status;
}

/* Whether a copy can be made at all. An Untyped is cut, not shared; a parent could not tell copies from children. */
static bool is_copyable(struct cap c)
{
    return cap_type(c) != TN_UNTYPED && cap_type(c) != TN_IRQ_CONTROL;
}

static status_t cnode_copy(struct tcb *t, struct slot *dest, bool mint)
{
    struct slot *source;
    status_t status = source_for(t, dest, &source);
    if (status != TN_OK)
        return status;
    struct cap c = {source->w0, source->w1};
    if (!is_copyable(c))
        return TN_ILLEGAL_OPERATION;
    c.w0 &= ~(uint64_t)TN_RIGHTS_ALL | arg(t, 2);
    enum slot_kind kind = SLOT_COPY;
    if (mint && arg(t, 3) != 0) {
        enum tn_object type = cap_type(c);
        if (type != TN_ENDPOINT && type != TN_GATE && type != TN_NOTIFICATION)
            return error_argument(t, 4);
        if (c.w1 != 0)
            return TN_ILLEGAL_OPERATION;
        c.w1 = arg(t, 3);
        kind = SLOT_ORIGINAL;
    }
    cdt_insert_derived(dest, c, source, kind);
    return TN_OK;
}

static status_t cnode_move(struct tcb *t, struct slot *dest)
{
    struct slot *source;
    status_t status = source_for(t, dest, &source);
    if (status != TN_OK)
        return status;
    cdt_move(dest, source);
    return TN_OK;
}

/* A call that starts again has emptied the slot already: what stands there now is another's. */
static status_t cnode_delete(struct tcb *t, struct slot *s)
{
    if (tcb_long_goes_on(t, TCB_LONG_DELETE, slot_ref(s)))
        return TN_OK; /* drained before it was looked up */
    if (!cdt_room())
        return STATUS_RESTART;
    cdt_remove(s);
    status_t status = cdt_drain();
    if (status == STATUS_RESTART && hart_self()->current == t)
        tcb_long_begin(t, TCB_LONG_DELETE, slot_ref(s));
    return status;
}

/* Frames and tables are also taken out of every page table; a copy revokes nothing. */
static status_t cnode_revoke(struct tcb *t, struct slot *s)
{
    struct cap c = {s->w0, s->w1};
    status_t status = cdt_revoke(s);
    if (status != TN_OK || s->kind != SLOT_ORIGINAL || (cap_type(c) != TN_FRAME && cap_type(c) != TN_PAGETABLE))
        return status;
    uint64_t bytes = cap_type(c) == TN_FRAME ? 1ull << cap_frame_bits(c) : TN_PAGE_BYTES;
    status = memory_unmap(t, c.w0, (uint64_t)slot_ref(s) << 32 | s->seq, cap_paddr(c), bytes);
    if (status == TN_OK && cap_type(c) == TN_PAGETABLE && c.w1 == mmu_levels - 1)
        vspace_root_free(cap_paddr(c));
    return status;
}

static status_t cnode_invoke(struct tcb *t, struct cap node, uint64_t label)
{
    uint64_t index = arg(t, 0);
    if (index >> node.w1 != 0)
        return error_range(t, 0, (1ull << node.w1) - 1);
    struct slot *s = (struct slot *)cap_object(node) + index;
    switch (label) {
    case TN_CNODE_COPY:
    case TN_CNODE_MINT:
        return cnode_copy(t, s, label == TN_CNODE_MINT);
    case TN_CNODE_MOVE:
        return cnode_move(t, s);
    case TN_CNODE_DELETE:
        return cnode_delete(t, s);
    case TN_CNODE_REVOKE:
        return cnode_revoke(t, s);
    default:
        return TN_ILLEGAL_OPERATION;
    }
}

/* Argument `n`: NULL for a capability pointer of 0; else a slot of one of the two types. */
static status_t optional_slot(struct tcb *t, uint32_t n, enum tn_object type, enum tn_object or_type, struct slot **out)
{
    *out = NULL;
    if (arg(t, n) == 0)
        return TN_OK;
    status_t status = source_lookup(t, arg(t, n), out);
    if (status != TN_OK)
        return status;
    enum tn_object found = cap_type((struct cap){(*out)->w0, 0});
    return found == type || found == or_type ? TN_OK : error_capability(t, n + 1);
}

/* After a change that must not start again, since it may have changed what its arguments mean: what an interrupt leaves to do is
 * done by the next operation. */
static status_t drain_later(void)
{
    status_t status = cdt_drain();
    return status == STATUS_RESTART ? TN_OK : status;
}

static status_t tcb_set_space(struct tcb *t, struct tcb *target)
{
    struct slot *cspace, *vspace, *fault;
    status_t status = optional_slot(t, 0, TN_CNODE, TN_CNODE, &cspace);
    if (status == TN_OK)
        status = optional_slot(t, 1, TN_VSPACE, TN_VSPACE, &vspace);
    if (status == TN_OK)
        status = optional_slot(t, 2, TN_ENDPOINT, TN_GATE, &fault);
    if (status != TN_OK)
        return status;
    if (fault && !cap_has((struct cap){fault->w0, 0}, TN_WRITE))
        return error_capability(t, 3);
    if (!cdt_room_for(3))
        return STATUS_RESTART;
    tcb_slot_set(target, TCB_CSPACE, cspace);
    tcb_slot_set(target, TCB_VSPACE, vspace);
    tcb_slot_set(target, TCB_FAULT, fault);
    tcb_reload(target);
    return drain_later();
}

static status_t tcb_set_buffer(struct tcb *t, struct tcb *target)
{
    struct slot *frame;
    uint64_t first = arg(t, 1), pages = arg(t, 2);
    status_t status = optional_slot(t, 0, TN_FRAME, TN_FRAME, &frame);
    if (status != TN_OK)
        return status;
    if (frame) {
        struct cap c = {frame->w0, frame->w1};
        uint64_t frame_pages = 1ull << (cap_frame_bits(c) - TN_PAGE_BITS);
        if (!cap_has(c, TN_READ | TN_WRITE) || (c.w1 & FRAME_DEVICE))
            return error_capability(t, 1);
        if (first >= frame_pages)
            return error_range(t, 0, frame_pages - 1);
        if (pages == 0 || pages > frame_pages - first || pages > TCB_BUFFER_PAGES_MAX)
            return error_range(t, 1, frame_pages - first);
    }
    if (!cdt_room_for(1))
        return STATUS_RESTART;
    tcb_slot_set(target, TCB_BUFFER, frame);
    if (frame)
        tcb_buffer_set(target, first, pages);
    return drain_later();
}

static status_t gate_invoke(struct tcb *t, struct cap gate, uint64_t label)
{
    struct slot *endpoint;
    if (label != TN_GATE_SET)
        return TN_ILLEGAL_OPERATION;
    if (!cap_has(gate, TN_READ))
        return TN_INVALID_CAPABILITY; /* it changed since the dispatcher looked */
    if (arg(t, 0) >= hart_count)
        return error_range(t, 0, hart_count - 1);
    status_t status = optional_slot(t, 1, TN_ENDPOINT, TN_ENDPOINT, &endpoint);
    if (status != TN_OK)
        return status;
    /* Whoever makes badges and grants with the gate must be able to with the endpoint. */
    if (endpoint && (endpoint->w1 != 0 || !cap_has((struct cap){endpoint->w0, 0}, TN_WRITE | TN_GRANT)))
        return error_capability(t, 2);
    if (!cdt_room_for(1))
        return STATUS_RESTART;
    struct slot *s = (struct slot *)cap_object(gate) + arg(t, 0);
    cdt_remove(s);
    if (endpoint)
        cdt_insert_derived(s, (struct cap){endpoint->w0, endpoint->w1}, endpoint, SLOT_COPY);
    return drain_later();
}

static status_t irq_control_invoke(struct tcb *t, struct slot *control, uint64_t label)
{
    if (label != TN_IRQ_CONTROL_GET)
        return TN_ILLEGAL_OPERATION;
    if (!irq_valid(arg(t, 0)))
        return error_range(t, 1, platform.plic_irqs);
    struct cap node = cspace_lookup(t->root, arg(t, 1));
    if (node.w0 == 0)
        return TN_FAILED_LOOKUP;
    if (cap_type(node) != TN_CNODE)
        return error_capability(t, 2);
    if (arg(t, 2) >> node.w1 != 0)
        return error_range(t, 0, (1ull << node.w1) - 1);
    struct slot *dest = (struct slot *)cap_object(node) + arg(t, 2);
    if (dest->w0 != 0)
        return TN_DELETE_FIRST;
    if (!cdt_irq_take(arg(t, 0)))
        return TN_REVOKE_FIRST;
    cdt_insert_original(dest, cap_make(TN_IRQ_HANDLER, NULL, TN_RIGHTS_ALL, arg(t, 0)), control);
    return TN_OK;
}

static status_t invoke_locked(struct tcb *t, struct slot *s, uint64_t label)
{
    struct cap c = {s->w0, s->w1};
    switch (cap_type(c)) {
    case TN_UNTYPED:
        return label == TN_UNTYPED_RETYPE ? untyped_retype(t, s) : TN_ILLEGAL_OPERATION;
    case TN_CNODE:
        return cnode_invoke(t, c, label);
    case TN_GATE:
        return gate_invoke(t, c, label);
    case TN_IRQ_CONTROL:
        return irq_control_invoke(t, s, label);
    case TN_TCB:
        if (label == TN_TCB_SET_SPACE)
            return tcb_set_space(t, cap_object(c));
        return label == TN_TCB_SET_BUFFER ? tcb_set_buffer(t, cap_object(c)) : TN_ILLEGAL_OPERATION;
    case TN_VSPACE: {
        struct slot *table;
        if (label != TN_VSPACE_SET_ROOT)
            return TN_ILLEGAL_OPERATION;
        status_t status = source_lookup(t, arg(t, 0), &table);
        return status != TN_OK ? status : vspace_set_root(t, cap_object(c), table);
    }
    default:
        return TN_FAILED_LOOKUP; /* it changed since the dispatcher looked */
    }
}

status_t cspace_invoke(struct tcb *t, tn_cptr_t cptr, uint64_t label)
{
    if (!cspace_lock(t))
        return STATUS_RESTART;
    status_t status = cdt_drain();
    if (status == TN_OK && hart_self()->current == t) {
        struct slot *s = cspace_slot(t->root, cptr);
        status = s ? invoke_locked(t, s, label) : TN_FAILED_LOOKUP;
    }
    cspace_unlock();
    return status;
}
