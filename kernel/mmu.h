/* Address translation as this machine has it: mode, levels, ASIDs, and the kernel's part of every root table. */
#pragma once
#include "types.h"

extern uint64_t kernel_satp;   /* satp of the kernel-only space, ASID 0 */
extern uint32_t mmu_levels;    /* 3, 4 or 5 */
extern uint32_t mmu_user_bits; /* 38, 47 or 56: user addresses have no bit from here on */
extern uint32_t mmu_asid_bits; /* 0..16 */

/* Boot hart: picks the mode (bootarg mmu=, else the widest that works). false: said on the console. */
bool mmu_init(void);
/* Other harts: the chosen mode. */
void mmu_init_hart(void);
/* Fills the kernel's half of a new, zeroed root table. */
void mmu_root_init(uint64_t *root);
/* Whether the kernel's half of a root is as it was made. */
bool mmu_root_is_fine(const uint64_t *root);
/* First user address that does not exist: 2^38, 2^47 or 2^56. */
/*@ requires 3 <= mmu_levels && mmu_levels <= 5;
    assigns \nothing;
    ensures \result == (mmu_levels == 3 ? 0x4000000000 : mmu_levels == 4 ? 0x800000000000 : 0x100000000000000); */
static inline uint64_t mmu_user_end(void)
{
    return 1ull << mmu_user_bits;
}
