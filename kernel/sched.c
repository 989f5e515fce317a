/* Scheduling. See sched.h.
 *
 * Invariants: bit p of ready_bits is set if ready_first[p] is not NULL; a bit without a thread is a mark: the slice of whoever
 * runs at the next priority below is over. The current thread is in no queue and READY; the slice clock runs whenever some
 * thread is ready. It goes on through hand-overs: the caller's time slice goes along.
 *
 * The mark is for slices that end while a server, above its client, runs on them. It refuses the client the direct way back (no
 * thread may be above), costs that way nothing, and is gone as soon as a thread of that priority is chosen: the client comes
 * behind its equals. A client that does nothing but call would keep them from running for ever.
 * Locks: none; every structure here belongs to the hart.
 */
#include "sched.h"
#include "csr.h"
#include "flushcheck.h"
#include "fp.h"
#include "ipi.h"
#include "mmu.h"
#include "timer.h"
#include "trap.h"
#include "vspace.h"

void sched_enqueue_last(struct hart *h, struct tcb *t)
{
    uint32_t p = t->priority;
    t->state = THREAD_READY;
    t->next = NULL;
    t->prev = h->ready_last[p];
    if (t->prev)
        t->prev->next = t;
    else
        h->ready_first[p] = t;
    h->ready_last[p] = t;
    h->ready_bits |= 1ull << p;
}

void sched_enqueue_first(struct hart *h, struct tcb *t)
{
    uint32_t p = t->priority;
    t->state = THREAD_READY;
    t->prev = NULL;
    t->next = h->ready_first[p];
    if (t->next)
        t->next->prev = t;
    else
        h->ready_last[p] = t;
    h->ready_first[p] = t;
    h->ready_bits |= 1ull << p;
}

void sched_dequeue(struct hart *h, struct tcb *t)
{
    uint32_t p = t->priority;
    if (t->prev)
        t->prev->next = t->next;
    else
        h->ready_first[p] = t->next;
    if (t->next)
        t->next->prev = t->prev;
    else
        h->ready_last[p] = t->prev;
    if (!h->ready_first[p])
        h->ready_bits &= ~(1ull << p);
}

/* A thread has come home, or never left: make it ready, unless it was stopped on the way. */
void sched_arrive(struct hart *h, struct tcb *t)
{
    if (unlikely(t->stop)) {
        t->stop = false;
        t->state = THREAD_INACTIVE;
        return;
    }
    sched_enqueue_last(h, t);
    if (!h->current || t->priority > h->current->priority)
        h->resched = true;
    else if (!h->slice_armed)
        timer_slice_start(h);
}

void sched_wake(struct hart *h, struct tcb *t)
{
    if (likely(load_acquire(&t->hart) == h)) /* pairs with: set_affinity */
        sched_arrive(h, t);
    else
        ipi_wake(t->hart, t);
}

void sched_switch(struct hart *h, struct tcb *t)
{
    t->state = THREAD_READY;
    h->current = t;
    /* A reservation of the thread before must not let a store-conditional of this one succeed. */
    __asm__ volatile("sc.d zero, %1, %0" : "+A"(t->x[REG_PC]) : "r"(t->x[REG_PC]));
    if (unlikely(h->fp_owner != NULL))
        fp_switch(h, t);
    if (load_relaxed(&t->vspace->satp) != h->satp)
        vspace_switch(h, t->vspace);
}

/* hop 4, to the worker; hop 9, back to the client. */
void sched_hand_over(struct hart *h, struct tcb *t)
{
    if (likely(sched_none_above(h, t->priority) && !t->stop)) {
        sched_switch(h, t);
        return;
    }
    sched_arrive(h, t);
}

void sched_yield(struct hart *h)
{
    struct tcb *t = h->current;
    h->current = NULL;
    sched_enqueue_last(h, t);
}

void sched_slice_over(struct hart *h)
{
    h->slice_armed = false;
    const struct tcb *t = h->current;
    if (!t || h->ready_bits == 0)
        return;
    if (h->ready_first[t->priority]) {
        sched_yield(h);
        return;
    }
    int top = sched_top(h);
    if (top < (int)t->priority && h->ready_first[top])
        h->ready_bits |= 1ull << (top + 1); /* the mark */
    timer_slice_start(h);
}

/* Nothing is ready: wait for an interrupt. `idle` is set around the wfi alone: then others need not wait for this hart, it
 * holds no pointer from a look-up, and before it runs user code again it serves its box. */
static void idle(struct hart *h)
{
    if (h->satp != kernel_satp)
        vspace_switch(h, &kernel_vspace);
    timer_slice_stop(h);
    while (h->ready_bits == 0) {
        store_release(&h->idle, 1); /* pairs with: hart_is_outside */
        fence_rw();                 /* pairs with: box_close */
        if (!ipi_pending(h))
            __asm__ volatile("wfi");
        store_relaxed(&h->idle, 0);
        fence_rw(); /* pairs with: hart_is_outside, box_close */
        ipi_serve(h);
        trap_poll_interrupts(h);
    }
    ipi_serve(h);
    flushlog_idle_over(h);
}

struct tcb *sched_choose(struct hart *h)
{
    h->resched = false;
    struct tcb *t = h->current;
    if (t) {
        int top = sched_top(h);
        if (top > t->priority) {
            h->current = NULL;
            sched_enqueue_first(h, t);
        }
    }
    while (!h->current) {
        int top = sched_top(h);
        if (top < 0) {
            if (h->fp_owner)
                fp_switch(h, NULL);
            idle(h);
            continue;
        }
        t = h->ready_first[top];
        if (unlikely(!t)) { /* a mark: from here on a new slice */
            h->ready_bits &= ~(1ull << top);
            h->slice_armed = false;
            continue;
        }
        sched_dequeue(h, t);
        sched_switch(h, t);
    }
    h->resched = false;
    if (h->ready_bits != 0 && !h->slice_armed)
        timer_slice_start(h);
    return h->current;
}

void sched_start(void)
{
    struct hart *h = hart_self();
    trap_return(sched_choose(h));
}
