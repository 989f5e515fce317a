/* Requests between harts: wake a thread, run a function, flush translations, or only be outside the kernel for a moment.
 *
 * Each hart has a box (hart.h). A poster adds its request under the box's lock and sends a software interrupt if the box was
 * empty. The owner serves the whole box when interrupted, which can only be in user mode or idle, and wherever it waits: in
 * ipi_wait() and while it spins for the CSpace lock. In those places it holds no pointer from a look-up. So having served
 * a box means: everything this hart looked up before is forgotten. That is what quiesce() builds on, and why fast paths
 * pay nothing for it.
 */
#pragma once
#include "hart.h"

struct tcb;

/* A function to run on another hart, on the poster's stack. It must not wait. */
struct hart_call {
    void (*run)(void *argument);
    void *argument;
    struct hart_call *next;
};

/* Harts to interrupt with one call of the firmware. All zero: none. */
struct ipi_burst {
    uint64_t base, mask; /* bit i: the hart with the firmware's number base + i */
};

typedef uint64_t ipi_ticket_t; /* 0: nothing to wait for */

void ipi_wake(struct hart *to, struct tcb *t); /* hands a WAKING thread to its home */
ipi_ticket_t ipi_post_call(struct hart *to, struct hart_call *call);
/* An idle hart is not interrupted: it serves its box before it runs user code again. The ticket is then 0. Interrupts to
 * the others are gathered in the burst, which must be sent before anything else is done. */
ipi_ticket_t ipi_post_flush(struct hart *to, struct flush_request r, struct ipi_burst *burst);
void ipi_burst_send(struct ipi_burst *burst);
ipi_ticket_t ipi_post_flush_everything(struct hart *to);
ipi_ticket_t ipi_post_fence_i(struct hart *to);
ipi_ticket_t ipi_post_nothing(struct hart *to);
void ipi_post_stop(struct hart *to); /* panic: no lock, no ticket */

/* Waits until `to` has served up to the ticket, serving one's own box meanwhile. Pointers from look-ups are dead after. */
void ipi_wait(struct hart *to, ipi_ticket_t ticket);
/* Serves one's own box. */
void ipi_serve(struct hart *h);
static inline bool ipi_pending(struct hart *h)
{
    return load_relaxed(&h->box.posted) != h->box.done;
}
/* Takes a lock that is held long (the CSpace lock), serving one's own box meanwhile, with the same consequence. */
void ipi_spin(struct spinlock *lock);
/* Serves one's own box in the middle of a system call that waits. */
void ipi_serve_waiting(void);
/* Runs `run(argument)` on hart `to`, this one included, and waits. */
void ipi_call(struct hart *to, void (*run)(void *), void *argument);

/* CSpace lock held. Returns when every other hart has been outside the kernel, twice: after the first time nobody can hold a pointer that was
 * looked up before; after the second, nothing that they had sent on to a third hart by then is still under way. */
void quiesce(void);
