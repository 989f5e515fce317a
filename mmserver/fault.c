/* Faults that ordinary.h could not serve; see fault.h. Called by worker.c. */
#include "fault.h"
#include "client.h"
#include "ending.h"
#include "ordinary.h"

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
