/* Reply objects: the right to answer one caller, once.
 *
 * `caller` is the object's only state. Whoever exchanges it for NULL owns the caller: the one who replies, the caller's home hart
 * that cancels, or the finaliser. No lock.
 */
#pragma once
#include "tcb.h"

struct reply {
    struct tcb *caller; /* atomic */
    uint8_t pad[56];
};
_Static_assert(sizeof(struct reply) == 1 << TN_REPLY_BITS, "ABI");

/* Takes the caller out; NULL if nobody waits. The caller of this owns the thread. */
static inline struct tcb *reply_take(struct reply *r)
{
    return exchange_acq_rel(&r->caller, NULL); /* pairs with: ipc.c, attach_reply */
}
/* Cancels the wait of `t`, a thread of this hart. false: somebody is just answering it. */
bool reply_cancel(struct tcb *t);
void reply_finalise(struct reply *r);
