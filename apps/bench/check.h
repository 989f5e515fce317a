/* What the benchmarks of this folder share to see that an operation did what it says. Used outside measured regions. */
#pragma once
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <tenon/mm.h>
#include "measure.h"

#define PAGE_BYTES 4096ull
#define BASE 0x100000000ull /* where benchmarks map: the lowest address of the arena */
#define MARK 0x5a
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define INLINE static inline __attribute__((always_inline))

/* The only store of the benchmarks to the memory they measure: one instruction. */
INLINE void touch(uint64_t address)
{
    __asm__ volatile("sb %1, 0(%0)" : : "r"(address), "r"(MARK) : "memory");
}

/* false, after a line that says what is wrong. */
bool wrong(const char *name, const char *what, uint64_t have, uint64_t want);

/* One of the client's counters (enum mm_counter); ~0: there is no answer. */
uint64_t counter(unsigned which);

/* Private memory at BASE. */
bool area_map(const char *name, uint64_t bytes);
bool area_unmap(const char *name, uint64_t bytes);

/* The client's frames must have changed by `by` since they were `before`. */
bool frames_changed(const char *name, uint64_t before, int64_t by);

/* The page holds the mark at its beginning and else zeros: it was zeroed, and touched once. */
bool page_is_fresh(const char *name, uint64_t address);

/* Whether all of it is mapped; makes it readable and writable. */
bool is_mapped(uint64_t address, uint64_t bytes);
