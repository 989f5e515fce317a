/* Scheduling: fixed priorities, round robin within one, a queue per hart that this hart alone touches. */
#pragma once
#include "tcb.h"

#define SLICES_PER_SECOND 100 /* a slice is 10 ms */

/* The thread is ready: local ones join the ready queue (and ask for a reschedule where they are more urgent), those of other
 * harts are handed over. The caller owns the thread (READY-to-be or WAKING). */
void sched_wake(struct hart *h, struct tcb *t);
void sched_enqueue_first(struct hart *h, struct tcb *t);
void sched_enqueue_last(struct hart *h, struct tcb *t);
void sched_dequeue(struct hart *h, struct tcb *t);

/* Highest priority of a ready thread or of a mark (sched.c); -1 if there is neither. */
static inline int sched_top(const struct hart *h)
{
    if (likely(h->ready_bits == 0))
        return -1;
    uint64_t bits = h->ready_bits;
    int top = 0;
    for (int step = 32; step != 0; step >>= 1)
        if (bits >> step != 0) {
            bits >>= step;
            top += step;
        }
    return top;
}

/* A WAKING thread is at home (this hart). */
void sched_arrive(struct hart *h, struct tcb *t);

/* Is no thread above this priority ready, and the slice of this one's not over? */
static inline bool sched_none_above(const struct hart *h, uint32_t priority)
{
    return h->ready_bits >> priority <= 1;
}

/* Makes `t` current. It must be in no queue. */
void sched_switch(struct hart *h, struct tcb *t);
/* The current thread has blocked: run `t`, which the caller owns, if nothing ready is more urgent; else queue it. */
void sched_hand_over(struct hart *h, struct tcb *t);
/* What to run now: called at the end of every kernel entry when current is NULL or resched is set. Idles until there is
 * something. */
struct tcb *sched_choose(struct hart *h);
/* The current thread goes behind its equals. */
void sched_yield(struct hart *h);
/* The slice is over: the current thread's, or the one it runs on for a client. */
void sched_slice_over(struct hart *h);
/* A hart enters user mode for the first time, or idles. Does not return. */
void sched_start(void) __attribute__((noreturn));
