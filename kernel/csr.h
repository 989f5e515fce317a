/* Control and status registers of S-mode (privileged specification, chapter 4 "Supervisor-Level ISA").
 * Fence instructions are not here: fence.h has them all. */
#pragma once
#include "types.h"

#define csr_read(name)                                                                                                 \
    ({                                                                                                                 \
        uint64_t csr_value;                                                                                            \
        __asm__ volatile("csrr %0, " #name : "=r"(csr_value));                                                         \
        csr_value;                                                                                                     \
    })
#define csr_write(name, value) __asm__ volatile("csrw " #name ", %0" ::"r"((uint64_t)(value)) : "memory")
#define csr_set(name, bits) __asm__ volatile("csrs " #name ", %0" ::"r"((uint64_t)(bits)) : "memory")
#define csr_clear(name, bits) __asm__ volatile("csrc " #name ", %0" ::"r"((uint64_t)(bits)) : "memory")

#define SSTATUS_SPP (1ull << 8)
#define SSTATUS_FS_MASK (3ull << 13)
#define SSTATUS_FS_INITIAL (1ull << 13)
#define SSTATUS_FS_CLEAN (2ull << 13)
#define SSTATUS_FS_DIRTY (3ull << 13)
#define SSTATUS_VS_MASK (3ull << 9)
#define SSTATUS_SUM (1ull << 18)
#define SSTATUS_MXR (1ull << 19)

#define SIE_SSIE (1ull << 1) /* software interrupt: inter-hart */
#define SIE_STIE (1ull << 5) /* timer */
#define SIE_SEIE (1ull << 9) /* external */

#define SCAUSE_INTERRUPT (1ull << 63)
enum scause {
    CAUSE_FETCH_ACCESS = 1,
    CAUSE_ILLEGAL = 2,
    CAUSE_BREAKPOINT = 3,
    CAUSE_LOAD_ACCESS = 5,
    CAUSE_STORE_ACCESS = 7,
    CAUSE_ECALL_U = 8,
    CAUSE_FETCH_PAGE = 12,
    CAUSE_LOAD_PAGE = 13,
    CAUSE_STORE_PAGE = 15,
};

#define SATP_MODE_SHIFT 60
#define SATP_MODE_SV39 8ull /* Sv48 is 9, Sv57 is 10: mode = levels + 5 */
#define SATP_ASID_SHIFT 44
#define SATP_ASID_MASK 0xffffull

#define CSR_STIMECMP 0x14d /* by number: Debian 12's assembler does not know Sstc */
