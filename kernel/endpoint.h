/* Endpoints: where senders and receivers meet.
 *
 * A queue of blocked threads, all senders or all receivers, first come first served. Guarded by the endpoint's own lock
 * (RANK_ENDPOINT), as are the state, links and blocked_on of the threads in it. An endpoint that only one hart's threads
 * use keeps its line on that hart.
 */
#pragma once
#include "spinlock.h"
#include "tcb.h"

/* By sign: that is one instruction to ask. */
enum endpoint_queue { QUEUE_SENDERS = -1, QUEUE_EMPTY = 0, QUEUE_RECEIVERS = 1 };

struct endpoint {
    struct spinlock lock;
    int32_t queue; /* enum endpoint_queue; EMPTY exactly if first is NULL */
    struct tcb *first, *last;
    uint8_t pad[40];
};
_Static_assert(sizeof(struct endpoint) == 1 << TN_ENDPOINT_BITS, "ABI");

/* Queue operations; lock held. */
static inline void endpoint_append(struct endpoint *e, struct tcb *t)
{
    t->next = NULL;
    t->prev = e->last;
    if (unlikely(e->last != NULL))
        e->last->next = t;
    else
        e->first = t;
    e->last = t;
    t->blocked_on = e;
}
/* `t` is e->first. */
static inline void endpoint_take_first(struct endpoint *e, struct tcb *t)
{
    struct tcb *next = t->next;
    e->first = next;
    if (unlikely(next != NULL)) {
        next->prev = NULL;
        return;
    }
    e->last = NULL;
    e->queue = QUEUE_EMPTY;
}
void endpoint_unlink(struct endpoint *e, struct tcb *t);

/* Cancels a wait of `t`, a thread of this hart that is blocked on an endpoint. false: somebody has just taken it off (WAKING). */
bool endpoint_cancel(struct tcb *t);

/* The endpoint is going away: waiters return with PEER_GONE, a few per call. true: none is left. */
bool endpoint_finalise(struct endpoint *e);
