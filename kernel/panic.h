/* Kernel bugs end here, and nothing else does: users get a status or a fault message. */
#pragma once
#include "types.h"

/* Prints hart, cause, registers where there are any, a symbolised backtrace and the last events of every hart, stops the
 * other harts and ends the machine with a failure status (SiFive test device, else SBI SRST). */
void panic(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* This hart is the one that panics: it must not wait for locks. */
bool panic_is_mine(void);

/* Another hart panicked: stand still for good. */
void panic_stop(void) __attribute__((noreturn));

/* From trap.S: a trap out of the kernel itself. `regs` are x1..x31 at the trap, regs[0] its pc. */
void panic_kernel_trap(uint64_t regs[32], uint64_t scause, uint64_t stval) __attribute__((noreturn));

#define kassert(condition)                                                                                             \
    do {                                                                                                               \
        if (unlikely(!(condition)))                                                                                    \
            panic("%s:%d: %s", __FILE__, __LINE__, #condition);                                                        \
    } while (0)
/* Checked in debug builds only. */
#define kassert_debug(condition)                                                                                       \
    do {                                                                                                               \
        if (TENON_DEBUG)                                                                                               \
            kassert(condition);                                                                                        \
    } while (0)
