/* Threads: their own slots, stopping them, and the invocations that act on a thread wherever it is.
 *
 * Every operation that touches the scheduling state runs on the thread's home hart; tcb_invoke() gets it there. The affinity
 * may change while a request is on its way, so each checks that it arrived at the right hart and is sent on otherwise.
 */
#include "tcb.h"
#include "cdt.h"
#include "endpoint.h"
#include "fp.h"
#include "ipi.h"
#include "notification.h"
#include "panic.h"
#include "reply.h"
#include "sched.h"
#include "syscall.h"
#include "vspace.h"
#include <string.h>
#include <tenon/invoke.h>

void tcb_init(struct tcb *t, struct hart *h)
{
    t->hart = h;
    t->vspace = &kernel_vspace;
}

/* ---- the thread's own slots (CSpace lock held) ---- */

void tcb_slot_removed(struct tcb *t, enum tcb_slot which)
{
    switch (which) {
    case TCB_CSPACE:
        store_relaxed(&t->root, 0);
        break;
    case TCB_VSPACE:
        store_relaxed(&t->vspace, &kernel_vspace);
        break;
    case TCB_BUFFER:
        store_relaxed(&t->buffer, 0);
        break;
    default:
        break;
    }
}

void tcb_slot_set(struct tcb *t, enum tcb_slot which, struct slot *source)
{
    struct slot *s = &t->slots[which];
    s->kind =
        SLOT_COPY; /* nothing is forgotten on removal: the thread may be running, and goes from old to new at once */
    cdt_remove(s);
    if (!source) {
        tcb_slot_removed(t, which);
        return;
    }
    struct cap c = {source->w0, source->w1};
    cdt_insert_derived(s, c, source, SLOT_OF_TCB + which);
    if (which == TCB_CSPACE)
        store_release(&t->root, cspace_root(cap_object(c), c.w1)); /* pairs with: the reader's dependent loads */
    else if (which == TCB_VSPACE)
        store_release(&t->vspace, (struct vspace *)cap_object(c));
}

void tcb_buffer_set(struct tcb *t, uint64_t first, uint64_t pages)
{
    struct cap c = {t->slots[TCB_BUFFER].w0, t->slots[TCB_BUFFER].w1};
    store_release(&t->buffer, ((uint64_t)cap_object(c) + (first << TN_PAGE_BITS)) | pages);
}

void tcb_reload(struct tcb *t)
{
    struct hart *h = hart_self(), *home = load_relaxed(&t->hart);
    if (home == h) {
        if (h->current == t && t->vspace->satp != h->satp)
            vspace_switch(h, t->vspace);
    } else {
        ipi_post_nothing(home); /* serving its box, a hart compares satp with its current thread's */
    }
}

/* ---- stopping and starting, on the home hart ---- */

/* Takes a thread that is READY off its hart: out of the queue, or off the CPU. */
static void unready(struct hart *h, struct tcb *t)
{
    if (h->current == t)
        h->current = NULL;
    else
        sched_dequeue(h, t);
    t->state = THREAD_INACTIVE;
}

/* A system call that was cancelled while it waited starts again when the thread is resumed. What it did before it waited is
 * not done twice: the reply object has no caller any more, the batch no runs. */
static void restart_cancelled(struct tcb *t)
{
    if (t->fault_label == 0)
        t->x[REG_PC] -= 4;
    t->fault_label = 0;
    t->stop = false;
}

void tcb_stop(struct tcb *t)
{
    bool cancelled;
    uint8_t state = load_acquire(&t->state); /* pairs with: the lock under which a waker sets WAKING */
    fp_forget(hart_self(), t);
    switch (state) {
    case THREAD_READY:
        unready(hart_self(), t);
        tcb_long_over(t);
        return;
    case THREAD_BLOCKED_SEND:
    case THREAD_BLOCKED_RECV:
        cancelled = endpoint_cancel(t);
        break;
    case THREAD_BLOCKED_NTFN:
        cancelled = notification_cancel(t);
        break;
    case THREAD_BLOCKED_REPLY:
        cancelled = reply_cancel(t);
        break;
    case THREAD_WAKING:
        cancelled = false;
        break;
    default:
        return;
    }
    if (cancelled)
        restart_cancelled(t);
    else
        t->stop = true; /* it is on its way home */
}

/* What a request to a thread's home hart carries. */
struct tcb_request {
    struct tcb *target;
    uint64_t label;
    uint64_t arg[4];
    uint64_t result[32];
    uint32_t result_words;
    status_t status;
    bool arrived;
};

static void request_stop(void *argument)
{
    struct tcb_request *q = argument;
    if (q->target->hart != hart_self())
        return;
    tcb_stop(q->target);
    q->arrived = load_acquire(&q->target->state) == THREAD_INACTIVE;
}

/* CSpace lock held: the thread cannot go away while this waits. */
void tcb_stop_anywhere(struct tcb *t)
{
    struct tcb_request q = {.target = t};
    while (!q.arrived) {
        ipi_call(load_acquire(&t->hart), request_stop, &q);
        ipi_serve_waiting(); /* it may be on its way to this very hart */
    }
}

static void set_priority(struct hart *h, struct tcb *t, uint8_t priority)
{
    bool queued = t->state == THREAD_READY && h->current != t;
    if (queued)
        sched_dequeue(h, t);
    t->priority = priority;
    if (queued)
        sched_enqueue_last(h, t);
    h->resched = true;
}

/* Moves the thread to another hart. After the store to t->hart nothing of it is touched here. */
static status_t set_affinity(struct hart *h, struct tcb *t, uint64_t index)
{
    struct hart *to = hart_at(index);
    if (to == h)
        return TN_OK;
    if (load_acquire(&t->state) == THREAD_READY) {
        fp_forget(h, t);
        unready(h, t);
        t->state = THREAD_WAKING;
        store_release(&t->hart, to); /* pairs with: tcb_invoke */
        ipi_wake(to, t);
        return TN_OK;
    }
    fp_forget(h, t);
    store_release(&t->hart,
                  to); /* pairs with: tcb_invoke. A waker that still sees this hart is sent on by ipi_serve. */
    return TN_OK;
}

static status_t resume(struct hart *h, struct tcb *t)
{
    if (load_acquire(&t->state) == THREAD_INACTIVE)
        sched_arrive(h, t);
    else
        t->stop = false;
    return TN_OK;
}

static status_t read_regs(struct tcb_request *q)
{
    uint64_t first = q->arg[0], count = q->arg[1];
    if (first >= 32 || count > 32 - first)
        return TN_RANGE_ERROR;
    for (uint64_t i = 0; i < count; i++)
        q->result[i] = q->target->x[first + i];
    q->result_words = count;
    return TN_OK;
}

static status_t write_regs(struct tcb_request *q)
{
    struct tcb *t = q->target;
    if (load_acquire(&t->state) != THREAD_INACTIVE)
        return TN_ILLEGAL_OPERATION;
    for (int i = 0; i < 32; i++)
        t->x[i] = 0;
    t->x[REG_PC] = q->arg[0];
    t->x[REG_SP] = q->arg[1];
    t->x[REG_TP] = q->arg[2];
    t->x[REG_A0] = q->arg[3];
    fp_forget(hart_self(), t);
    memset(t->f, 0, sizeof t->f);
    t->fcsr = 0;
    return TN_OK;
}

static status_t write_reg(struct tcb_request *q)
{
    if (q->arg[0] >= 32)
        return TN_RANGE_ERROR;
    uint8_t state = load_acquire(&q->target->state);
    if (state == THREAD_READY || state == THREAD_WAKING)
        return TN_ILLEGAL_OPERATION;
    q->target->x[q->arg[0]] = q->arg[1];
    return TN_OK;
}

static void request_invoke(void *argument)
{
    struct tcb_request *q = argument;
    struct hart *h = hart_self();
    struct tcb *t = q->target;
    q->arrived = t->hart == h;
    if (!q->arrived)
        return;
    q->status = TN_OK;
    switch (q->label) {
    case TN_TCB_SET_PRIORITY:
        set_priority(h, t, q->arg[0]);
        break;
    case TN_TCB_SET_AFFINITY:
        q->status = set_affinity(h, t, q->arg[0]);
        break;
    case TN_TCB_WRITE_REGS:
        q->status = write_regs(q);
        break;
    case TN_TCB_READ_REGS:
        q->status = read_regs(q);
        break;
    case TN_TCB_WRITE_REG:
        q->status = write_reg(q);
        break;
    case TN_TCB_RESUME:
        q->status = resume(h, t);
        break;
    case TN_TCB_SUSPEND:
        tcb_stop(t);
        if (load_acquire(&t->state) != THREAD_INACTIVE)
            q->status = STATUS_RESTART; /* on its way home: look again */
        break;
    case TN_TCB_SET_BADGE:
        t->fault_badge = q->arg[0];
        break;
    default:
        q->status = TN_ILLEGAL_OPERATION;
    }
}

status_t tcb_invoke(struct tcb *caller, struct tcb *t, uint64_t label)
{
    struct tcb_request q = {.target = t, .label = label};
    for (int i = 0; i < 4; i++)
        q.arg[i] = caller->x[REG_A2 + i];
    if (label == TN_TCB_SET_PRIORITY && q.arg[0] >= TN_PRIORITIES)
        return error_range(caller, 0, TN_PRIORITIES - 1);
    if (label == TN_TCB_SET_PRIORITY && q.arg[0] > caller->priority)
        return error_argument(caller, 1);
    if (label == TN_TCB_SET_AFFINITY && q.arg[0] >= hart_count)
        return error_range(caller, 0, hart_count - 1);
    if (label == TN_TCB_READ_REGS && q.arg[1] > TN_MSG_REG_WORDS && load_relaxed(&caller->buffer) == 0)
        return TN_TRUNCATED_MESSAGE;
    /* Done to oneself, stopping takes effect after the call has completed. */
    if (t == caller && (label == TN_TCB_SUSPEND || label == TN_TCB_SET_AFFINITY))
        syscall_complete(caller, TN_OK, 0);
    ipi_call(load_acquire(&t->hart), request_invoke, &q);
    if (!q.arrived || hart_self()->current != caller)
        return STATUS_RESTART; /* it moved meanwhile; or nobody looks at the result */
    if (q.status == TN_RANGE_ERROR)
        return error_range(caller, 0, 31); /* register numbers */
    if (q.status == TN_OK && q.result_words != 0)
        syscall_results(caller, q.result, q.result_words);
    return q.status;
}
