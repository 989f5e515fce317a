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
/* Bits of user addresses with so many levels; mmu_user_bits is that of mmu_levels. */
/*@ requires 3 <= levels && levels <= 5;
    assigns \nothing;
    ensures \result == (levels == 3 ? 38 : levels == 4 ? 47 : 56); */
static inline uint32_t mmu_user_bits_of(uint32_t levels)
{
    return TN_PAGE_BITS + 9 * levels - 1;
}
/* First user address that does not exist: 2^38, 2^47 or 2^56. */
/*@ requires mmu_user_bits == 38 || mmu_user_bits == 47 || mmu_user_bits == 56;
    assigns \nothing;
    ensures \result == (mmu_user_bits == 38 ? 0x4000000000 : mmu_user_bits == 47 ? 0x800000000000 : 0x100000000000000); */
static inline uint64_t mmu_user_end(void)
{
    return 1ull << mmu_user_bits;
}
