/* The derivation list, and removal in three steps. See cdt.h.
 *
 * Invariants: s->w0 != 0 exactly if s is in the list; neighbours point at each other; all capabilities to one object are
 * contiguous, the original first; what an Untyped was cut into follows it, from the highest address down. Debug builds
 * check them (cdtcheck.h).
 * Locks: all under the CSpace lock, which cspace_lock() takes.
 */
#include "cdt.h"
#include "cdtcheck.h"
#include "endpoint.h"
#include "gate.h"
#include "ipi.h"
#include "irq.h"
#include "memory.h"
#include "notification.h"
#include "panic.h"
#include "reply.h"
#include "tcb.h"
#include "untyped.h"
#include "vspace.h"
#include <string.h>

/* What the list begins with: no capability. */
static struct slot list;

static struct spinlock cspace_spinlock __attribute__((aligned(CACHE_LINE)));

bool cspace_lock(struct tcb *t)
{
    struct hart *h = hart_self();
    lockdep_acquire(RANK_CSPACE);
    ipi_spin(&cspace_spinlock);
    if (likely(h->current == t))
        return true;
    cspace_unlock();
    return false;
}

void cspace_unlock(void)
{
    cdtcheck_some(&list);
    lockdep_release(RANK_CSPACE);
    store_release(&cspace_spinlock.held, 0);
}

/* ---- the list ---- */

static void link_after(struct slot *left, struct slot *s)
{
    struct slot *right = slot_from_ref(left->next);
    s->prev = slot_ref(left);
    s->next = slot_ref(right);
    left->next = slot_ref(s);
    if (right)
        right->prev = slot_ref(s);
}

void cdt_insert_original(struct slot *s, struct cap c, struct slot *parent)
{
    link_after(parent ? parent : &list, s);
    s->kind = SLOT_ORIGINAL;
    slot_write(s, c);
}

void cdt_insert_derived(struct slot *s, struct cap c, struct slot *source, enum slot_kind kind)
{
    link_after(source, s);
    s->kind = kind;
    slot_write(s, c);
    /* A revocation of the source whose search for entries was interrupted has passed tables in which this capability may
     * now be used: by the number it sees that it has to begin again (memory_unmap). */
    slot_renumber(source);
}

void cdt_move(struct slot *to, struct slot *from)
{
    struct cap c = {from->w0, from->w1};
    struct slot *left = slot_from_ref(from->prev), *right = slot_from_ref(from->next);
    slot_write(from, CAP_NULL);
    to->prev = from->prev;
    to->next = from->next;
    to->kind = from->kind;
    left->next = slot_ref(to);
    if (right)
        right->prev = slot_ref(to);
    slot_write(to, c);
    cdtcheck_gone(from, to);
}

static bool same_object(struct cap a, struct cap b)
{
    if (cap_type(a) != cap_type(b) || cap_object(a) != cap_object(b))
        return false;
    switch (cap_type(a)) {
    case TN_UNTYPED:
        return untyped_bits(a) == untyped_bits(b);
    case TN_IRQ_HANDLER:
        return a.w1 == b.w1;
    default:
        return true;
    }
}

static bool has_badge(enum tn_object type)
{
    return type == TN_ENDPOINT || type == TN_GATE || type == TN_NOTIFICATION;
}

static bool untyped_contains(struct cap untyped, struct cap c)
{
    uint64_t base = (uint64_t)cap_object(untyped), object = (uint64_t)cap_object(c);
    if (cap_type(c) == TN_IRQ_CONTROL || cap_type(c) == TN_IRQ_HANDLER || cap_type(c) == TN_NULL)
        return false;
    if (object < base || object - base >= 1ull << untyped_bits(untyped))
        return false;
    return cap_type(c) != TN_UNTYPED || untyped_bits(c) <= untyped_bits(untyped);
}

/* An original is the parent of what was cut out of it (Untyped), of the handlers (IRQ control), and of the copies of the
 * same object's capability; one with a badge only of copies with that badge. */
bool cdt_is_parent(const struct slot *a, const struct slot *b)
{
    struct cap ca = {a->w0, a->w1}, cb = {b->w0, b->w1};
    if (a->kind != SLOT_ORIGINAL)
        return false;
    if (cap_type(ca) == TN_UNTYPED)
        return untyped_contains(ca, cb);
    if (cap_type(ca) == TN_IRQ_CONTROL)
        return cap_type(cb) == TN_IRQ_HANDLER || cap_type(cb) == TN_IRQ_CONTROL;
    if (!same_object(ca, cb))
        return false;
    if (has_badge(cap_type(ca)) && ca.w1 != 0)
        return cb.w1 == ca.w1 && b->kind != SLOT_ORIGINAL;
    return true;
}

bool cdt_has_children(const struct slot *s)
{
    const struct slot *next = slot_from_ref(s->next);
    return next && cdt_is_parent(s, next);
}

/* ---- removal ---- */

/* Objects without a capability. dead[0 .. dead_safe) have seen a quiesce() since. Containers that are being emptied hang in
 * a list through their own memory, which nobody else uses any more. */
#define DEAD_MAX 256
static struct cap dead[DEAD_MAX];
static uint32_t dead_count, dead_safe;

struct container {
    struct slot *slots;
    uint64_t count, done;
    struct container *next;
};
_Static_assert(sizeof(struct container) == sizeof(struct slot), "a container's record fits into its first slot");
static struct container *containers;

static uint64_t irq_handlers[1024 / 64]; /* bit: the interrupt has a handler object. The PLIC has at most 1023. */

bool cdt_room_for(uint32_t objects)
{
    return dead_count + objects <= DEAD_MAX;
}

static bool is_final(const struct slot *s)
{
    struct cap c = {s->w0, s->w1};
    const struct slot *prev = slot_from_ref(s->prev), *next = slot_from_ref(s->next);
    return !same_object(c, (struct cap){prev->w0, prev->w1}) &&
           !(next && same_object(c, (struct cap){next->w0, next->w1}));
}

static bool needs_finalising(enum tn_object type)
{
    switch (type) {
    case TN_CNODE:
    case TN_TCB:
    case TN_ENDPOINT:
    case TN_GATE:
    case TN_REPLY:
    case TN_NOTIFICATION:
    case TN_VSPACE:
    case TN_IRQ_HANDLER:
        return true;
    default:
        return false;
    }
}

/* A slot inside a TCB or VSpace was emptied: the object must forget what it kept of it. */
static void owner_forget(struct slot *s)
{
    if (s->kind == SLOT_OF_VSPACE)
        vspace_root_removed(container_of(s, struct vspace, root_slot));
    else if (s->kind >= SLOT_OF_TCB)
        tcb_slot_removed((struct tcb *)((uint64_t)s & ~((1ull << TN_TCB_BITS) - 1)), s->kind - SLOT_OF_TCB);
}

void cdt_remove(struct slot *s)
{
    struct cap c = {s->w0, s->w1};
    if (c.w0 == 0)
        return;
    bool final = is_final(s);
    struct slot *left = slot_from_ref(s->prev), *right = slot_from_ref(s->next);
    slot_write(s, CAP_NULL);
    left->next = s->next;
    if (right)
        right->prev = s->prev;
    s->prev = s->next = 0;
    cdtcheck_gone(s, right);
    owner_forget(s);
    s->kind = SLOT_COPY;
    if (final && needs_finalising(cap_type(c))) {
        kassert(cdt_room());
        dead[dead_count++] = c;
    }
}

bool cdt_irq_take(uint32_t irq)
{
    uint64_t bit = 1ull << irq % 64;
    bool taken = irq_handlers[irq / 64] & bit;
    irq_handlers[irq / 64] |= bit;
    return !taken;
}

static void container_push(void *memory, struct slot *slots, uint64_t count)
{
    struct container *k = memory;
    *k = (struct container){slots, count, 0, containers};
    containers = k;
}

/* Finalises an object that no capability names and no hart knows. false: it needs another turn. There is room for one more
 * dead object. */
static bool finalise(struct cap c)
{
    void *object = cap_object(c);
    switch (cap_type(c)) {
    case TN_ENDPOINT:
        return endpoint_finalise(object);
    case TN_NOTIFICATION:
        return notification_finalise(object);
    case TN_REPLY:
        reply_finalise(object);
        return true;
    case TN_IRQ_HANDLER:
        irq_bind(c.w1, NULL, 0);
        irq_handlers[c.w1 / 64] &= ~(1ull << c.w1 % 64);
        return true;
    case TN_TCB:
        tcb_stop_anywhere(object);
        container_push(object, ((struct tcb *)object)->slots, TCB_SLOTS);
        return true;
    case TN_VSPACE:
        vspace_finalise(object);
        cdt_remove(&((struct vspace *)object)->root_slot);
        return true;
    case TN_CNODE:
    case TN_GATE: {
        /* Its first slot makes room for the record; slot 0 of the record's list is then that memory and is skipped. */
        uint64_t count = cap_type(c) == TN_CNODE ? 1ull << c.w1 : gate_slots();
        cdt_remove(object);
        container_push(object, (struct slot *)object + 1, count - 1);
        return true;
    }
    default:
        panic("finalise: type %d", cap_type(c));
    }
}

static void drain_dead(void)
{
    if (dead_safe == 0) {
        quiesce();
        dead_safe = dead_count;
    }
    struct cap c = dead[--dead_safe];
    dead[dead_safe] = dead[--dead_count];
    if (!finalise(c)) {
        kassert(cdt_room());
        dead[dead_count++] = c;
    }
}

/* Empties up to 64 slots of the first container. */
static void drain_container(void)
{
    struct container *k = containers;
    uint64_t stop = k->done + 64 < k->count ? k->done + 64 : k->count;
    while (k->done < stop && cdt_room())
        cdt_remove(&k->slots[k->done++]);
    if (k->done == k->count) {
        containers = k->next;
        memset(k, 0, sizeof *k);
    }
}

status_t cdt_drain(void)
{
    while (dead_count != 0 || containers != NULL) {
        if (dead_count >= DEAD_MAX / 2 || containers == NULL)
            drain_dead();
        else
            drain_container();
        if (preemption_pending())
            return STATUS_RESTART;
    }
    return TN_OK;
}

status_t cdt_revoke(struct slot *s)
{
    uint32_t steps = 0;
    while (s->w0 != 0 && cdt_has_children(s)) {
        if (!cdt_room() || (++steps % 64 == 0 && preemption_pending()))
            break;
        cdt_remove(slot_from_ref(s->next));
    }
    status_t status = cdt_drain();
    if (status != TN_OK)
        return status;
    return s->w0 != 0 && cdt_has_children(s) ? STATUS_RESTART : TN_OK;
}
