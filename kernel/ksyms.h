/* The kernel's own function names, for backtraces. The Makefile links the kernel twice: nm of the first link gives
 * build/ksyms.S, which defines these two in section .ksyms; in the first link ksyms.c's weak, empty ones stand in. */
#pragma once
#include "types.h"

struct ksym {
    uint64_t address; /* ascending */
    const char *name;
};
extern const struct ksym kernel_symbols[];
extern const uint64_t kernel_symbol_count;
