/* Arguments of the memory requests: what Linux would say of them before it looks at the address space.
 *
 * Pure functions. Each returns 0 and fills *out, or -errno. `user_end` is the first address past the user part.
 * Addresses and lengths may be anything; results never wrap: address + bytes <= user_end.
 */
#pragma once
#include <corten/request.h>
#include <corten/types.h>
#include <stdint.h>

struct map_args {
    uint64_t address; /* page-aligned; 0: anywhere */
    uint64_t bytes;   /* whole pages, > 0 */
    unsigned rights;  /* TN_READ ... */
    unsigned flags;   /* enum ct_flags (corten/request.h) */
};

/* mr: MM_MAP's words. In Linux's order:
 *   EBADF       no MAP_ANONYMOUS: there are no files
 *   EINVAL      length 0; neither MAP_PRIVATE nor MAP_SHARED; MAP_HUGETLB (there are no huge pages); unknown prot;
 *               MAP_FIXED at a misaligned address
 *   EOPNOTSUPP  MAP_GROWSDOWN, MAP_SYNC, unknown flags
 *   ENOMEM      longer than the address space, or fixed beyond its end
 *   EPERM       fixed below 64 KiB (mmap_min_addr)
 * MAP_SHARED is accepted: without fork nobody else could see the difference. MAP_LOCKED fills the mapping as
 * MAP_POPULATE does: pages never leave. MAP_NONBLOCK takes MAP_POPULATE back, as in Linux. MAP_NORESERVE, MAP_STACK,
 * MAP_DENYWRITE and MAP_EXECUTABLE mean nothing, as in Linux. PROT_WRITE implies reading. */
int64_t args_map(const uint64_t mr[4], uint64_t user_end, struct map_args *out);

/* For a request to map as most are, private anonymous memory at a fixed address that is not too low or anywhere, the
 * core's flags; 0: it is another. The core's errors are Linux's then, but for CT_RANGE. */
static inline unsigned args_map_ordinary(uint64_t address, uint64_t flags)
{
    if (flags == 0x32 && address >= 0x10000) { /* MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED; vm.mmap_min_addr */
        return CT_FIXED | CT_RIDE;
    }
    return flags == 0x22 && address == 0 ? CT_RIDE : 0; /* MAP_PRIVATE | MAP_ANONYMOUS */
}

struct range_args {
    uint64_t address, bytes; /* whole pages; protect: bytes may be 0 (nothing to do) */
    unsigned rights;         /* protect only */
};

/* EINVAL: misaligned, length 0, or not within the user part. */
int64_t args_unmap(const uint64_t mr[2], uint64_t user_end, struct range_args *out);

/* EINVAL: misaligned, or unknown prot. ENOMEM: beyond the end of the user part, where nothing can be mapped. */
int64_t args_protect(const uint64_t mr[3], uint64_t user_end, struct range_args *out);

/* -errno for a status of the core. */
int64_t args_errno(enum ct_status status);
