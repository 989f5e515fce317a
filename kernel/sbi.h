/* Calls into the firmware (SBI specification 1.0 and later; legacy console as a fall-back). */
#pragma once
#include "types.h"

void sbi_init(void); /* probes extensions; before any other */
void sbi_console_write(const char *bytes, size_t count);
/* Timer interrupt at `time` (ticks); ~0: never. Only where the hart has no Sstc. */
void sbi_set_timer(uint64_t time);
/* Software interrupt to each hart base + i of which bit i of the mask is set, by the firmware's hart ids. */
void sbi_send_ipis(uint64_t mask, uint64_t base);
static inline void sbi_send_ipi(uint64_t hartid)
{
    sbi_send_ipis(1, hartid);
}
/* Starts a hart at physical address `entry` with a0 = hartid, a1 = opaque. 0, or the SBI error. */
long sbi_hart_start(uint64_t hartid, paddr_t entry, uint64_t opaque);
/* Powers the machine off; returns only if the firmware cannot. */
void sbi_shutdown(bool failure);
