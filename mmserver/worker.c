/* Workers; see worker.h. Its loop is where docs/fault-path.md has hops 5 to 7.
 *
 * A fault costs two kernel entries of the worker's side: the message arrives as the result of the previous answer, and
 * the page-table write rides on this one's. */
#include "worker.h"
#include "admin.h"
#include "client.h"
#include "ending.h"
#include "fault.h"
#include "frames.h"
#include "ordinary.h"
#include "panic.h"
#include "request.h"
#include "selfmap.h"
#include "share.h"
#include "slots.h"
#include <tenon/invoke_stubs.h>

#define STACK_PAGES 8
#define RETYPE_AT_ONCE 512                    /* the kernel makes at most 1024 objects in one call */
#define STACK_SLOT_BYTES (16 * TN_PAGE_BYTES) /* the rest is a guard */

/* `count` objects in consecutive slots; the first one's, 0: too little memory. */
static uint32_t objects_make(enum tn_object type, unsigned size_bits, unsigned object_bits, uint32_t count)
{
    unsigned bits = TN_PAGE_BITS;

    while (1ull << bits < (uint64_t)count << object_bits) {
        bits++;
    }
    uint32_t untyped = share_objects_take(bits);
    uint32_t first = untyped != 0 ? slots_take(count) : 0;
    for (uint32_t done = 0; first != 0 && done < count; done += RETYPE_AT_ONCE) {
        uint32_t n = count - done < RETYPE_AT_ONCE ? count - done : RETYPE_AT_ONCE;
        server_must(tn_untyped_retype(untyped, type, size_bits, TN_SERVER_CNODE, first + done, n), "workers' objects");
    }
    return first;
}

static unsigned gate_bits(void)
{
    unsigned bits = 1;

    while (1u << bits < server.harts) {
        bits++;
    }
    return bits;
}

/* A worker's stack, with nothing mapped below it. Returns its top, 0: too little memory. */
static uint64_t stack_make(struct tn_ipc_buffer *ipc, unsigned index)
{
    uint64_t top = TN_SERVER_WORKERS + (index + 1) * STACK_SLOT_BYTES, low = top - STACK_PAGES * TN_PAGE_BYTES;
    void *memory = frames_heap(STACK_PAGES * TN_PAGE_BYTES);

    if (memory == NULL || !self_cover(ipc, low, STACK_PAGES * TN_PAGE_BYTES)) {
        return 0;
    }
    paddr_t frame = {(uint64_t)memory - TN_SERVER_FRAMES};
    self_map(ipc, low, port_frame_cap(frame), port_frame_page(frame), STACK_PAGES, TN_READ | TN_WRITE);
    return top;
}

/* The thread of a worker; hart 0's exists. */
static int thread_make(struct tn_ipc_buffer *ipc, struct worker *w)
{
    uint64_t stack = stack_make(ipc, w->index);

    w->ipc = frames_heap(TN_SERVER_IPC_PAGES * TN_PAGE_BYTES);
    if (stack == 0 || w->ipc == NULL) {
        return 0;
    }
    paddr_t buffer = {(uint64_t)w->ipc - TN_SERVER_FRAMES};
    server_must(tn_tcb_set_space(w->tcb, TN_SERVER_CNODE, TN_SERVER_VSPACE, TN_SERVER_FAULT), "worker's spaces");
    server_must(tn_tcb_set_buffer(w->tcb, port_frame_cap(buffer), port_frame_page(buffer), TN_SERVER_IPC_PAGES),
                "worker's buffer");
    server_must(tn_tcb_set_priority(w->tcb, TN_PRIORITY_WORKER), "worker's priority");
    server_must(tn_tcb_set_affinity(w->tcb, w->index), "worker's hart");
    server_must(tn_tcb_write_regs(w->tcb, (uint64_t)worker_entry, stack, 0, (uint64_t)w), "worker's registers");
    return 1;
}

int workers_make(struct tn_ipc_buffer *ipc)
{
    uint32_t endpoint = objects_make(TN_ENDPOINT, 0, TN_ENDPOINT_BITS, server.harts);
    uint32_t reply = objects_make(TN_REPLY, 0, TN_REPLY_BITS, server.harts * (1 + HELD_MAX));
    uint32_t tcb = objects_make(TN_TCB, 0, TN_TCB_BITS, server.harts);

    server.gate = objects_make(TN_GATE, gate_bits(), gate_bits() + TN_SLOT_BITS, 1);
    server.worker = frames_heap(server.harts * sizeof(struct worker *));
    if (endpoint == 0 || reply == 0 || tcb == 0 || server.gate == 0 || server.worker == NULL) {
        return 0;
    }
    for (unsigned i = 0; i < server.harts; i++) {
        struct worker *w = frames_heap(sizeof *w);
        if (w == NULL) {
            return 0;
        }
        server.worker[i] = w;
        w->index = i;
        w->endpoint = endpoint + i;
        w->reply = reply++;
        for (unsigned k = 0; k < HELD_MAX; k++) {
            w->held[k].reply = reply++;
        }
        w->tcb = i == 0 ? TN_SERVER_TCB : tcb + i;
        w->ipc = ipc;
        if (i != 0 && !thread_make(ipc, w)) {
            return 0;
        }
        server_must(tn_gate_set(server.gate, i, w->endpoint), "Gate");
        ct_worker_init(&w->ct, i, tn_batch(w->ipc), (uint32_t)tn_batch_bytes(TN_SERVER_IPC_PAGES));
    }
    return 1;
}

void workers_start(void)
{
    for (unsigned i = 1; i < server.harts; i++) {
        server_must(tn_tcb_resume(server.worker[i]->tcb), "worker's start");
    }
}

/* Receive without answering anybody. */
static struct tn_msg receive(struct worker *w)
{
    struct tn_msg m = tn_recv(w->endpoint, w->reply);

    if (tn_info_is_error(m.info)) {
        server_panic("cannot receive", tn_info_label(m.info));
    }
    return m;
}

/* There are jobs: answer, then one step of a job for each time that no message waits. */
static struct tn_msg answer_and_work(struct worker *w, const struct answer *a)
{
    ct_worker_settle(&w->ct); /* what would have ridden */
    if (a->kind != ANSWER_NONE) {
        (void)!tn_reply(w->reply, a->info, a->mr[0], a->mr[1], a->mr[2],
                        a->mr[3]); /* a caller that is gone needs none */
    }
    while (w->jobs != NULL) {
        struct tn_msg m = tn_nb_recv(w->endpoint, w->reply);
        if (!tn_info_is_error(m.info)) {
            return m;
        }
        ending_step(w);
    }
    return receive(w);
}

/* Answer and get the next message, in one kernel entry where there is nothing else to do. */
static inline struct tn_msg answer(struct worker *w, tn_info_t info, uint64_t m0, uint64_t m1, uint64_t m2, uint64_t m3)
{
    bool rides = ct_worker_rides(&w->ct); /* hop 7 */
    struct tn_msg m =
        tn_syscall(rides ? TN_SYS_PT_REPLY_RECV : TN_SYS_REPLY_RECV, w->endpoint, info, m0, m1, m2, m3, w->reply);

    if (__builtin_expect(tn_info_is_error(m.info), 0)) {
        if (rides) {
            server_panic("page-table write on a reply refused, run", w->ct.batch->failed_run);
        }
        return receive(w);
    }
    return m;
}

/* Any message, and the next one. */
static __attribute__((noinline)) struct tn_msg serve_specially(struct worker *w, const struct tn_msg *m)
{
    struct answer a = {0};

    if (m->badge & BADGE_FAULT) {
        fault_fail(w, m, &a);
    } else if (m->badge != 0) {
        request_serve(w, m, &a);
    } else {
        admin_serve(w, m, &a);
    }
    if (w->jobs != NULL || a.kind == ANSWER_NONE) {
        return answer_and_work(w, &a);
    }
    return answer(w, a.info, a.mr[0], a.mr[1], a.mr[2], a.mr[3]);
}

/* What most messages are is served with the message's words in registers; a copy is there should it prove special. */
_Noreturn void worker_main(struct worker *w)
{
    struct tn_msg m = receive(w);

    for (;;) {
        uint64_t badge = m.badge, m0 = m.mr[0], m1 = m.mr[1], m2 = m.mr[2], m3 = m.mr[3];
        tn_info_t info = m.info;
        const struct tn_msg copy = m;
        int64_t value = REQUEST_IS_SPECIAL;
        tn_info_t answered = 0;
        if (__builtin_expect(w->jobs == NULL, 1)) {
            value = ordinary_serve(w, badge, info, m0, m1, m2, m3, &answered);
        }
        if (__builtin_expect(value != REQUEST_IS_SPECIAL, 1)) {
            m = answer(w, answered, (uint64_t)value, 0, 0, 0);
        } else {
            m = serve_specially(w, &copy);
        }
    }
}
