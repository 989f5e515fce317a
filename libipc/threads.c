/* Threads (tenon/thread.h).
 *
 * Life of a thread, in `life`:
 *
 *     JOINABLE ---- detach ----> DETACHED     end: the manager unmaps the mapping after the thread is gone
 *         |
 *         +---- end or exit ---> ENDING       the manager only zeroes `present`; the joiner unmaps
 *
 * ENDING is published, and joiners are woken, by the ending thread itself, because the manager can write a word of the
 * client but cannot reach the futex queues. What is left then is one message's way to the manager: the joiner waits
 * for `present` to become 0 by yielding and short sleeps (tn_backoff). A detach that comes after ENDING does what a
 * joiner does.
 *
 * A new thread may run before its creator knows its id; it waits for that first, since its notification and its end
 * depend on it. No locks here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <tenon/atomic.h>
#include <tenon/mm.h>
#include <tenon/stdio.h>
#include <tenon/thread.h>
#include <tenon/tls.h>

#define PAGE_BYTES 4096ull

enum life { JOINABLE, DETACHED, ENDING };

static _Thread_local struct tn_thread *self;
static struct tn_thread main_thread;
static const struct tn_start *start_info;

struct tn_thread *tn_self(void)
{
    return self;
}

const struct tn_start *tn_start_info(void)
{
    return start_info;
}

void tn_thread_main_init(const struct tn_start *start)
{
    start_info = start;
    main_thread.ipc_buffer = (struct tn_ipc_buffer *)start->ipc_buffer;
    main_thread.ntfn = TN_CLIENT_NTFN_FIRST + start->main_tid;
    main_thread.tid = start->main_tid;
    main_thread.present = 1;
    self = &main_thread;
}

/* The first C function of a thread; tn_thread_entry (thread_entry.S) set gp. */
_Noreturn void tn_thread_begin(struct tn_thread *thread);

_Noreturn void tn_thread_begin(struct tn_thread *thread)
{
    uint32_t tid;

    while ((tid = tn_load_acquire(&thread->tid)) == 0) { /* pairs with: thread_start */
        tn_yield();
    }
    thread->ntfn = TN_CLIENT_NTFN_FIRST + tid;
    self = thread;
    tn_thread_exit(thread->entry(thread->argument));
}

void tn_thread_entry(void); /* thread_entry.S */

/* Place the parts in the mapping [low, low + bytes) and ask for a thread there. 0, or an error as tn_thread_create. */
static int thread_start(uint64_t low, uint64_t bytes, const struct tn_tls_image *tls, const struct tn_thread *model,
                        int hart, struct tn_thread **out)
{
    uint64_t buffer = low + bytes - PAGE_BYTES;
    struct tn_thread *thread = (struct tn_thread *)((buffer - sizeof *thread) & -64ull);
    uint64_t room = ((uint64_t)thread - tn_tls_bytes(tls)) & -16ull;
    uint64_t tp = tn_tls_make(tls, (void *)room);

    *thread = *model;
    thread->ipc_buffer = (struct tn_ipc_buffer *)buffer;
    thread->present = 1;
    thread->map_low = low;
    thread->map_bytes = bytes;
    int64_t tid = mm_thread_create((uint64_t)tn_thread_entry, room, tp, (uint64_t)thread,
                                   hart == TN_HART_ANY ? MM_HART_ANY : (uint64_t)hart, buffer, 0);
    if (mm_is_error(tid)) {
        return mm_errno_from_linux((int)-tid);
    }
    *out = thread; /* before the thread can go on: it may be what the thread looks at first */
    tn_store_release(&thread->tid, (uint32_t)tid); /* pairs with: tn_thread_begin */
    return 0;
}

int tn_thread_create(struct tn_thread **thread, void *(*entry)(void *), void *argument, int hart, size_t stack_bytes)
{
    struct tn_tls_image tls = {start_info->tls_image, start_info->tls_file_bytes, start_info->tls_mem_bytes,
                               start_info->tls_align};
    struct tn_thread model = {.entry = entry, .argument = argument, .life = JOINABLE};
    size_t stack = stack_bytes == 0 ? TN_STACK_BYTES_DEFAULT : stack_bytes;
    uint64_t low, bytes;

    if (stack < TN_STACK_BYTES_MIN || stack > SIZE_MAX / 2 || hart < TN_HART_ANY) {
        return EINVAL;
    }
    bytes = (stack + tn_tls_bytes(&tls) + sizeof model + 128 + PAGE_BYTES - 1) & -PAGE_BYTES;
    bytes += 2 * PAGE_BYTES; /* guard and IPC buffer */
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) {
        return errno;
    }
    low = (uint64_t)map;
    int error = mprotect(map, PAGE_BYTES, PROT_NONE) != 0 ? errno : 0;
    if (error == 0) {
        error = thread_start(low, bytes, &tls, &model, hart, thread);
    }
    if (error != 0) {
        (void)munmap(map, bytes);
    }
    return error;
}

/* Wait until the manager has taken the thread down, then give its memory back. */
static void thread_reap(struct tn_thread *thread)
{
    unsigned step = 0;

    while (tn_load_acquire(&thread->present) != 0) { /* pairs with: the manager's store, after the thread's last step */
        tn_backoff(&step);
    }
    (void)munmap((void *)thread->map_low, thread->map_bytes);
}

int tn_thread_join(struct tn_thread *thread, void **result)
{
    uint32_t life;

    if (thread == self) {
        return EDEADLK;
    }
    while ((life = tn_load_acquire(&thread->life)) == JOINABLE) { /* pairs with: tn_thread_exit */
        (void)tn_futex_wait(&thread->life, JOINABLE, TN_FOREVER);
    }
    if (life == DETACHED) {
        return EINVAL;
    }
    if (result != NULL) {
        *result = thread->result;
    }
    thread_reap(thread);
    return 0;
}

int tn_thread_detach(struct tn_thread *thread)
{
    uint32_t life = JOINABLE;

    if (tn_cas_acq_rel(&thread->life, &life, DETACHED)) { /* pairs with: tn_thread_exit */
        return 0;
    }
    if (life == DETACHED) {
        return EINVAL;
    }
    thread_reap(thread);
    return 0;
}

_Noreturn void tn_thread_exit(void *result)
{
    struct tn_thread *thread = self;

    if (thread->map_bytes == 0) {
        exit(0);
    }
    tn_stdio_flush();
    thread->result = result;
    uint32_t life = JOINABLE;
    if (tn_cas_acq_rel(&thread->life, &life, ENDING)) { /* pairs with: tn_thread_join, tn_thread_detach */
        (void)tn_futex_wake(&thread->life, ~0u);
        mm_thread_exit(thread->tid, 0, 0, (uint64_t)&thread->present);
    }
    mm_thread_exit(thread->tid, thread->map_low, thread->map_bytes, 0);
}
