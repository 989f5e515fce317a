/* Faults; see fault.h. Called by worker.c. docs/fault-path.md, hops 5 and 6.
 *
 * A page fault that can be served is one transaction of the core, whose one page-table write rides on the reply: after
 * ct_fault() nothing may be done but leaving the client and the epoch (corten/worker.h, "Riding"). */
#include "fault.h"
#include "client.h"
#include "ending.h"
#include <tenon/fault.h>

#define SCAUSE_FETCH 12 /* page faults; privileged specification, "scause" */
#define SCAUSE_LOAD 13
#define SCAUSE_STORE 15

static void answer_fault(struct answer *a, enum answer_kind kind, uint64_t label)
{
    a->kind = kind;
    a->info = tn_info(label, 0, 0);
}

/* The right that the fault was about; 0: it was no page fault. */
static unsigned fault_right(const struct tn_msg *m)
{
    if (tn_info_label(m->info) != TN_FAULT_VM) {
        return 0;
    }
    switch (m->mr[3]) {
    case SCAUSE_FETCH:
        return TN_EXEC;
    case SCAUSE_LOAD:
        return TN_READ;
    case SCAUSE_STORE:
        return TN_WRITE;
    default:
        return 0; /* access fault */
    }
}

static uint64_t fault_reason(enum ct_status status)
{
    switch (status) {
    case CT_DENIED:
        return FAULT_DENIED;
    case CT_NO_MEMORY:
        return FAULT_NO_MEMORY;
    case CT_QUOTA:
        return FAULT_QUOTA;
    default:
        return FAULT_NOT_MAPPED;
    }
}

static __attribute__((noinline)) void fault_ends_client(struct worker *w, struct client *c, const struct tn_msg *m,
                                                        enum ct_status status)
{
    struct client_end end = {
        .how = MM_END_FAULT,
        .status = tn_info_label(m->info),
        .pc = m->mr[0],
        .address = m->mr[1],
        .scause = m->mr[3],
        .reason = fault_reason(status),
    };

    (void)ending_begin(w, c, &end);
}

void fault_serve(struct worker *w, const struct tn_msg *m, struct answer *a)
{
    struct client *c = client_enter(w, (uint32_t)m->badge);
    unsigned right = fault_right(m);
    enum ct_status status = CT_NOT_MAPPED;

    if (__builtin_expect(c == NULL, 0)) { /* it is being ended: the thread stays where it is */
        answer_fault(a, ANSWER_REPLY, 1);
        return;
    }
    if (__builtin_expect(right != 0, 1)) {
        ct_worker_begin(&w->ct);
        if (__builtin_expect(!w->ct.around, 1)) {
            status = ct_fault(&w->ct, c->space, (vaddr_t){m->mr[1]}, right, CT_RIDE, NULL);
        } else {
            status = ct_fault_around(&w->ct, c->space, (vaddr_t){m->mr[1]}, right, NULL);
        }
        ct_worker_end(&w->ct);
        if (__builtin_expect(status == CT_OK, 1)) {
            client_leave(w);
            answer_fault(a, ct_worker_rides(&w->ct) ? ANSWER_RIDE : ANSWER_REPLY, 0);
            return;
        }
    }
    fault_ends_client(w, c, m, status);
    client_leave(w);
    answer_fault(a, ANSWER_REPLY, 1);
}
