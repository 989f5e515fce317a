/* What boot.S offers to C, and the steps of the boot that have files of their own. */
#pragma once
#include "types.h"

struct hart;

/* Where the firmware starts a secondary hart; opaque = physical address of its struct hart. A physical entry: use its
 * virt_to_phys(). */
void boot_secondary(void);
/* Goes on as hart `h`: tp, and its own stack from the top. */
void boot_continue(struct hart *h, void (*function)(struct hart *)) __attribute__((noreturn));
/* Calls `attempt`, which must be a leaf function. false: it trapped and was left there. */
bool boot_survives(void (*attempt)(const void *), const void *argument);

/* The kernel's map of physical memory: entry 256 + i is the i-th GiB. */
extern uint64_t kroot_l2[TN_PT_ENTRIES];

/* Where boot.S goes, each on its own stack. */
void kernel_main(uint64_t hartid, uint64_t dtb_paddr) __attribute__((noreturn));
void kernel_secondary_main(struct hart *h) __attribute__((noreturn));

/* Withdraws from `platform` each extension that the tree names but the firmware has not enabled. */
void features_check(void);

/* Starts the other harts. Afterwards harts[0 .. hart_count) are running, and this hart's structure is returned. */
struct hart *smp_start(uint64_t own_hartid);
/* Lets the others go on: each to kernel_hart_main() with its final structure, on that one's stack. */
void smp_release(void);
void kernel_hart_main(struct hart *h) __attribute__((noreturn));

/* Makes the first program from the initrd and starts it. What it cannot do ends the machine with one line. */
void bootinit_start(void);
