/* The device tree says what a hart has; whether S-mode may use it is the firmware's to decide (menvcfg: STCE, PBMTE,
 * CBZE), and old firmware does not know every extension. So each is tried once, with a trap as the answer no. Boot
 * hart only; the firmware treats all alike. */
#include "boot.h"
#include "csr.h"
#include "fence.h"
#include "mmu.h"
#include "platform.h"
#include "pt.h"

static void try_stimecmp(const void *unused)
{
    (void)unused;
    csr_write(0x14d, ~0ull);
}

static void try_cbo_zero(const void *block)
{
    __asm__ volatile(".insn i 0x0f, 2, x0, %0, 4" ::"r"(block) : "memory");
}

static void try_load(const void *p)
{
    (void)*(const volatile uint64_t *)p;
}

/* Reads the kernel's own memory through the map's last GiB, which gets a memory type for a moment. */
static bool memory_types_work(void)
{
    static const uint64_t probe = 1;
    const uint64_t gib = virt_to_phys(&probe).v >> 30;
    pte_t *entry = &kroot_l2[TN_PT_ENTRIES - 1], old = *entry;
    *entry = gib << 28 | PTE_PBMT_IO | TN_PTE_V | TN_PTE_R | TN_PTE_A;
    tlb_flush_all();
    uint64_t last_gib = (DIRECT_MAP_BYTES >> 30) - 1;
    const void *alias = phys_to_virt((paddr_t){virt_to_phys(&probe).v + ((last_gib - gib) << 30)});
    bool works = boot_survives(try_load, alias);
    *entry = old;
    tlb_flush_all();
    return works;
}

void features_check(void)
{
    static uint8_t block[TN_PAGE_BYTES] __attribute__((aligned(TN_PAGE_BYTES)));
    platform.has_sstc = platform.has_sstc && boot_survives(try_stimecmp, NULL);
    platform.has_zicboz = platform.has_zicboz && boot_survives(try_cbo_zero, block);
    platform.has_svpbmt = platform.has_svpbmt && memory_types_work();
}
