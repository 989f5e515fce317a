/* Writing a slot under readers that take no lock.
 *
 * A reader that saw the old w0 and the new w1 must notice. So a slot is emptied first, then its number changes, then w1, then
 * w0: whoever reads the new w1 sees the new number at its second look; whoever reads the new number at its first look sees
 * w0 empty or new.
 */
#include "cap.h"

void slot_write(struct slot *s, struct cap c)
{
    store_relaxed(&s->w0, 0);
    fence_w();
    store_relaxed(&s->seq, s->seq + 1);
    fence_w(); /* pairs with: slot_read */
    store_relaxed(&s->w1, c.w1);
    fence_w(); /* what was written to the object before it got a capability is seen by whoever reads this w0 */
    store_relaxed(&s->w0, c.w0);
}
