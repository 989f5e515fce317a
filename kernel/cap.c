/* Writing a slot under readers that take no lock.
 *
 * The number is odd while the words change: whoever read one of the new words sees at its second look that the number has
 * changed; whoever sees the new even number at its first look reads the new words, and what was written to the object
 * before it got a capability.
 */
#include "cap.h"
#include "invariants.h"

void slot_write(struct slot *s, struct cap c)
{
    uint32_t seq = s->seq;
    invariants_slot(s, c);
    store_relaxed(&s->seq, seq + 1);
    fence_w(); /* pairs with: slot_read */
    store_relaxed(&s->w0, c.w0);
    store_relaxed(&s->w1, c.w1);
    fence_w(); /* pairs with: slot_read */
    store_relaxed(&s->seq, seq + 2);
}

void slot_renumber(struct slot *s)
{
    store_relaxed(&s->seq, s->seq + 2);
}
