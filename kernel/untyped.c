/* Retyping: how every object comes into being.
 *
 * Decode everything, then commit. What can be interrupted comes before the commit and keeps its progress: taking back the
 * memory of former children (scan, flush) and zeroing. The commit itself is bounded by RETYPE_COUNT_MAX slots.
 * Runs under the CSpace lock (cnode.c takes it).
 */
#include "untyped.h"
#include "cdt.h"
#include "gate.h"
#include "ipi.h"
#include "memory.h"
#include "mmu.h"
#include "panic.h"
#include "syscall.h"
#include "tcb.h"
#include "vspace.h"
#include <string.h>

#define RETYPE_COUNT_MAX 1024
#define W1_FREE_MASK ((1ull << 33) - 1)
#define W1_ZEROED_SHIFT 33
#define W1_ZEROED_MASK ((1ull << 27) - 1)

static uint64_t free_bytes(struct cap c)
{
    return (c.w1 & W1_FREE_MASK) << 6;
}
static uint64_t zeroed_pages(struct cap c)
{
    return c.w1 >> W1_ZEROED_SHIFT & W1_ZEROED_MASK;
}
/* In place: whoever reads an Untyped without the lock looks at its type alone. */
static void untyped_update(struct slot *s, uint64_t used_bytes, uint64_t pages_zeroed)
{
    store_relaxed(&s->w1, (s->w1 & UNTYPED_DEVICE) | used_bytes >> 6 | pages_zeroed << W1_ZEROED_SHIFT);
}

/* Can objects of the type be made of an Untyped at all? */
static bool is_object(uint64_t type)
{
    return type > TN_NULL && type < TN_IRQ_CONTROL;
}

/* log2 of the bytes of one object; 0: no such object, or a size it cannot have. */
static uint32_t object_bits(uint64_t type, uint64_t size_bits)
{
    switch (type) {
    case TN_UNTYPED:
        return size_bits >= TN_UNTYPED_BITS_MIN && size_bits <= TN_UNTYPED_BITS_MAX ? size_bits : 0;
    case TN_FRAME:
        return size_bits >= TN_PAGE_BITS && size_bits <= TN_UNTYPED_BITS_MAX ? size_bits : 0;
    case TN_CNODE:
        return size_bits >= 1 && size_bits <= TN_CNODE_RADIX_MAX ? size_bits + TN_SLOT_BITS : 0;
    case TN_GATE:
        return size_bits <= 8 && 1ull << size_bits >= gate_slots() ? size_bits + TN_SLOT_BITS : 0;
    case TN_PAGETABLE:
        return size_bits < mmu_levels ? TN_PAGETABLE_BITS : 0;
    case TN_TCB:
        return size_bits == 0 ? TN_TCB_BITS : 0;
    case TN_ENDPOINT:
        return size_bits == 0 ? TN_ENDPOINT_BITS : 0;
    case TN_REPLY:
        return size_bits == 0 ? TN_REPLY_BITS : 0;
    case TN_NOTIFICATION:
        return size_bits == 0 ? TN_NOTIFICATION_BITS : 0;
    case TN_VSPACE:
        return size_bits == 0 ? TN_VSPACE_BITS : 0;
    default:
        return 0;
    }
}

/* Makes the zeroed memory at `object` an object of the type. */
static void object_init(uint64_t type, uint64_t size_bits, void *object)
{
    if (type == TN_TCB)
        tcb_init(object, hart_self());
    else if (type == TN_VSPACE)
        vspace_init(object);
    else if (type == TN_PAGETABLE && size_bits == mmu_levels - 1)
        mmu_root_init(object);
}

static struct cap object_cap(uint64_t type, uint64_t size_bits, const void *object, bool device)
{
    switch (type) {
    case TN_UNTYPED:
        return untyped_make(virt_to_phys(object), size_bits, device);
    case TN_FRAME:
        return cap_make(TN_FRAME, object, TN_READ | TN_WRITE | TN_EXEC, size_bits | (device ? FRAME_DEVICE : 0));
    case TN_CNODE:
        return cap_make(TN_CNODE, object, TN_RIGHTS_ALL, size_bits);
    case TN_PAGETABLE:
        return cap_make(TN_PAGETABLE, object, TN_READ | TN_WRITE, size_bits);
    default:
        return cap_make(type, object, TN_RIGHTS_ALL, 0);
    }
}

static enum page_type page_type_of(uint64_t type, uint64_t size_bits)
{
    return type == TN_FRAME       ? PAGE_FRAME
           : type == TN_PAGETABLE ? (enum page_type)(PAGE_TABLE + size_bits)
                                  : PAGE_OBJECT;
}

/* Retypes that were carried out, by the Untyped's address: a search for entries that was interrupted may not be resumed where
 * it stopped if capabilities to the memory have existed meanwhile. An Untyped shares its count with few others. */
static uint64_t commits[64];

static uint64_t *commits_of(struct cap untyped)
{
    return &commits[((uint64_t)cap_object(untyped) >> TN_PAGE_BITS) * 0x9e3779b97f4a7c15ull >> 58];
}

/* Without children the memory is taken back: whatever still maps it is cleared and flushed, and it counts as not zeroed. */
static status_t untyped_reset(struct tcb *t, struct slot *untyped)
{
    struct cap c = {untyped->w0, untyped->w1};
    uint64_t bytes = 1ull << untyped_bits(c);
    paddr_t base = cap_paddr(c);
    if (memory_is_mappable(base, bytes) || (c.w1 & UNTYPED_DEVICE)) {
        status_t status = memory_unmap(t, c.w0, *commits_of(c), base, bytes);
        if (status != TN_OK)
            return status;
    } else {
        quiesce(); /* a timer or an interrupt may just be signalling a notification that was finalised */
    }
    if (c.w1 & UNTYPED_DEVICE) {
        /* neither typed nor zeroed: a store to a register may do anything, and fault */
    } else if (untyped_bits(c) < TN_PAGE_BITS) {
        memset(cap_object(c), 0, bytes); /* part of a page whose rest belongs to others */
    } else {
        memory_set_type(base, bytes, PAGE_UNTYPED);
    }
    untyped_update(untyped, 0, 0);
    return TN_OK;
}

/* Zeroes the Untyped's pages up to byte offset `end`. Pages below the mark have been zeroed, or given to a child Untyped,
 * which zeroes for itself; parts of a page are zero when they are given away. */
static status_t untyped_zero(struct slot *untyped, uint64_t end, bool to_child)
{
    struct cap c = {untyped->w0, untyped->w1};
    if ((c.w1 & UNTYPED_DEVICE) || untyped_bits(c) < TN_PAGE_BITS)
        return TN_OK;
    uint64_t page = zeroed_pages(c), stop = (end + TN_PAGE_BYTES - 1) >> TN_PAGE_BITS;
    if (to_child && page < stop)
        page = stop;
    while (page < stop) {
        memory_zero_page((uint8_t *)cap_object(c) + (page << TN_PAGE_BITS));
        page++;
        if (page % 16 == 0 && page < stop && preemption_pending()) {
            untyped_update(untyped, free_bytes(c), page);
            return STATUS_RESTART;
        }
    }
    untyped_update(untyped, free_bytes(c), page);
    return TN_OK;
}

/* A retype as decoded: what, where from, where to. */
struct retype {
    uint64_t type, size_bits, count;
    uint32_t bits;
    struct slot *dest;
    uint64_t start, end; /* byte offsets in the Untyped */
};

static status_t retype_decode(struct tcb *t, struct cap untyped, struct retype *r)
{
    r->type = t->x[REG_A2];
    r->size_bits = t->x[REG_A3];
    uint64_t first = t->x[REG_A5] & 0xffffffff;
    r->count = t->x[REG_A5] >> 32;
    r->bits = object_bits(r->type, r->size_bits);
    if (r->bits == 0)
        return error_argument(t, is_object(r->type) ? 2 : 1);
    if ((untyped.w1 & UNTYPED_DEVICE) && r->type != TN_FRAME && r->type != TN_UNTYPED)
        return error_argument(t, 1);
    if (r->count == 0 || r->count > RETYPE_COUNT_MAX)
        return error_range(t, 1, RETYPE_COUNT_MAX);
    struct cap node = cspace_lookup(t->root, t->x[REG_A4]);
    if (node.w0 == 0)
        return TN_FAILED_LOOKUP;
    if (cap_type(node) != TN_CNODE)
        return error_capability(t, 3);
    if (first >> node.w1 != 0 || r->count > (1ull << node.w1) - first)
        return error_range(t, 0, (1ull << node.w1) - 1);
    r->dest = (struct slot *)cap_object(node) + first;
    for (uint64_t i = 0; i < r->count; i++)
        if (r->dest[i].w0 != 0)
            return TN_DELETE_FIRST;
    return TN_OK;
}

/* Pages hold one kind of thing: going from objects to frames or tables, or to another Untyped's, starts a new page. */
static status_t retype_place(struct cap untyped, uint64_t used, struct retype *r)
{
    uint64_t size = 1ull << untyped_bits(untyped);
    uint64_t align = (1ull << r->bits) - 1;
    r->start = (used + align) & ~align;
    if (r->bits > untyped_bits(untyped) || r->start > size || r->count > (size - r->start) >> r->bits)
        return TN_NOT_ENOUGH_MEMORY;
    r->end = r->start + (r->count << r->bits);
    bool kernel_object = r->type != TN_FRAME && r->type != TN_UNTYPED;
    if (kernel_object && cap_paddr(untyped).v + r->end > SLOT_PADDR_END)
        return TN_NOT_ENOUGH_MEMORY;
    return TN_OK;
}

/* The objects are whole before their memory gets its type, and that before anyone has a capability. */
static void commit(struct slot *untyped, const struct retype *r, bool device)
{
    struct cap c = {untyped->w0, untyped->w1};
    uint8_t *first = (uint8_t *)cap_object(c) + r->start;
    ++*commits_of(c);
    for (uint64_t i = 0; i < r->count; i++)
        object_init(r->type, r->size_bits, first + (i << r->bits));
    if (!device && r->type != TN_UNTYPED)
        memory_set_type(virt_to_phys(first), r->end - r->start, page_type_of(r->type, r->size_bits));
    for (uint64_t i = 0; i < r->count; i++)
        cdt_insert_original(&r->dest[i], object_cap(r->type, r->size_bits, first + (i << r->bits), device), untyped);
    untyped_update(untyped, r->end, zeroed_pages(c));
}

status_t untyped_retype(struct tcb *t, struct slot *untyped)
{
    struct retype r = {0};
    struct cap c = {untyped->w0, untyped->w1};
    bool device = c.w1 & UNTYPED_DEVICE;
    bool reset = !cdt_has_children(untyped);
    status_t status = retype_decode(t, c, &r);
    if (status == TN_OK)
        status = retype_place(c, reset ? 0 : free_bytes(c), &r);
    if (status != TN_OK)
        return status;
    if (reset && free_bytes(c) != 0) {
        status = untyped_reset(t, untyped);
        if (status != TN_OK)
            return status;
    }
    if (hart_self()->current != t)
        return STATUS_RESTART; /* stopped while it waited: the call starts again when it is resumed */
    status = untyped_zero(untyped, r.end, r.type == TN_UNTYPED && r.bits >= TN_PAGE_BITS);
    if (status != TN_OK)
        return status;
    commit(untyped, &r, device);
    return TN_OK;
}
