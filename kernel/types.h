/* Addresses and page numbers that must not mix, the kernel's direct map, and the status type.
 *
 * The kernel reaches all physical memory through one map of 1 GiB pages at KERNEL_BASE, the same in every address space
 * and, since the address is sign-extended, in Sv39, Sv48 and Sv57 alike. It covers 256 GiB of physical addresses.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tenon/error.h>
#include <tenon/object.h>

typedef struct {
    uint64_t v;
} vaddr_t; /* virtual address, user or kernel */
typedef struct {
    uint64_t v;
} paddr_t; /* physical address */
typedef struct {
    uint64_t v;
} pfn_t; /* physical page number: address / 4096 */

#define KERNEL_BASE 0xffffffc000000000ull
#define DIRECT_MAP_BYTES (256ull << 30)
#define CACHE_LINE 64

static inline void *phys_to_virt(paddr_t p)
{
    return (void *)(KERNEL_BASE + p.v);
}
/*@ assigns \nothing;
    ensures (uint64_t)p >= KERNEL_BASE ==> \result.v == (uint64_t)p - KERNEL_BASE; */
static inline paddr_t virt_to_phys(const void *p)
{
    return (paddr_t){(uint64_t)p - KERNEL_BASE};
}
/*@ assigns \nothing;
    ensures \result.v == p.v / 4096; */
static inline pfn_t phys_to_pfn(paddr_t p)
{
    return (pfn_t){p.v >> TN_PAGE_BITS};
}
/*@ requires n.v < 0x10000000000000;
    assigns \nothing;
    ensures \result.v == n.v * 4096; */
static inline paddr_t pfn_to_phys(pfn_t n)
{
    return (paddr_t){n.v << TN_PAGE_BITS};
}

/* Outcome of anything that can fail for a reason the user should hear. TN_OK is 0.
 * STATUS_RESTART is internal: the operation was interrupted, has kept its progress, and the system call runs again. */
typedef int status_t;
#define STATUS_RESTART (-1)
#define MUST_CHECK __attribute__((warn_unused_result))

/* The variable's value comes from here on out of a register: what was read from memory that others write is not read again
 * between a check and a use. */
#define in_register(v) __asm__("" : "+r"(v))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#ifndef TENON_DEBUG
#define TENON_DEBUG 0
#endif
