/* Threads of a client: create, join, detach, exit; mutex and condition variable over tenon/futex.h.
 *
 * A thread's stack, thread-local storage, its struct tn_thread and its IPC buffer are one mapping:
 *
 *     low                                                                      high
 *     | guard page | stack, grows down ... | TLS | struct tn_thread | IPC buffer page |
 *
 * Errors are errno values of the C library, returned as they are (as pthread functions do). pthread.h puts the usual
 * names on top.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <tenon/client.h>
#include <tenon/futex.h>
#include <tenon/message.h>

#define TN_HART_ANY (-1)
#define TN_STACK_BYTES_DEFAULT (256u << 10)
#define TN_STACK_BYTES_MIN (16u << 10)

struct tn_thread {
    struct tn_ipc_buffer *ipc_buffer; /* the thread's own */
    tn_cptr_t ntfn;                   /* its notification */
    uint32_t tid;                     /* 0 until the creator knows it */
    uint32_t life;                    /* joinable, detached, ... (threads.c) */
    uint32_t present;                 /* 1 until the memory manager says that the thread is gone */
    void *(*entry)(void *);
    void *argument;
    void *result;
    uint64_t map_low, map_bytes; /* the mapping; 0, 0: main thread */
};

/* The calling thread's record. Never NULL after start-up. */
struct tn_thread *tn_self(void);

/* What the memory manager told the program at its start. */
const struct tn_start *tn_start_info(void);

/* Start `entry(argument)` on `hart` (an index, or TN_HART_ANY: the manager chooses), with `stack_bytes` of stack (0:
 * the default). EAGAIN: no more threads allowed. ENOMEM: no memory. EINVAL: hart not among the client's, or a stack too
 * small. EIO: no memory manager. */
int tn_thread_create(struct tn_thread **thread, void *(*entry)(void *), void *argument, int hart, size_t stack_bytes);

/* Wait for the end of `thread`, take its result (may be NULL) and give its memory back. The result is the argument of
 * tn_thread_exit or what entry returned. EDEADLK: oneself. EINVAL: detached. One joiner only. */
int tn_thread_join(struct tn_thread *thread, void **result);

/* Nobody will join: the memory goes back by itself. EINVAL: detached already. */
int tn_thread_detach(struct tn_thread *thread);

/* End the calling thread. In the main thread: end the program as exit(0) does. */
_Noreturn void tn_thread_exit(void *result);

/* Mutex, not recursive. Zero: free. */
struct tn_mutex {
    uint32_t state; /* 0 free, 1 held, 2 held and perhaps waited for */
};
#define TN_MUTEX_INIT { 0 }

void tn_mutex_lock(struct tn_mutex *mutex);
int tn_mutex_trylock(struct tn_mutex *mutex); /* 0, or EBUSY */
void tn_mutex_unlock(struct tn_mutex *mutex);

/* Condition variable. Zero: no waiters. Waiters may wake for no reason. */
struct tn_cond {
    uint32_t sequence; /* counts signals */
};
#define TN_COND_INIT { 0 }

void tn_cond_wait(struct tn_cond *cond, struct tn_mutex *mutex);
/* 0, or ETIMEDOUT: `deadline` (tn_time() ticks) has passed. The mutex is held again in both cases. */
int tn_cond_wait_until(struct tn_cond *cond, struct tn_mutex *mutex, uint64_t deadline);
void tn_cond_signal(struct tn_cond *cond);
void tn_cond_broadcast(struct tn_cond *cond);

/* Run `function` once, whoever comes first; the others wait for its end. Zero: not yet run. */
struct tn_once {
    uint32_t state;
};
#define TN_ONCE_INIT { 0 }
void tn_once(struct tn_once *once, void (*function)(void));

/* For start.c alone. */
void tn_thread_main_init(const struct tn_start *start);
