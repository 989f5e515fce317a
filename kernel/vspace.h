/* Address spaces: a root table, an ASID, and the harts that may hold translations.
 *
 * ASIDs are really used: a switch flushes nothing. Should there be more spaces than ASIDs, the surplus shares ASID 0 with
 * the kernel-only space and is flushed at each switch.
 */
#pragma once
#include "cap.h"
#include "csr.h"
#include "flushcheck.h"
#include "hart.h"

struct vspace {
    uint64_t satp;         /* atomic; written under the CSpace lock. The kernel-only one while there is no root. */
    uint64_t asid;         /* 0: none, flushed at each switch */
    paddr_t root;          /* atomic; v = 0: none */
    bool had_root;         /* a root is given once: what the ASID's translations came from does not change */
    struct slot root_slot; /* derived from the PageTable capability given */
    uint64_t harts[TN_HARTS_MAX / 64]
        __attribute__((aligned(CACHE_LINE))); /* atomic; bit = hart may hold translations */
};
_Static_assert(sizeof(struct vspace) <= 1 << TN_VSPACE_BITS, "ABI: size of a VSpace");

extern struct vspace kernel_vspace; /* no user mappings; what threads without a space run on */

void vspace_init(struct vspace *v);
void vspace_init_kernel(void); /* boot, once mmu.c has chosen the mode */
/* Gives the space its root, once. CSpace lock held. INVALID_CAPABILITY, INVALID_ARGUMENT. ILLEGAL_OPERATION: it has had one, or
 * the table is another space's. */
status_t MUST_CHECK vspace_set_root(struct tcb *t, struct vspace *v, struct slot *table);
/* The root's capability is gone: the space has no user mappings any more. CSpace lock held. */
void vspace_root_removed(struct vspace *v);
/* The table has been taken from its space and no hart has it in satp: it may become another's root. CSpace lock held. */
void vspace_root_free(paddr_t root);
/* The object goes; returns its ASID once no hart can hold translations. */
void vspace_finalise(struct vspace *v);

/* Boot, for each hart: where a VSpace notes that the hart has it. */
static inline void vspace_init_hart(struct hart *h)
{
    h->vspace_bit = 1ull << h->index % 64;
    h->vspace_word = offsetof(struct vspace, harts) + h->index / 64 * sizeof(uint64_t);
}
static inline uint64_t *vspace_harts_word(const struct hart *h, struct vspace *v)
{
    return (uint64_t *)((char *)v + h->vspace_word);
}
/* Loads the space on this hart. */
void vspace_switch(struct hart *h, struct vspace *v);
/* Its two parts, where the hart has had the space before: nothing but satp is to be written. */
static inline bool vspace_is_known(const struct hart *h, struct vspace *v)
{
    return (load_relaxed(vspace_harts_word(h, v)) & h->vspace_bit) != 0 && v->asid != 0;
}
static inline void vspace_load(struct hart *h, uint64_t satp)
{
    flushlog_loads(h, satp);
    h->satp = satp;
    csr_write(satp, satp);
}

/* Can these pages be flushed? ALIGNMENT_ERROR, RANGE_ERROR. `pages` 0: the whole space. */
status_t MUST_CHECK vspace_range_check(vaddr_t va, uint64_t pages);
status_t vspace_invoke(struct tcb *caller, struct cap cap, uint64_t label);
