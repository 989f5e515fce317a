/* Notifications: a word of bits that signals set and one waiter takes; and a deadline that signals by itself.
 *
 * The bits and the queue of waiters are guarded by the notification's lock (RANK_ENDPOINT: it is never held together with an
 * endpoint's). Bits are 0 while threads wait.
 */
#pragma once
#include "endpoint.h"

struct notification {
    struct endpoint waiters; /* its lock guards `bits` too; the queue holds receivers only */
    uint64_t bits;
    /* The deadline: guarded by timer_lock of the hart at whose heap it stands. */
    uint64_t deadline; /* in `time` ticks */
    uint64_t deadline_badge;
    uint32_t timer_index; /* position in the heap */
    uint32_t timer_hart;  /* atomic; hart index + 1; 0: not armed */
    uint8_t pad[32];
};
_Static_assert(sizeof(struct notification) == 1 << TN_NOTIFICATION_BITS, "ABI");

/* Sets bits, or wakes the first waiter with them. Any hart, also from interrupts. */
void notification_signal(struct notification *n, uint64_t badge);
/* System calls Wait and Poll of the current thread. */
void notification_wait(struct hart *h, struct tcb *t, struct notification *n, bool block);
/* Cancels a wait of `t`, a thread of this hart. false: somebody has just taken it off. */
bool notification_cancel(struct tcb *t);
bool notification_finalise(struct notification *n);
status_t notification_invoke(struct tcb *t, struct cap c, uint64_t label);
