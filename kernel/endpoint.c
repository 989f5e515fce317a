/* Queues of endpoints. See endpoint.h; ipc.c is the user. */
#include "endpoint.h"
#include "ipi.h"
#include "sched.h"

void endpoint_unlink(struct endpoint *e, struct tcb *t)
{
    if (t->prev)
        t->prev->next = t->next;
    else
        e->first = t->next;
    if (t->next)
        t->next->prev = t->prev;
    else
        e->last = t->prev;
    if (!e->first)
        e->queue = QUEUE_EMPTY;
}

bool endpoint_cancel(struct tcb *t)
{
    struct endpoint *e = t->blocked_on;
    spin_lock(&e->lock, RANK_ENDPOINT);
    bool here = t->state == THREAD_BLOCKED_SEND || t->state == THREAD_BLOCKED_RECV;
    if (here) {
        endpoint_unlink(e, t);
        t->state = THREAD_INACTIVE;
    }
    spin_unlock(&e->lock, RANK_ENDPOINT);
    return here;
}

bool endpoint_finalise(struct endpoint *e)
{
    for (int budget = 32; budget > 0; budget--) {
        spin_lock(&e->lock, RANK_ENDPOINT);
        struct tcb *t = e->first;
        if (t) {
            endpoint_unlink(e, t);
            t->state = THREAD_WAKING;
        }
        spin_unlock(&e->lock, RANK_ENDPOINT);
        if (!t)
            return true;
        if (t->fault_label != 0)
            t->stop = true; /* its fault can be told to nobody: it stays stopped */
        else
            tcb_set_error(t, TN_PEER_GONE);
        t->fault_label = 0;
        sched_wake(hart_self(), t);
    }
    return false;
}
