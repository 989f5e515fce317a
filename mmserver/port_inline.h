/* The inline part of the core's port; the contract is corten/port.h, the rest is in port.c. */
#pragma once
#include <corten/types.h>

/* 128 stores a round: 512 instructions that must be, and a dozen that need not. */
static inline void port_zero(paddr_t frame)
{
    uint64_t *word = port_frame(frame), *end = word + TN_PAGE_BYTES / sizeof *word;

    for (; word < end; word += 128) {
#pragma GCC unroll 128
        for (unsigned i = 0; i < 128; i++) {
            word[i] = 0;
        }
        __asm__ volatile("" : : "r"(word) : "memory"); /* keeps the loop from becoming a call of memset */
    }
}

static inline void port_relax(void)
{
    __asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010" ::
                         : "memory"); /* pause; a fence that does nothing where unknown */
}
