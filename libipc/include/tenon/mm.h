/* The client's side of the memory protocol (tenon/mm_protocol.h), one function per request.
 *
 * Results are the manager's: a value, or -errno with Linux's numbers (mm_errno_from_linux turns them into the C
 * library's, which differ above 34). Nothing is checked here: the manager decides.
 * When the manager did not answer:
 *     -EIO       it is gone, or answered what the protocol does not know
 *     -EMSGSIZE  (Linux's 90) the message is longer than a message can be, or needs an IPC buffer and there is none
 * All block until the manager has answered; none takes a lock.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <tenon/client.h>
#include <tenon/ipc.h>
#include <tenon/mm_protocol.h>

/* Linux's numbers of those errors that have another one in the C library. */
#define MM_LINUX_EDEADLK 35
#define MM_LINUX_ENOSYS 38
#define MM_LINUX_EOVERFLOW 75
#define MM_LINUX_EMSGSIZE 90
#define MM_LINUX_ENOTSUP 95
#define MM_LINUX_ETIMEDOUT 110

#define MM_HART_ANY (~0ull)

/* Errno of the C library for Linux's (positive) one. Unknown numbers stay as they are. */
int mm_errno_from_linux(int linux_errno);

/* What the reply `m` to a request says: MR0, or -EIO or -EMSGSIZE as above. The second: one that is not as most are. */
int64_t mm_result_of(tn_info_t info, uint64_t mr0);
TN_INLINE int64_t mm_result(struct tn_msg m)
{
    return __builtin_expect(m.info == tn_info(0, 0, 1), 1) ? (int64_t)m.mr[0] : mm_result_of(m.info, m.mr[0]);
}

/* MM_MAP: the address, or -errno (-4095 .. -1; mm_is_error). Bytes; prot and flags as in sys/mman.h. */
TN_INLINE int64_t mm_map(uint64_t hint, uint64_t length_bytes, int prot, int flags)
{
    return mm_result(tn_call(TN_CLIENT_MM, tn_info(MM_MAP, 0, 4), hint, length_bytes, (uint32_t)prot, (uint32_t)flags));
}
TN_INLINE int64_t mm_unmap(uint64_t address, uint64_t length_bytes)
{
    return mm_result(tn_call(TN_CLIENT_MM, tn_info(MM_UNMAP, 0, 2), address, length_bytes, 0, 0));
}
TN_INLINE int64_t mm_protect(uint64_t address, uint64_t length_bytes, int prot)
{
    return mm_result(tn_call(TN_CLIENT_MM, tn_info(MM_PROTECT, 0, 3), address, length_bytes, (uint32_t)prot, 0));
}

/* MM_STAT: the client's counters 0 .. count - 1; those the manager does not have become 0. */
int64_t mm_stat(uint64_t *counter, unsigned count);

/* MM_THREAD_CREATE: the new thread's id, > 0. `priority` 0: as the caller's. `hart` an index, or MM_HART_ANY. */
int64_t mm_thread_create(uint64_t pc, uint64_t sp, uint64_t tp, uint64_t a0, uint64_t hart, uint64_t ipc_buffer,
                         uint64_t priority);

/* MM_THREAD_EXIT, MM_EXIT. If the manager is gone the thread stops by a fault that nobody serves. */
_Noreturn void mm_thread_exit(uint64_t tid, uint64_t unmap_address, uint64_t unmap_bytes, uint64_t zero_word);
_Noreturn void mm_exit(uint64_t status);

static inline int mm_is_error(int64_t result)
{
    return result < 0 && result >= -4095;
}
