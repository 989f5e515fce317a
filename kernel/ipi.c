/* Requests between harts. See ipi.h.
 *
 * Locks: box.lock (RANK_IPIBOX) of the receiving hart, for a few stores. Served requests run without it.
 */
#include "ipi.h"
#include "csr.h"
#include "fence.h"
#include "flushcheck.h"
#include "flushsite.h"
#include "panic.h"
#include "sbi.h"
#include "sched.h"
#include "shootdown.h"
#include "vspace.h"

static void box_open(struct hart *to)
{
    spin_lock(&to->box.lock, RANK_IPIBOX);
}

void ipi_burst_send(struct ipi_burst *burst)
{
    if (burst->mask != 0)
        sbi_send_ipis(burst->mask, burst->base);
    burst->mask = 0;
}

static void burst_add(struct ipi_burst *burst, uint64_t hartid)
{
    if (burst->mask != 0 && hartid - burst->base >= 64)
        ipi_burst_send(burst);
    if (burst->mask == 0)
        burst->base = hartid;
    burst->mask |= 1ull << (hartid - burst->base);
}

/* Counts the request just added, and interrupts the owner unless it has been since it last looked. An idle owner is left alone
 * where the request is the flush `spare`: it sees it when it leaves its idle loop, either before or after we see it idle. */
static ipi_ticket_t box_close(struct hart *to, const struct flush_request *spare, struct ipi_burst *burst)
{
    struct ipi_box *box = &to->box;
    ipi_ticket_t ticket = box->posted + 1;
    store_relaxed(&box->posted, ticket);
    fence_rw(); /* pairs with: sched.c, idle */
    bool spared = spare && load_relaxed(&to->idle) != 0;
    bool interrupt = !spared && !box->interrupted;
    box->interrupted |= interrupt;
    if (spared)
        flushlog_promise(to, *spare);
    spin_unlock(&box->lock, RANK_IPIBOX);
    if (interrupt)
        burst_add(burst, to->hartid);
    return spared ? 0 : ticket;
}

static ipi_ticket_t box_close_alone(struct hart *to)
{
    struct ipi_burst burst = {0, 0};
    ipi_ticket_t ticket = box_close(to, NULL, &burst);
    ipi_burst_send(&burst);
    return ticket;
}

void ipi_wake(struct hart *to, struct tcb *t)
{
    t->next = NULL;
    box_open(to);
    if (to->box.wake_last)
        to->box.wake_last->next = t;
    else
        to->box.wake_first = t;
    to->box.wake_last = t;
    box_close_alone(to);
}

ipi_ticket_t ipi_post_call(struct hart *to, struct hart_call *call)
{
    call->next = NULL;
    box_open(to);
    struct hart_call **last = &to->box.calls; /* oldest first; at most one from each other hart */
    while (*last)
        last = &(*last)->next;
    *last = call;
    return box_close_alone(to);
}

ipi_ticket_t ipi_post_flush(struct hart *to, struct flush_request r, struct ipi_burst *burst)
{
    box_open(to);
    if (to->box.flush_count < FLUSH_RING)
        to->box.flush[to->box.flush_count++] = r;
    else if (!flush_left_out(FLUSH_RING_OVERFLOW))
        to->box.flush_everything = true;
    return box_close(to, &r, burst);
}

ipi_ticket_t ipi_post_flush_everything(struct hart *to)
{
    box_open(to);
    to->box.flush_everything = true;
    return box_close_alone(to);
}

ipi_ticket_t ipi_post_fence_i(struct hart *to)
{
    box_open(to);
    to->box.fence_i = true;
    return box_close_alone(to);
}

ipi_ticket_t ipi_post_nothing(struct hart *to)
{
    box_open(to);
    return box_close_alone(to);
}

void ipi_post_stop(struct hart *to)
{
    store_relaxed(&to->box.stop, true);
    sbi_send_ipi(to->hartid);
}

/* Threads that were handed over: home is here, or they have been moved on. */
static void serve_wakes(struct hart *h, struct tcb *t)
{
    while (t) {
        struct tcb *next = t->next;
        sched_wake(h, t);
        t = next;
    }
}

static void serve_flushes(const struct ipi_box *box)
{
    if (box->flush_everything && !flush_left_out(FLUSH_SERVE_EVERYTHING))
        flush_local((struct flush_request){0, {0}, 0});
    else if (!box->flush_everything && !flush_left_out(FLUSH_SERVE_RANGES))
        for (uint32_t i = 0; i < box->flush_count; i++)
            flush_local(box->flush[i]);
    if (box->fence_i)
        fence_instruction();
}

/* The current thread's space may have lost its root, or been replaced. */
static void serve_space(struct hart *h)
{
    struct vspace *v = h->current ? load_acquire(&h->current->vspace) : &kernel_vspace;
    if (load_relaxed(&v->satp) != h->satp)
        vspace_switch(h, v);
}

void ipi_serve(struct hart *h)
{
    if (unlikely(load_relaxed(&h->box.stop)))
        panic_stop();
    while (ipi_pending(h)) {
        csr_clear(sip, SIE_SSIE);
        box_open(h);
        struct ipi_box taken = h->box;
        h->box.wake_first = h->box.wake_last = NULL;
        h->box.calls = NULL;
        h->box.flush_count = 0;
        h->box.flush_everything = h->box.fence_i = h->box.interrupted = false;
        spin_unlock(&h->box.lock, RANK_IPIBOX);

        serve_wakes(h, taken.wake_first);
        for (struct hart_call *c = taken.calls, *next; c; c = next) {
            next = c->next;
            c->run(c->argument);
        }
        serve_space(h);
        serve_flushes(&taken);
        store_release(&h->box.done, taken.posted); /* pairs with: ipi_wait */
    }
}

/* While it waits, the hart may be made to stop the thread whose system call this is. Then the call must look as if it had not
 * begun, so that it starts again when the thread is resumed. */
static struct tcb *wait_begin(struct hart *h)
{
    struct tcb *t = h->current;
    if (t)
        t->x[REG_PC] -= 4;
    return t;
}
static void wait_end(struct hart *h, struct tcb *t)
{
    if (t && h->current == t)
        t->x[REG_PC] += 4;
}

void ipi_wait(struct hart *to, ipi_ticket_t ticket)
{
    struct hart *h = hart_self();
    struct tcb *t = wait_begin(h);
    while (load_acquire(&to->box.done) < ticket) { /* pairs with: ipi_serve */
        ipi_serve(h);
        cpu_relax();
    }
    wait_end(h, t);
}

void ipi_serve_waiting(void)
{
    struct hart *h = hart_self();
    struct tcb *t = wait_begin(h);
    ipi_serve(h);
    wait_end(h, t);
}

void ipi_spin(struct spinlock *lock)
{
    struct hart *h = hart_self();
    struct tcb *t = wait_begin(h);
    while (exchange_acquire(&lock->held, 1) != 0) /* pairs with: spin_unlock */
        while (load_relaxed(&lock->held) != 0) {
            ipi_serve(h);
            cpu_relax();
        }
    wait_end(h, t);
}

void ipi_call(struct hart *to, void (*run)(void *), void *argument)
{
    if (to == hart_self()) {
        run(argument);
        return;
    }
    struct hart_call call = {run, argument, NULL};
    ipi_wait(to, ipi_post_call(to, &call));
}

/* Is the hart in its idle loop with nothing to serve? Then it has forgotten all look-ups, and what this hart wrote before is seen
 * by that one when it leaves the loop (fence_rw in sched.c, idle: either it sees our writes, or we see it busy). */
static bool hart_is_outside(struct hart *to)
{
    fence_rw(); /* pairs with: sched.c, idle */
    return load_acquire(&to->idle) != 0 && load_relaxed(&to->box.posted) == load_relaxed(&to->box.done);
}

static void quiesce_once(void)
{
    static ipi_ticket_t tickets[TN_HARTS_MAX]; /* guarded by the CSpace lock */
    struct hart *h = hart_self();
    for (uint32_t i = 0; i < hart_count; i++) {
        struct hart *to = hart_at(i);
        tickets[i] = to == h || hart_is_outside(to) ? 0 : ipi_post_nothing(to);
    }
    for (uint32_t i = 0; i < hart_count; i++)
        ipi_wait(hart_at(i), tickets[i]);
}

void quiesce(void)
{
    quiesce_once();
    quiesce_once();
    ipi_serve_waiting();
    serve_space(hart_self());
}
