/* Threads; see threads.h.
 *
 * A thread id is taken and given back under the client's lock; in between the thread is STARTING, and what its worker
 * does to it needs no lock. Called by request.c and process.c. */
#include "threads.h"
#include "frames.h"
#include "linux_errno.h"
#include "mmargs.h"
#include "panic.h"
#include <string.h>
#include <tenon/client.h>
#include <tenon/invoke_stubs.h>

#define STOP_TRIES 16 /* suspending waits until the thread is inactive; more than one try is not expected */

bool threads_make(struct worker *w, struct client *c)
{
    const uint64_t bytes = c->max_threads * sizeof(struct thread);

    memset(c->thread_page, 0, sizeof c->thread_page);
    for (uint64_t i = 0; i * TN_PAGE_BYTES < bytes; i++) {
        paddr_t page;
        bool zeroed;
        if (frames_get(w->ipc, w->index, &page, 1, &zeroed) != 1) {
            return false;
        }
        c->thread_page[i] = memset(port_frame(page), 0, TN_PAGE_BYTES);
    }
    c->threads_live = 0;
    return true;
}

void threads_free(struct worker *w, struct client *c)
{
    if (c->thread_page[0] == NULL) {
        return;
    }
    for (uint64_t i = 0; i < c->max_threads && c->thread_page[i * sizeof(struct thread) / TN_PAGE_BYTES] != NULL; i++) {
        uint64_t frame = thread_at(c, i)->ipc_frame;
        if (frame != 0) {
            ct_frame_put(&w->ct, (paddr_t){frame});
        }
    }
    for (uint64_t i = 0; i < sizeof c->thread_page / sizeof c->thread_page[0]; i++) {
        if (c->thread_page[i] != NULL) {
            frames_put(w->index, &(paddr_t){(uint64_t)c->thread_page[i] - TN_SERVER_FRAMES}, 1);
            c->thread_page[i] = NULL;
        }
    }
}

static bool hart_allowed(const struct client *c, uint64_t hart)
{
    return hart < 128 && (c->hart_mask[hart / 64] >> (hart % 64) & 1);
}

uint32_t thread_next_hart(struct client *c)
{
    lock_take(&c->lock);
    do {
        c->next_hart = c->next_hart + 1 < server.harts ? c->next_hart + 1 : 0;
    } while (!hart_allowed(c, c->next_hart));
    uint32_t hart = c->next_hart;
    lock_drop(&c->lock);
    return hart;
}

/* A free thread id, now STARTING; max_threads: there is none. Ids whose TCB exists come first in order of use. */
static uint32_t thread_claim(struct client *c)
{
    uint32_t tid = 0;

    lock_take(&c->lock);
    while (tid < c->max_threads && thread_at(c, tid)->state != THREAD_NONE && thread_at(c, tid)->state != THREAD_GONE) {
        tid++;
    }
    if (tid < c->max_threads) {
        thread_at(c, tid)->state = THREAD_STARTING;
        c->threads_live++;
    }
    lock_drop(&c->lock);
    return tid;
}

static void thread_unclaim(struct client *c, uint32_t tid)
{
    lock_take(&c->lock);
    thread_at(c, tid)->state = THREAD_GONE;
    c->threads_live--;
    lock_drop(&c->lock);
}

/* Put the thread's own frame where the client wants its IPC buffer. What was there is flushed before the frame takes its place, as
 * everywhere (cursor_before_map). Where the frame was before, for an earlier thread of this number, it stays until the client
 * unmaps it: two of the client's own addresses may show it, and through a TLB that is flushed late even an unmapped one. That
 * is the client's own affair: the frame is nobody else's before the client has ended and its space is flushed. */
static int64_t ipc_bind(struct worker *w, struct client *c, struct thread *t, uint64_t address)
{
    struct ct_cursor cursor;
    struct ct_page page;
    paddr_t frame = {t->ipc_frame};
    vaddr_t low = {address}, high = {address + TN_PAGE_BYTES};

    if (frame.v == 0) {
        if (ct_frame_get(&w->ct, true, &frame) != CT_OK) {
            return -LINUX_ENOMEM;
        }
        t->ipc_frame = frame.v;
    }
    enum ct_status status = cursor_lock(&w->ct, c->space, low, high, &cursor);
    if (status != CT_OK) {
        return args_errno(status);
    }
    cursor_query(&cursor, &page);
    bool there = page.kind == CT_MAPPED && page.frame.v == frame.v;
    bool usable =
        (page.kind == CT_MAPPED || page.kind == CT_ANON) && (page.rights & TN_READ) && (page.rights & TN_WRITE);
    if (usable && !there) {
        status = cursor_unmap(&cursor, TN_PAGE_BYTES);
        cursor_jump(&cursor, low);
        if (status == CT_OK) {
            status =
                cursor_map_borrowed(&cursor, frame, port_frame_cap(frame), port_frame_page(frame), TN_READ | TN_WRITE);
        }
    }
    cursor_unlock(&cursor);
    return usable ? args_errno(status) : -LINUX_EFAULT;
}

/* The TCB, and in the client's CSpace its notification. false: the kernel has no memory for it. */
static bool thread_make(struct client *c, uint32_t tid)
{
    tn_cptr_t cnode = client_cap(c, CONTROL_CNODE);
    uint32_t slot = CONTROL_FIRST_NTFN + c->max_threads + tid;

    if (tn_untyped_retype(c->objects_slot, TN_TCB, 0, c->control_slot, slot, 1) != TN_OK) {
        return false;
    }
    server_must(tn_tcb_set_space(client_tcb(c, tid), cnode, client_cap(c, CONTROL_VSPACE), server.gate),
                "thread's spaces");
    server_must(tn_cnode_mint(cnode, TN_CLIENT_NTFN_FIRST + tid, client_ntfn(c, tid), TN_READ | TN_WRITE, 1),
                "thread's notification");
    server_must(tn_tcb_set_badge(client_tcb(c, tid), BADGE_FAULT | (uint64_t)tid << 32 | client_badge(c)),
                "thread's badge");
    return true;
}

static bool write_regs(tn_cptr_t tcb, const struct thread_args *args)
{
    for (unsigned i = 0; i < STOP_TRIES; i++) {
        enum tn_error error = tn_tcb_write_regs(tcb, args->pc, args->sp, args->tp, args->a0);
        if (error == TN_OK) {
            return true;
        }
        if (error != TN_ILLEGAL_OPERATION) {
            server_panic("registers refused", error);
        }
    }
    return false;
}

static int64_t thread_start(struct worker *w, struct client *c, uint32_t tid, const struct thread_args *args,
                            uint32_t hart)
{
    struct thread *t = thread_at(c, tid);
    tn_cptr_t tcb = client_tcb(c, tid);
    int64_t error = ipc_bind(w, c, t, args->ipc_buffer);

    if (error != 0) {
        return error;
    }
    if (!t->made && !thread_make(c, tid)) {
        return -LINUX_ENOMEM;
    }
    __atomic_store_n(&t->made, 1, __ATOMIC_RELEASE); /* pairs with: ending_stop */
    if (!write_regs(tcb, args)) {
        return -LINUX_EAGAIN;
    }
    paddr_t frame = {t->ipc_frame};
    server_must(tn_tcb_set_buffer(tcb, port_frame_cap(frame), port_frame_page(frame), 1), "thread's buffer");
    server_must(tn_tcb_set_priority(tcb, (unsigned)args->priority), "thread's priority");
    server_must(tn_tcb_set_affinity(tcb, hart), "thread's hart");
    lock_take(&c->lock);
    t->state = THREAD_LIVE;
    server_must(tn_tcb_resume(tcb), "thread's start"); /* under the lock: thread_end must not come between */
    lock_drop(&c->lock);
    return tid;
}

int64_t thread_create(struct worker *w, struct client *c, const struct thread_args *args)
{
    struct thread_args a = *args;

    if (a.priority == 0) {
        a.priority = TN_PRIORITY_CLIENT;
    }
    if (a.priority > TN_PRIORITY_CLIENT_MAX) {
        return -LINUX_EPERM;
    }
    if ((a.hart != HART_ANY && !hart_allowed(c, a.hart)) || a.ipc_buffer % TN_PAGE_BYTES != 0 ||
        a.ipc_buffer >= ct_user_end()) {
        return -LINUX_EINVAL;
    }
    uint32_t tid = thread_claim(c);
    if (tid == c->max_threads) {
        return -LINUX_EAGAIN;
    }
    uint32_t hart = a.hart == HART_ANY ? thread_next_hart(c) : (uint32_t)a.hart;
    int64_t result = thread_start(w, c, tid, &a, hart);
    if (result < 0) {
        thread_unclaim(c, tid);
    }
    return result;
}

int64_t thread_end(struct client *c, uint64_t tid, bool *last)
{
    int64_t error = -LINUX_ESRCH;

    lock_take(&c->lock);
    if (tid < c->max_threads && thread_at(c, tid)->state == THREAD_LIVE) {
        server_must(tn_tcb_suspend(client_tcb(c, (uint32_t)tid)), "suspend refused");
        thread_at(c, tid)->state = THREAD_GONE;
        c->threads_live--;
        *last = c->threads_live == 0;
        error = 0;
    }
    lock_drop(&c->lock);
    return error;
}
