/* Untyped memory and retyping.
 *
 * w1 of an Untyped capability: bits 0..32 the free offset in units of 64 bytes, bits 33..59 how many of its first pages are
 * zeroed (and so ready to become objects), bit 62 device memory.
 */
#pragma once
#include "cap.h"

#define UNTYPED_DEVICE (1ull << 62)

struct tcb;

static inline uint32_t untyped_bits(struct cap c)
{
    return c.w0 & 63;
}
static inline struct cap untyped_make(paddr_t base, uint32_t bits, bool device)
{
    return cap_make(TN_UNTYPED, phys_to_virt(base), bits, device ? UNTYPED_DEVICE : 0);
}

/* TN_UNTYPED_RETYPE; see tenon/invoke.h. `untyped` is a slot that holds an Untyped; CSpace lock held. */
status_t MUST_CHECK untyped_retype(struct tcb *t, struct slot *untyped);
