/* Timers of a hart: a binary heap of armed notifications, by deadline, and the slice's end; the hardware is set to the earlier.
 *
 * Invariants: timers[i]->timer_index == i; timers[(i-1)/2] is not later than timers[i]; a notification is in at most one heap,
 * named by timer_hart. Locks: the hart's timer_lock (RANK_TIMER).
 */
#include "timer.h"
#include "csr.h"
#include "notification.h"
#include "platform.h"
#include "sbi.h"
#include "sched.h"

uint64_t timer_now(void)
{
    return csr_read(time);
}

static void timer_set_hardware(uint64_t when)
{
    if (platform.has_sstc)
        csr_write(0x14d, when); /* stimecmp */
    else
        sbi_set_timer(when);
}

/* Timer lock held, on the hart itself. */
static void timer_program(struct hart *h)
{
    uint64_t when = h->timer_count ? h->timers[0]->deadline : ~0ull;
    if (h->slice_armed && h->slice_end < when)
        when = h->slice_end;
    timer_set_hardware(when);
}

static void heap_put(struct hart *h, uint32_t i, struct notification *n)
{
    h->timers[i] = n;
    n->timer_index = i;
}

/* Places `n`, whose position i is free, where it belongs. */
static void heap_settle(struct hart *h, uint32_t i, struct notification *n)
{
    while (i > 0 && h->timers[(i - 1) / 2]->deadline > n->deadline) {
        heap_put(h, i, h->timers[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child + 1 < h->timer_count && h->timers[child + 1]->deadline < h->timers[child]->deadline)
            child++;
        if (child >= h->timer_count || h->timers[child]->deadline >= n->deadline)
            break;
        heap_put(h, i, h->timers[child]);
        i = child;
    }
    heap_put(h, i, n);
}

static void heap_remove(struct hart *h, struct notification *n)
{
    uint32_t i = n->timer_index;
    struct notification *last = h->timers[--h->timer_count];
    if (last != n)
        heap_settle(h, i, last);
    store_relaxed(&n->timer_hart, 0);
}

bool timer_room(const struct notification *n)
{
    const struct hart *h = hart_self();
    return load_relaxed(&h->timer_count) < TIMERS_PER_HART || load_relaxed(&n->timer_hart) == h->index + 1;
}

status_t timer_arm(struct notification *n, uint64_t deadline, uint64_t badge)
{
    struct hart *h = hart_self();
    status_t status = TN_OK;
    spin_lock(&h->timer_lock, RANK_TIMER);
    if (h->timer_count == TIMERS_PER_HART) {
        status = TN_NOT_ENOUGH_MEMORY;
    } else if (!compare_exchange_relaxed(&n->timer_hart, 0, h->index + 1)) {
        status = STATUS_RESTART; /* another hart armed it since we cancelled: the call starts again */
    } else {
        n->deadline = deadline;
        n->deadline_badge = badge;
        h->timer_count++;
        heap_settle(h, h->timer_count - 1, n);
        timer_program(h);
    }
    spin_unlock(&h->timer_lock, RANK_TIMER);
    return status;
}

void timer_cancel(struct notification *n)
{
    uint32_t where;
    while ((where = load_relaxed(&n->timer_hart)) != 0) {
        struct hart *at = hart_at(where - 1);
        spin_lock(&at->timer_lock, RANK_TIMER);
        if (load_relaxed(&n->timer_hart) == where)
            heap_remove(at, n); /* another hart's hardware may fire early for it, which does no harm */
        spin_unlock(&at->timer_lock, RANK_TIMER);
    }
}

void timer_interrupt(struct hart *h)
{
    uint64_t now = timer_now();
    /* At most the heap's capacity per interrupt: what is armed meanwhile waits for the next. */
    for (int budget = TIMERS_PER_HART; budget > 0; budget--) {
        spin_lock(&h->timer_lock, RANK_TIMER);
        struct notification *n = h->timer_count ? h->timers[0] : NULL;
        uint64_t badge = 0;
        if (n && n->deadline <= now) {
            badge = n->deadline_badge;
            heap_remove(h, n);
        } else {
            n = NULL;
        }
        spin_unlock(&h->timer_lock, RANK_TIMER);
        if (!n)
            break;
        notification_signal(n, badge);
    }
    if (h->slice_armed && h->slice_end <= now)
        sched_slice_over(h);
    spin_lock(&h->timer_lock, RANK_TIMER);
    timer_program(h);
    spin_unlock(&h->timer_lock, RANK_TIMER);
}

void timer_slice_start(struct hart *h)
{
    h->slice_end = timer_now() + platform.timebase_hz / SLICES_PER_SECOND;
    h->slice_armed = true;
    spin_lock(&h->timer_lock, RANK_TIMER);
    timer_program(h);
    spin_unlock(&h->timer_lock, RANK_TIMER);
}

void timer_slice_stop(struct hart *h)
{
    h->slice_armed = false; /* the interrupt that was set for it does no harm */
}

void timer_init_hart(void)
{
    timer_set_hardware(~0ull);
    csr_set(sie, SIE_STIE);
}
