/* Capabilities against memory's types. See cdtcheck.h. */
#include "cdtcheck.h"

#if TENON_DEBUG
#include "cdt.h"
#include "gate.h"
#include "memory.h"
#include "panic.h"
#include "platform.h"
#include "untyped.h"

#define SLOTS_PER_CHECK 8
#define PAGES_EACH 512 /* of a Frame or an Untyped; of larger ones a few */

static const struct slot *next_slot; /* NULL: begin again */
static struct cap
    outermost; /* the last capability that lay in none before it: all that follows lies in it, up to the next */

static __attribute__((noreturn)) void wrong(const struct slot *s, struct cap c, const char *what)
{
    panic("capability %lx %lx in slot %p, kind %u: %s", c.w0, c.w1, (const void *)s, s->kind, what);
}

/* Bytes of memory that the capability stands for; 0: none. */
static uint64_t cap_bytes(struct cap c)
{
    switch (cap_type(c)) {
    case TN_UNTYPED:
        return 1ull << untyped_bits(c);
    case TN_FRAME:
        return 1ull << cap_frame_bits(c);
    case TN_CNODE:
        return 1ull << (c.w1 + TN_SLOT_BITS);
    case TN_GATE:
        return gate_slots() << TN_SLOT_BITS;
    case TN_PAGETABLE:
        return TN_PAGE_BYTES;
    case TN_TCB:
        return 1ull << TN_TCB_BITS;
    case TN_ENDPOINT:
        return 1ull << TN_ENDPOINT_BITS;
    case TN_REPLY:
        return 1ull << TN_REPLY_BITS;
    case TN_NOTIFICATION:
        return 1ull << TN_NOTIFICATION_BITS;
    case TN_VSPACE:
        return 1ull << TN_VSPACE_BITS;
    default:
        return 0;
    }
}

static uint64_t rights_of_type(enum tn_object type)
{
    return type == TN_FRAME ? TN_READ | TN_WRITE | TN_EXEC : type == TN_PAGETABLE ? TN_READ | TN_WRITE : TN_RIGHTS_ALL;
}

static bool is_device(struct cap c)
{
    return cap_type(c) == TN_FRAME     ? (c.w1 & FRAME_DEVICE) != 0
           : cap_type(c) == TN_UNTYPED ? (c.w1 & UNTYPED_DEVICE) != 0
                                       : false;
}

static bool type_agrees(struct cap c, paddr_t page)
{
    enum page_type type = memory_type(page);
    if (is_device(c))
        return !platform_is_ram(page, TN_PAGE_BYTES);
    switch (cap_type(c)) {
    case TN_UNTYPED:
        return type != PAGE_NONE;
    case TN_FRAME:
        return type == PAGE_FRAME;
    case TN_PAGETABLE:
        return type == PAGE_TABLE + c.w1;
    default:
        return type == PAGE_OBJECT;
    }
}

static void check_memory(const struct slot *s, struct cap c, uint64_t bytes)
{
    static uint64_t turn;
    uint64_t pages = (bytes + TN_PAGE_BYTES - 1) >> TN_PAGE_BITS, first = phys_to_pfn(cap_paddr(c)).v;
    bool all = pages <= PAGES_EACH;
    for (uint64_t i = 0; i < (all ? pages : 3); i++) {
        uint64_t page = all ? i : i == 0 ? 0 : i == 1 ? pages - 1 : turn++ % pages;
        if (!type_agrees(c, pfn_to_phys((pfn_t){first + page})))
            wrong(s, c, "its memory is of another type");
    }
}

static bool lies_in(struct cap inner, struct cap outer)
{
    uint64_t offset = (uint64_t)cap_object(inner) - (uint64_t)cap_object(outer);
    return offset < cap_bytes(outer) && cap_bytes(inner) <= cap_bytes(outer) - offset;
}

/* `c` and the next one in the list, `n`. */
static void check_order(const struct slot *s, struct cap c, struct cap n)
{
    bool same = cap_type(c) == cap_type(n) && cap_object(c) == cap_object(n) && cap_bytes(c) == cap_bytes(n);
    if (same || cap_bytes(c) == 0 || cap_bytes(n) == 0)
        return;
    if (cap_type(c) == TN_UNTYPED && s->kind == SLOT_ORIGINAL && lies_in(n, c))
        return;
    if ((uint64_t)cap_object(n) + cap_bytes(n) > (uint64_t)cap_object(c))
        wrong(s, c, "its memory is not above the next one's");
}

void cdtcheck_cap(const struct slot *s, struct cap c)
{
    uint64_t bytes = cap_bytes(c);
    if (c.w0 == 0)
        return;
    if (bytes == 0 && cap_type(c) != TN_IRQ_CONTROL && (cap_type(c) != TN_IRQ_HANDLER || c.w1 > PLATFORM_IRQS_MAX))
        wrong(s, c, "there is no such type");
    if (cap_type(c) != TN_UNTYPED && cap_rights(c) & ~rights_of_type(cap_type(c)))
        wrong(s, c, "its rights are more than there are");
    if (bytes != 0)
        check_memory(s, c, bytes);
}

static void check_slot(const struct slot *s)
{
    struct cap c = {s->w0, s->w1};
    if (c.w0 == 0 || s->seq % 2 != 0 || s->prev == 0 || slot_from_ref(slot_from_ref(s->prev)->next) != s)
        wrong(s, c, "it does not stand in the derivation list");
    if (memory_type(virt_to_phys(s)) != PAGE_OBJECT)
        wrong(s, c, "its slot is in memory of another type");
    cdtcheck_cap(s, c);
    if (cap_bytes(c) != 0 && !lies_in(c, outermost))
        outermost = c;
    const struct slot *next = slot_from_ref(s->next);
    struct cap n = next ? (struct cap){next->w0, next->w1} : CAP_NULL;
    if (next && lies_in(n, outermost))
        check_order(s, c, n);
}

void cdtcheck_some(const struct slot *list)
{
    for (uint32_t i = 0; i < SLOTS_PER_CHECK; i++) {
        if (next_slot == NULL) {
            next_slot = slot_from_ref(list->next);
            outermost = CAP_NULL;
        }
        if (next_slot == NULL)
            return;
        check_slot(next_slot);
        next_slot = slot_from_ref(next_slot->next);
    }
}

void cdtcheck_gone(const struct slot *s, const struct slot *instead)
{
    if (next_slot == s)
        next_slot = instead;
}
#endif
