/* POSIX memory management over the memory protocol; Linux's values, semantics and errno.
 *
 * The memory manager decides what it supports: flags and protections that it does not are refused (EINVAL or
 * EOPNOTSUPP, as Linux would), never ignored. Two errors do not come from it: EIO, it is gone; EMSGSIZE cannot occur
 * here. There are no files to map yet: without MAP_ANONYMOUS, mmap fails with ENODEV for the standard streams and with
 * EBADF for any other descriptor.
 */
#pragma once
#include <stddef.h>
#include <sys/types.h>

#define PROT_NONE 0x0
#define PROT_READ 0x1
#define PROT_WRITE 0x2
#define PROT_EXEC 0x4
#define PROT_GROWSDOWN 0x01000000
#define PROT_GROWSUP 0x02000000

#define MAP_SHARED 0x01
#define MAP_PRIVATE 0x02
#define MAP_SHARED_VALIDATE 0x03
#define MAP_TYPE 0x0f
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define MAP_ANON MAP_ANONYMOUS
#define MAP_GROWSDOWN 0x0100
#define MAP_DENYWRITE 0x0800
#define MAP_EXECUTABLE 0x1000
#define MAP_LOCKED 0x2000
#define MAP_NORESERVE 0x4000
#define MAP_POPULATE 0x8000
#define MAP_NONBLOCK 0x10000
#define MAP_STACK 0x20000
#define MAP_HUGETLB 0x40000
#define MAP_SYNC 0x80000
#define MAP_FIXED_NOREPLACE 0x100000

#define MAP_FAILED ((void *)-1)

/* Address of the mapping, or MAP_FAILED and errno. `offset` must be a multiple of the page size (EINVAL). */
void *mmap(void *address, size_t length_bytes, int prot, int flags, int fd, off_t offset);

/* 0, or -1 and errno. */
int munmap(void *address, size_t length_bytes);
int mprotect(void *address, size_t length_bytes, int prot);
