/* Argument checks of memory requests; see mmargs.h. The order of the checks is that of Linux's mm/mmap.c and
 * mm/mprotect.c, since programs probe for it. Called by request.c and by the host tests. */
#include "mmargs.h"
#include "linux_errno.h"
#include <corten/request.h>

#define PROT_KNOWN 7ull /* READ | WRITE | EXEC, which are TN_READ | TN_WRITE | TN_EXEC */
_Static_assert(TN_READ == 1 && TN_WRITE == 2 && TN_EXEC == 4, "PROT_READ, PROT_WRITE, PROT_EXEC");

#define MAP_SHARED 0x01ull
#define MAP_PRIVATE 0x02ull
#define MAP_TYPE 0x0full
#define MAP_FIXED 0x10ull
#define MAP_ANONYMOUS 0x20ull
#define MAP_DENYWRITE 0x800ull
#define MAP_EXECUTABLE 0x1000ull
#define MAP_LOCKED 0x2000ull
#define MAP_NORESERVE 0x4000ull
#define MAP_POPULATE 0x8000ull
#define MAP_NONBLOCK 0x10000ull
#define MAP_STACK 0x20000ull
#define MAP_HUGETLB 0x40000ull
#define MAP_FIXED_NOREPLACE 0x100000ull
#define MAP_ACCEPTED                                                                                                   \
    (MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED | MAP_NORESERVE |              \
     MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_FIXED_NOREPLACE)

#define PAGE_MASK (TN_PAGE_BYTES - 1)
#define LOWEST_FIXED 0x10000ull /* Linux's vm.mmap_min_addr */

static uint64_t pages_up(uint64_t bytes)
{
    return (bytes + PAGE_MASK) & ~PAGE_MASK; /* 0 on overflow */
}

static unsigned rights_of(uint64_t prot)
{
    return (unsigned)((prot & TN_WRITE) ? prot | TN_READ : prot);
}

static int64_t check_flags(uint64_t flags)
{
    uint64_t type = flags & MAP_TYPE;

    if (!(flags & MAP_ANONYMOUS)) {
        return -LINUX_EBADF;
    }
    if ((flags & MAP_HUGETLB) || (type != MAP_PRIVATE && type != MAP_SHARED)) {
        return -LINUX_EINVAL;
    }
    return (flags & ~MAP_ACCEPTED) ? -LINUX_EOPNOTSUPP : 0;
}

static unsigned core_flags(uint64_t flags)
{
    unsigned core = 0;

    if (flags & MAP_FIXED_NOREPLACE) {
        core = CT_NO_REPLACE;
    } else if (flags & MAP_FIXED) {
        core = CT_FIXED;
    }
    if ((flags & MAP_LOCKED) || (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE) {
        core |= CT_POPULATE;
    }
    return core;
}

int64_t args_map(const uint64_t mr[4], uint64_t user_end, struct map_args *out)
{
    uint64_t address = mr[0], bytes = pages_up(mr[1]), flags = mr[3];
    int64_t error = check_flags(flags);

    if (error != 0) {
        return error;
    }
    if (mr[1] == 0 || (mr[2] & ~PROT_KNOWN)) {
        return -LINUX_EINVAL;
    }
    if (bytes == 0 || bytes > user_end) {
        return -LINUX_ENOMEM;
    }
    if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        if (address > user_end - bytes) {
            return -LINUX_ENOMEM;
        }
        if (address & PAGE_MASK) {
            return -LINUX_EINVAL;
        }
        if (address < LOWEST_FIXED) {
            return -LINUX_EPERM;
        }
    } else {
        address &= ~PAGE_MASK;
        if (address < LOWEST_FIXED || address > user_end - bytes) {
            address = 0;
        }
    }
    *out = (struct map_args){address, bytes, rights_of(mr[2]), core_flags(flags)};
    return 0;
}

int64_t args_unmap(const uint64_t mr[2], uint64_t user_end, struct range_args *out)
{
    uint64_t bytes = pages_up(mr[1]);

    if ((mr[0] & PAGE_MASK) || mr[0] > user_end || mr[1] > user_end - mr[0] || bytes == 0) {
        return -LINUX_EINVAL;
    }
    *out = (struct range_args){mr[0], bytes, 0};
    return 0;
}

int64_t args_protect(const uint64_t mr[3], uint64_t user_end, struct range_args *out)
{
    uint64_t bytes = pages_up(mr[1]);

    if (mr[0] & PAGE_MASK) {
        return -LINUX_EINVAL;
    }
    if (mr[1] != 0 && mr[0] + bytes <= mr[0]) {
        return -LINUX_ENOMEM;
    }
    if (mr[1] != 0 && (mr[2] & ~PROT_KNOWN)) {
        return -LINUX_EINVAL;
    }
    if (mr[1] != 0 && mr[0] + bytes > user_end) {
        return -LINUX_ENOMEM;
    }
    *out = (struct range_args){mr[0], bytes, rights_of(mr[2] & PROT_KNOWN)};
    return 0;
}

int64_t args_errno(enum ct_status status)
{
    switch (status) {
    case CT_OK:
    case CT_MORE:
        return 0;
    case CT_DENIED:
        return -LINUX_EACCES;
    case CT_EXISTS:
        return -LINUX_EEXIST;
    case CT_RANGE:
        return -LINUX_EINVAL;
    case CT_NO_MEMORY:
    case CT_QUOTA:
    case CT_NOT_MAPPED:
    case CT_NO_ROOM:
        break;
    }
    return -LINUX_ENOMEM;
}
