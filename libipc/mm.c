/* The client's side of the memory protocol: every function packs one request and unpacks its reply.
 *
 * No state and no locks; long requests use the calling thread's IPC buffer, which nobody else touches.
 */
#include <errno.h>
#include <tenon/client.h>
#include <tenon/mm.h>
#include <tenon/thread.h>

int mm_errno_from_linux(int linux_errno)
{
    switch (linux_errno) {
    case MM_LINUX_EDEADLK:
        return EDEADLK;
    case MM_LINUX_ENOSYS:
        return ENOSYS;
    case MM_LINUX_EOVERFLOW:
        return EOVERFLOW;
    case MM_LINUX_EMSGSIZE:
        return EMSGSIZE;
    case MM_LINUX_ENOTSUP: /* on Linux ENOTSUP and EOPNOTSUPP are one number; picolibc has two */
        return EOPNOTSUPP;
    case MM_LINUX_ETIMEDOUT:
        return ETIMEDOUT;
    default:
        return linux_errno;
    }
}

int64_t mm_result_of(tn_info_t info, uint64_t mr0)
{
    if (tn_msg_error(info) == TN_TRUNCATED_MESSAGE) {
        return -MM_LINUX_EMSGSIZE;
    }
    if (tn_info_label(info) != 0 || tn_info_words(info) == 0) {
        return -EIO;
    }
    return (int64_t)mr0;
}

int64_t mm_stat(uint64_t *counter, unsigned count)
{
    struct tn_ipc_buffer *buffer = tn_self()->ipc_buffer;
    struct tn_msg m = tn_call(TN_CLIENT_MM, tn_info(MM_STAT, 0, 1), 0, 0, 0, 0);
    int64_t result = mm_result(m);

    if (mm_is_error(result)) {
        return result;
    }
    for (unsigned i = 0; i < count; i++) {
        counter[i] = i + 1 < tn_info_words(m.info) ? tn_msg_word(&m, buffer, i + 1) : 0;
    }
    return result;
}

int64_t mm_thread_create(uint64_t pc, uint64_t sp, uint64_t tp, uint64_t a0, uint64_t hart, uint64_t ipc_buffer,
                         uint64_t priority)
{
    uint64_t word[] = {pc, sp, tp, a0, hart, ipc_buffer, priority};

    return mm_result(tn_call_words(tn_self()->ipc_buffer, TN_CLIENT_MM, MM_THREAD_CREATE, word, 7));
}

/* Where there is no manager left to end the thread: an illegal instruction, whose fault message reaches nobody. */
static _Noreturn void stop_without_manager(void)
{
    for (;;) {
        __asm__ volatile("unimp");
    }
}

_Noreturn void mm_thread_exit(uint64_t tid, uint64_t unmap_address, uint64_t unmap_bytes, uint64_t zero_word)
{
    (void)tn_call(TN_CLIENT_MM, tn_info(MM_THREAD_EXIT, 0, 4), tid, unmap_address, unmap_bytes, zero_word);
    stop_without_manager();
}

_Noreturn void mm_exit(uint64_t status)
{
    (void)tn_call(TN_CLIENT_MM, tn_info(MM_EXIT, 0, 1), status, 0, 0, 0);
    stop_without_manager();
}
