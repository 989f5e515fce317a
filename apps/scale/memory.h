/* The memory benchmarks that every hart runs at once; see memory.c and docs/benchmarks.md. */
#pragma once
#include <stdbool.h>

/* Everything that the benchmarks do on one hart; all harts must call it. false: a check failed, and a line says which. */
bool memory_run(unsigned index);
