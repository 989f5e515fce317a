/* Notifications. See notification.h. */
#include "notification.h"
#include "irq.h"
#include "sched.h"
#include "timer.h"
#include <tenon/invoke.h>

/* Takes the first waiter off; lock held. It is then ours (WAKING). */
static struct tcb *waiter_take(struct notification *n)
{
    struct tcb *t = n->waiters.first;
    if (t) {
        endpoint_unlink(&n->waiters, t);
        t->state = THREAD_WAKING;
    }
    return t;
}

void notification_signal(struct notification *n, uint64_t badge)
{
    spin_lock(&n->waiters.lock, RANK_ENDPOINT);
    struct tcb *t = waiter_take(n);
    if (!t)
        n->bits |= badge;
    spin_unlock(&n->waiters.lock, RANK_ENDPOINT);
    if (!t)
        return;
    t->x[REG_A0] = badge;
    tcb_set_info(t, 0);
    sched_wake(hart_self(), t);
}

void notification_wait(struct hart *h, struct tcb *t, struct notification *n, bool block)
{
    spin_lock(&n->waiters.lock, RANK_ENDPOINT);
    uint64_t bits = n->bits;
    n->bits = 0;
    if (bits == 0 && block) {
        t->state = THREAD_BLOCKED_NTFN;
        n->waiters.queue = QUEUE_RECEIVERS;
        endpoint_append(&n->waiters, t);
        spin_unlock(&n->waiters.lock, RANK_ENDPOINT);
        h->current = NULL;
        return;
    }
    spin_unlock(&n->waiters.lock, RANK_ENDPOINT);
    t->x[REG_A0] = bits;
    tcb_set_info(t, 0);
}

bool notification_cancel(struct tcb *t)
{
    struct notification *n = t->blocked_on;
    spin_lock(&n->waiters.lock, RANK_ENDPOINT);
    bool here = t->state == THREAD_BLOCKED_NTFN;
    if (here) {
        endpoint_unlink(&n->waiters, t);
        t->state = THREAD_INACTIVE;
    }
    spin_unlock(&n->waiters.lock, RANK_ENDPOINT);
    return here;
}

bool notification_finalise(struct notification *n)
{
    timer_cancel(n);
    irq_unbind_notification(n);
    return endpoint_finalise(&n->waiters);
}

status_t notification_invoke(struct tcb *t, struct cap c, uint64_t label)
{
    struct notification *n = cap_object(c);
    if (label != TN_NTFN_DEADLINE)
        return TN_ILLEGAL_OPERATION;
    if (!cap_has(c, TN_WRITE))
        return TN_INVALID_CAPABILITY;
    if (t->x[REG_A2] != ~0ull && !timer_room(n))
        return TN_NOT_ENOUGH_MEMORY;
    timer_cancel(n);
    return t->x[REG_A2] == ~0ull ? TN_OK : timer_arm(n, t->x[REG_A2], c.w1);
}
