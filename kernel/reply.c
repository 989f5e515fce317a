/* Reply objects. See reply.h. */
#include "reply.h"
#include "sched.h"

bool reply_cancel(struct tcb *t)
{
    if (!compare_exchange_acq_rel(&t->reply->caller, t, NULL))
        return false;
    t->state = THREAD_INACTIVE;
    return true;
}

void reply_finalise(struct reply *r)
{
    struct tcb *t = reply_take(r);
    if (!t)
        return;
    if (t->fault_label != 0)
        t->stop = true; /* nobody will answer its fault: it stays stopped */
    else
        tcb_set_error(t, TN_PEER_GONE);
    t->fault_label = 0;
    t->state = THREAD_WAKING;
    sched_wake(hart_self(), t);
}
