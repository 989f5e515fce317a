/* Every fence instruction of the kernel. Nothing else may contain one.
 *
 * fence_r, fence_w, fence_rw order memory between harts (RVWMO); each use names its partner.
 * The sfence and sinval forms order page-table writes before later walks *of this hart alone* (privileged specification,
 * "Supervisor Memory-Management Fence Instruction"; Svinval). shootdown.c extends them to other harts.
 */
#pragma once
#include "types.h"

static inline void fence_rw(void)
{
    __asm__ volatile("fence rw, rw" ::: "memory");
}
static inline void fence_r(void)
{
    __asm__ volatile("fence r, r" ::: "memory");
}
static inline void fence_w(void)
{
    __asm__ volatile("fence w, w" ::: "memory");
}
/* Memory writes before device writes: MMIO that tells a device of data. */
static inline void fence_io(void)
{
    __asm__ volatile("fence iorw, iorw" ::: "memory");
}
static inline void fence_instruction(void)
{
    __asm__ volatile("fence.i" ::: "memory");
}

/* This hart forgets every translation, global ones included. */
static inline void tlb_flush_all(void)
{
    __asm__ volatile("sfence.vma" ::: "memory");
}
/* This hart forgets all translations of one address space. */
static inline void tlb_flush_asid(uint64_t asid)
{
    __asm__ volatile("sfence.vma zero, %0" ::"r"(asid) : "memory");
}
static inline void tlb_flush_page(vaddr_t va, uint64_t asid)
{
    __asm__ volatile("sfence.vma %0, %1" ::"r"(va.v), "r"(asid) : "memory");
}
/* Svinval: sfence.w.inval; sinval.vma ...; sfence.inval.ir. Encoded by hand: Debian 12's assembler has no Svinval. */
static inline void tlb_inval_begin(void)
{
    __asm__ volatile(".insn r 0x73, 0, 0x0c, x0, x0, x0" ::: "memory");
}
static inline void tlb_inval_page(vaddr_t va, uint64_t asid)
{
    __asm__ volatile(".insn r 0x73, 0, 0x0b, x0, %0, %1" ::"r"(va.v), "r"(asid) : "memory");
}
static inline void tlb_inval_end(void)
{
    __asm__ volatile(".insn r 0x73, 0, 0x0c, x0, x0, x1" ::: "memory");
}
