/* The watcher: a thread of init to which the kernel sends the faults of the memory servers' threads. The first one ends
 * the run, so that nobody waits for a server that is dead. */
#pragma once
#include "overlay.h"

/* Make it and let it run; `system` names the servers by badge - 1. */
void watch_start(const struct system *system);

/* The servers' fault handler; unbadged. */
tn_cptr_t watch_endpoint(void);

/* One line for a fault message's words: "page fault: write to 0x10 at pc 0x400123 (main + 0x12)". */
void watch_describe(char *text, size_t bytes, const struct elf *elf, uint64_t label, uint64_t pc, uint64_t address,
                    uint64_t scause);
