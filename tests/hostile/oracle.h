/* What the memory manager must answer to a request by its arguments alone, after docs/mm-protocol.md. Written for hostile clients,
 * without a look at the manager's own checks; sums are made in 128 bits, so that none wraps.
 */
#pragma once
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <tenon/mm.h>

#define MM_LINUX_ESRCH 3
#define MM_LINUX_EFAULT 14
#define MM_RW 3
#define MM_ANON 0x22ull /* private */
#define MM_FIXED 0x10ull
#define MM_POPULATE 0x8000ull
#define MM_NOREPLACE 0x100000ull
#define MM_HUGETLB 0x40000ull
/* Those that mean something or nothing, but are no errors. */
#define MM_KNOWN_FLAGS (0x3full | 0x800 | 0x1000 | 0x2000 | 0x4000 | MM_POPULATE | 0x10000 | 0x20000 | MM_NOREPLACE)
#define LOWEST_PROGRAM 0x400000ull /* programs are linked above */

static inline uint64_t pages_up(uint64_t bytes)
{
    return (bytes + 4095) & -4096ull;
}

/* Bytes as pages, without wrapping. */
static inline unsigned __int128 wide_pages(uint64_t bytes)
{
    return ((unsigned __int128)bytes + 4095) / 4096 * 4096;
}

/* 0: it depends on what is mapped. */
static inline int64_t oracle_map(uint64_t end, uint64_t address, uint64_t bytes, uint64_t prot, uint64_t flags)
{
    uint64_t type = flags & 0xf;
    bool fixed = flags & (MM_FIXED | MM_NOREPLACE);

    if (!(flags & 0x20)) {
        return -EBADF;
    }
    if ((flags & MM_HUGETLB) || (type != 1 && type != 2)) {
        return -EINVAL;
    }
    if (flags & ~MM_KNOWN_FLAGS) {
        return -MM_LINUX_ENOTSUP;
    }
    if (bytes == 0 || prot > 7) {
        return -EINVAL;
    }
    if (wide_pages(bytes) > end || (fixed && address + wide_pages(bytes) > end)) {
        return -ENOMEM;
    }
    if (fixed && address % 4096 != 0) {
        return -EINVAL;
    }
    return fixed && address < 0x10000 ? -EPERM : 0;
}

static inline int64_t oracle_unmap(uint64_t end, uint64_t address, uint64_t bytes)
{
    return address % 4096 != 0 || bytes == 0 || address + wide_pages(bytes) > end ? -EINVAL : 0;
}

/* 0: it depends on what is mapped. */
static inline int64_t oracle_protect(uint64_t end, uint64_t address, uint64_t bytes, uint64_t prot)
{
    if (address % 4096 != 0) {
        return -EINVAL;
    }
    if (bytes == 0) {
        return 0;
    }
    if (address + wide_pages(bytes) > ~0ull) { /* round the end of all addresses */
        return -ENOMEM;
    }
    if (prot > 7) {
        return -EINVAL;
    }
    return address + wide_pages(bytes) > end ? -ENOMEM : 0;
}

/* Whether an answer fits a request with `words` words whose arguments mean nothing. */
static inline bool oracle_length_is_fair(uint64_t label, unsigned words, int64_t result)
{
    static const uint8_t needed[] = {[MM_MAP] = 4,           [MM_UNMAP] = 2,       [MM_PROTECT] = 3, [MM_STAT] = 1,
                                     [MM_THREAD_CREATE] = 7, [MM_THREAD_EXIT] = 4, [MM_EXIT] = 1};

    if (label >= MM_SPAWN && label <= MM_SERVER_STAT) {
        return result == -EPERM;
    }
    if (label < MM_MAP || label > MM_EXIT) {
        return result == -MM_LINUX_ENOSYS;
    }
    if (words < needed[label]) {
        return result == -EINVAL;
    }
    if (label == MM_STAT) {
        return result == MM_COUNTERS;
    }
    if (label == MM_THREAD_EXIT) {
        return result == -MM_LINUX_ESRCH;
    }
    return mm_is_error(result);
}
