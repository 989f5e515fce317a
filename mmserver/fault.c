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

/* The right that the fault was about; 0: it was no page fault. */
static inline unsigned fault_right(tn_info_t info, uint64_t scause)
{
    if (tn_info_label(info) != TN_FAULT_VM) {
        return 0;
    }
    switch (scause) {
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

bool fault_serve(uint64_t badge, tn_info_t info, uint64_t pc, uint64_t address, uint64_t fetch, uint64_t scause,
                 struct worker *w)
{
    unsigned right = fault_right(info, scause);
    struct client *c = client_enter(w, (uint32_t)badge);
    enum ct_status status = CT_NOT_MAPPED;

    (void)pc;
    (void)fetch;
    if (__builtin_expect(c != NULL && right != 0, 1)) {
        ct_worker_begin(&w->ct);
        if (__builtin_expect(!w->ct.around, 1)) {
            status = ct_fault(&w->ct, c->space, (vaddr_t){address}, right, CT_RIDE, NULL);
        } else {
            status = ct_fault_around(&w->ct, c->space, (vaddr_t){address}, right, NULL);
        }
        ct_worker_end(&w->ct);
    }
    client_leave(w);
    return status == CT_OK;
}

void fault_fail(struct worker *w, const struct tn_msg *m, struct answer *a)
{
    unsigned right = fault_right(m->info, m->mr[3]);
    struct client *c = client_enter(w, (uint32_t)m->badge);
    enum ct_status status = CT_NOT_MAPPED;

    a->kind = ANSWER_REPLY;
    a->info = tn_info(1, 0, 0); /* the thread stays where it is */
    if (c == NULL) {
        return; /* it is being ended */
    }
    if (right != 0) {
        ct_worker_begin(&w->ct);
        status = ct_fault(&w->ct, c->space, (vaddr_t){m->mr[1]}, right, 0, NULL);
        ct_worker_end(&w->ct);
    }
    if (status == CT_OK) {
        a->info = tn_info(0, 0, 0); /* another thread has just mapped the page */
    } else {
        fault_ends_client(w, c, m, status);
    }
    client_leave(w);
}
