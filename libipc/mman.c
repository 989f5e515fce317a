/* mmap, munmap, mprotect over the memory protocol: translation of errors, and what the protocol cannot say.
 *
 * No locks, no state. Called by programs and by threads.c, heap.c.
 */
#include <errno.h>
#include <sys/mman.h>
#include <tenon/mm.h>

#define PAGE_BYTES 4096

static __attribute__((noinline)) int64_t failed(int64_t result)
{
    errno = mm_errno_from_linux((int)-result);
    return -1;
}

/* `result` as POSIX wants it: -1 with errno set, or the value. */
static inline int64_t posix_result(int64_t result)
{
    return __builtin_expect(mm_is_error(result), 0) ? failed(result) : result;
}

void *mmap(void *address, size_t length_bytes, int prot, int flags, int fd, off_t offset)
{
    if (offset % PAGE_BYTES != 0) {
        errno = EINVAL;
        return MAP_FAILED;
    }
    if (!(flags & MAP_ANONYMOUS)) {
        errno = fd >= 0 && fd <= 2 ? ENODEV : EBADF;
        return MAP_FAILED;
    }
    return (void *)posix_result(mm_map((uint64_t)address, length_bytes, prot, flags));
}

int munmap(void *address, size_t length_bytes)
{
    return (int)posix_result(mm_unmap((uint64_t)address, length_bytes));
}

int mprotect(void *address, size_t length_bytes, int prot)
{
    return (int)posix_result(mm_protect((uint64_t)address, length_bytes, prot));
}
