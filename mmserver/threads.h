/* Threads of clients: kernel TCBs made on demand, at most max_threads a client, used again after their end. */
#pragma once
#include "client.h"

#define HART_ANY (~0ull)

struct thread_args {
    uint64_t pc, sp, tp, a0;
    uint64_t hart;       /* HART_ANY: the next one of the client's */
    uint64_t ipc_buffer; /* address of a page that the client may read and write */
    uint64_t priority;   /* 0: that of clients */
};

/* Records for c->max_threads threads. false: no memory. */
bool threads_make(struct worker *w, struct client *c);

/* The threads are gone from the kernel: frames and records go back. Between ct_worker_begin and _end. */
void threads_free(struct worker *w, struct client *c);

static inline struct thread *thread_at(const struct client *c, uint64_t tid)
{
    const uint64_t per_page = TN_PAGE_BYTES / sizeof(struct thread);
    return &c->thread_page[tid / per_page][tid % per_page];
}

/* Make a thread and let it run. Its IPC buffer page becomes a frame that the server keeps for this thread id, since the
 * kernel writes messages there whatever the client does to the mapping; what was on the page is lost. The thread id, or
 *   -EINVAL   hart not one of the client's; misaligned buffer        -EPERM   priority above the clients' limit
 *   -EFAULT   the buffer's page is not readable and writable         -EAGAIN  max_threads are there already
 *   -ENOMEM
 * Between ct_worker_begin and _end. */
int64_t thread_create(struct worker *w, struct client *c, const struct thread_args *args);

/* Stop thread `tid` for good; its id may be used again. *last: it was the client's last one. 0, or -ESRCH. */
int64_t thread_end(struct client *c, uint64_t tid, bool *last);

/* The hart that the next thread goes to, of those in the client's mask. */
uint32_t thread_next_hart(struct client *c);
