/* Gates: an endpoint capability per hart, in slots like a CNode's. A message sent through a gate goes to the endpoint of the
 * hart the sender is on. The badge is the gate capability's; the endpoint's own is not used. */
#pragma once
#include "cap.h"
#include "hart.h"

/* Slots of every gate: a power of two, at least the number of harts and 2. */
static inline uint64_t gate_slots(void)
{
    uint64_t slots = 2;
    while (slots < hart_count)
        slots *= 2;
    return slots;
}
/* The endpoint capability of hart `h` in the gate; CAP_NULL if there is none. */
static inline struct cap gate_endpoint(struct cap gate, const struct hart *h)
{
    struct cap c = slot_read((struct slot *)cap_object(gate) + h->index);
    return cap_type(c) == TN_ENDPOINT ? c : CAP_NULL;
}
