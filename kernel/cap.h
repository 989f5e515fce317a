/* Capabilities, the slots that hold them, and looking them up without a lock.
 *
 * A capability is two words. w0 holds its type, the object and the rights:
 *
 *     63      56 55                          6 5      4 3      0
 *     |  type   | object's direct-map address  |  0     | rights |      (Untyped: bits 5..0 are log2 of its bytes)
 *
 * The address's top byte is all ones and needs no room. w1 depends on the type:
 *     Endpoint, Gate, Notification   badge
 *     Untyped                        see untyped.h
 *     CNode                          radix (log2 of its slots)
 *     Frame                          log2 of the bytes; bit 8: device memory
 *     PageTable                      level
 *     IRQ handler                    interrupt number (w0's object is 0)
 *
 * Slots change only under the CSpace lock (cdt.h). A reader takes no lock: it copies both words and looks at the slot's
 * sequence number before and after. It may use the object until it leaves the kernel or waits for another hart, since
 * an object is torn down only after every hart has been outside the kernel (ipi.h, quiesce).
 */
#pragma once
#include "atomic.h"
#include "fence.h"
#include "types.h"
#include <tenon/message.h>

struct cap {
    uint64_t w0, w1;
};

enum slot_kind {
    SLOT_COPY = 0,
    SLOT_ORIGINAL = 1,  /* retyped, or minted with a badge of its own: what derives from it can be revoked */
    SLOT_OF_VSPACE = 2, /* a VSpace's root: a copy */
    SLOT_OF_TCB = 4,    /* + enum tcb_slot: a copy in a thread's own slots */
};

/* Letters: (r) read without lock, written under the CSpace lock in cap.c's order; others: CSpace lock. */
struct slot {
    uint64_t w0;                               /* (r) 0: empty */
    uint64_t w1;                               /* (r) */
    uint32_t prev, next;                       /* neighbours in the derivation list, as slot references; 0: none */
    uint32_t seq;                              /* (r) odd while the slot is being written */
    uint32_t kind;                             /* enum slot_kind */
} __attribute__((aligned(1 << TN_SLOT_BITS))); /* slot references count in these units */
_Static_assert(sizeof(struct slot) == 1 << TN_SLOT_BITS, "ABI: size of a slot");

/*@ assigns \nothing;
    ensures \result == c.w0 / 0x100000000000000; */
static inline enum tn_object cap_type(struct cap c)
{
    return (enum tn_object)(c.w0 >> 56);
}
static inline void *cap_object(struct cap c)
{
    return (void *)(((int64_t)(c.w0 << 8) >> 8) & ~63ll);
}
/*@ assigns \nothing;
    ensures \result == c.w0 % 16; */
static inline uint64_t cap_rights(struct cap c)
{
    return c.w0 & TN_RIGHTS_ALL;
}
/*@ requires rights < 16;
    assigns \nothing;
    ensures \result <==> (SPEC_BIT(rights, 0) == 0 || SPEC_BIT(c.w0, 0) == 1) &&
                         (SPEC_BIT(rights, 1) == 0 || SPEC_BIT(c.w0, 1) == 1) &&
                         (SPEC_BIT(rights, 2) == 0 || SPEC_BIT(c.w0, 2) == 1) &&
                         (SPEC_BIT(rights, 3) == 0 || SPEC_BIT(c.w0, 3) == 1); */
static inline bool cap_has(struct cap c, uint64_t rights)
{
    return (c.w0 & rights) == rights;
}
static inline paddr_t cap_paddr(struct cap c)
{
    return virt_to_phys(cap_object(c));
}
static inline struct cap cap_make(enum tn_object type, const void *object, uint64_t low_bits, uint64_t w1)
{
    return (struct cap){(uint64_t)type << 56 | ((uint64_t)object & 0x00ffffffffffffc0ull) | low_bits, w1};
}
#define CAP_NULL ((struct cap){0, 0})

#define FRAME_DEVICE 0x100ull
/*@ assigns \nothing;
    ensures \result == c.w1 % 64; */
static inline uint32_t cap_frame_bits(struct cap c)
{
    return c.w1 & 63;
}
/*@ requires 12 <= c.w1 % 64 && c.w1 % 64 <= 38;
    assigns \nothing;
    ensures 1 <= \result && \result <= 0x4000000; */
static inline uint64_t cap_frame_pages(struct cap c)
{
    return 1ull << (cap_frame_bits(c) - TN_PAGE_BITS);
}

/* Copies a slot's capability. A slot that is being changed reads as empty. */
static inline __attribute__((always_inline)) struct cap slot_read(const struct slot *s)
{
    for (;;) {
        uint32_t seq = load_relaxed(&s->seq);
        if (unlikely(seq & 1))
            return CAP_NULL;
        fence_r(); /* pairs with: slot_write */
        struct cap c = {load_relaxed(&s->w0), load_relaxed(&s->w1)};
        fence_r();
        if (likely(load_relaxed(&s->seq) == seq))
            return c;
    }
}
/* The first word alone, for types whose second word the caller does not use: it names object, type and rights, and is read in
 * one piece. The object's memory is seen as it was made, since its address comes out of the word (RVWMO, address dependency). */
static inline uint64_t slot_read_w0(const struct slot *s)
{
    return load_relaxed(&s->w0); /* pairs with: slot_write */
}
/* Replaces a slot's capability; CSpace lock held. Does not touch the derivation list. */
void slot_write(struct slot *s, struct cap c);
/* A new sequence number for a slot whose capability stays; CSpace lock held. Readers that are just at it look again. */
void slot_renumber(struct slot *s);

/* A thread's CSpace root in one word, so that it can be exchanged under readers: slots' address | radix. 0: none. */
typedef uint64_t cspace_root_t;
static inline cspace_root_t cspace_root(struct slot *slots, uint64_t radix)
{
    return (uint64_t)slots | radix;
}
/* The slot that a capability pointer names, or NULL. Its content may change at any time, and so may the root in the thread: another hart
 * may exchange it for a smaller CNode's between the check and the use. */
static inline __attribute__((always_inline)) struct slot *cspace_slot(cspace_root_t root, tn_cptr_t cptr)
{
    in_register(root);
    struct slot *slots = (struct slot *)(root & ~31ull);
    if (likely(cptr >> (root & 31) == 0))
        return cptr ? &slots[cptr] : NULL; /* without a root only cptr 0 comes here */
    uint64_t index = cptr & 0xffffffffu, inner = cptr >> 32;
    if (root == 0 || index >> (root & 31) != 0 || inner == 0)
        return NULL;
    struct cap node = slot_read(&slots[index]);
    if (cap_type(node) != TN_CNODE || (inner - 1) >> node.w1 != 0)
        return NULL;
    return (struct slot *)cap_object(node) + (inner - 1);
}
/* The capability that a pointer names; CAP_NULL if there is none. */
static inline __attribute__((always_inline)) struct cap cspace_lookup(cspace_root_t root, tn_cptr_t cptr)
{
    struct slot *s = cspace_slot(root, cptr);
    return likely(s != NULL) ? slot_read(s) : CAP_NULL;
}
