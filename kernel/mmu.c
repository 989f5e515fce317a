/* Choosing the translation mode, and the kernel's tables.
 *
 *     Sv39:  satp -> kroot_l2 [256..511] -> 1 GiB pages of physical memory
 *     Sv48:  satp -> kroot_l3 [511] -> kroot_l2
 *     Sv57:  satp -> kroot_l4 [511] -> kroot_l3 [511] -> kroot_l2
 *
 * The kernel's addresses are sign-extended 39-bit ones, so they are the same in all three modes and a hart can change
 * from one to another while it runs. A root table of a user space shares kroot_l2: the kernel's half is never written
 * again after boot. Boot only; no locks.
 */
#include "mmu.h"
#include "boot.h"
#include "console.h"
#include "csr.h"
#include "fence.h"
#include "panic.h"
#include "platform.h"
#include "pt.h"
#include <string.h>

uint64_t kernel_satp;
uint32_t mmu_levels;
uint32_t mmu_user_bits;
uint32_t mmu_asid_bits;

static pte_t kroot_l3[TN_PT_ENTRIES] __attribute__((aligned(4096)));
static pte_t kroot_l4[TN_PT_ENTRIES] __attribute__((aligned(4096)));

static pte_t *root_of_mode(uint32_t levels)
{
    return levels == 3 ? kroot_l2 : levels == 4 ? kroot_l3 : kroot_l4;
}

/* A mode that the hart does not have leaves satp as it was (privileged specification, "Supervisor Address
 * Translation and Protection Register"). */
static bool try_mode(uint32_t levels)
{
    uint64_t value = (levels + 5ull) << SATP_MODE_SHIFT | phys_to_pfn(virt_to_phys(root_of_mode(levels))).v;
    csr_write(satp, value);
    if (csr_read(satp) != value)
        return false;
    tlb_flush_all();
    kernel_satp = value;
    mmu_levels = levels;
    mmu_user_bits = TN_PAGE_BITS + 9 * levels - 1;
    return true;
}

static uint32_t count_asid_bits(void)
{
    csr_write(satp, kernel_satp | SATP_ASID_MASK << SATP_ASID_SHIFT);
    uint64_t asid = csr_read(satp) >> SATP_ASID_SHIFT & SATP_ASID_MASK;
    csr_write(satp, kernel_satp);
    tlb_flush_all();
    uint32_t bits = 0;
    for (; asid != 0; asid >>= 1)
        bits++;
    return bits;
}

/* Debug builds: the boot argument asid-bits=N (one digit) makes ASIDs few, so that spaces without one occur in tests. */
static uint32_t limited(uint32_t bits)
{
    size_t length = 0;
    const char *limit = platform_bootarg("asid-bits", &length);
    uint32_t n = limit && length == 1 ? (uint32_t)(*limit - '0') : bits;
    return n < bits ? n : bits;
}

static bool holds_ram(uint64_t gib)
{
    for (uint32_t i = 0; i < platform.memory_count; i++) {
        uint64_t base = platform.memory[i].base.v, end = base + platform.memory[i].bytes;
        if (base < (gib + 1) << 30 && end > gib << 30)
            return true;
    }
    return false;
}

/* Svpbmt: what holds no RAM is devices, whatever the platform's own attributes say. */
static void mark_devices(void)
{
    for (uint64_t gib = 0; platform.has_svpbmt && gib < TN_PT_ENTRIES - ROOT_KERNEL_FIRST; gib++)
        if (!holds_ram(gib))
            kroot_l2[ROOT_KERNEL_FIRST + gib] |= PTE_PBMT_IO;
    tlb_flush_all();
}

bool mmu_init(void)
{
    kroot_l3[TN_PT_ENTRIES - 1] = pt_link(virt_to_phys(kroot_l2));
    kroot_l4[TN_PT_ENTRIES - 1] = pt_link(virt_to_phys(kroot_l3));
    size_t length = 0;
    const char *wanted = platform_bootarg("mmu", &length);
    for (uint32_t levels = 5; levels >= 3; levels--) {
        static const char *const names[] = {"sv39", "sv48", "sv57"};
        bool asked = wanted && length == 4 && memcmp(wanted, names[levels - 3], 4) == 0;
        if ((wanted == NULL || asked) && try_mode(levels)) {
            mark_devices();
            mmu_asid_bits = count_asid_bits();
            if (TENON_DEBUG)
                mmu_asid_bits = limited(mmu_asid_bits);
            return true;
        }
    }
    kprintf("boot: mmu=%.*s: not a mode of this machine (sv39, sv48, sv57)\n", (int)length, wanted ? wanted : "");
    return false;
}

void mmu_init_hart(void)
{
    csr_write(satp, kernel_satp);
    tlb_flush_all();
    kassert(csr_read(satp) == kernel_satp); /* all harts of a machine have the same modes */
}

void mmu_root_init(uint64_t *root)
{
    const pte_t *from = root_of_mode(mmu_levels);
    memcpy(root + ROOT_KERNEL_FIRST, from + ROOT_KERNEL_FIRST, (TN_PT_ENTRIES - ROOT_KERNEL_FIRST) * sizeof(*root));
}

bool mmu_root_is_fine(const uint64_t *root)
{
    const pte_t *from = root_of_mode(mmu_levels);
    bool fine = (root[ROOT_LAST] & ~ROOT_TAKEN) == from[ROOT_LAST];
    for (uint32_t i = ROOT_KERNEL_FIRST; i < ROOT_LAST; i++)
        fine &= root[i] == from[i];
    return fine;
}
