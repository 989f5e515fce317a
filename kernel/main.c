/* The boot, in order. boot.S comes before (translation on, stack, tp), the scheduler after.
 *
 *     hart that the firmware chose                             every other hart
 *     kernel_main       device tree, memory, translation
 *       smp_start       ---------------------------------->    kernel_secondary_main: sleeps (smp.c)
 *     kernel_first_main (on its final stack)
 *       kernel_hart_init                                       kernel_hart_main
 *       bootinit_start  the first program, on hart 0             kernel_hart_init
 *       smp_release     ---------------------------------->      sched_start: idles
 *       sched_start
 */
#include "boot.h"
#include "bootmem.h"
#include "console.h"
#include "fence.h"
#include "hart.h"
#include "ipi.h"
#include "irq.h"
#include "memory.h"
#include "mmu.h"
#include "platform.h"
#include "sbi.h"
#include "sched.h"
#include "timer.h"
#include "trap.h"
#include "vspace.h"

static void print_machine(void)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < platform.memory_count; i++)
        bytes += platform.memory[i].bytes;
    bool none = !(platform.has_sstc || platform.has_svinval || platform.has_svpbmt || platform.has_zicboz);
    kprintf("Tenon: %u hart%s, Sv%u, %lu MiB, features%s%s%s%s%s\n", hart_count, hart_count == 1 ? "" : "s",
            12 + 9 * mmu_levels, bytes >> 20, platform.has_sstc ? " sstc" : "", platform.has_svinval ? " svinval" : "",
            platform.has_svpbmt ? " svpbmt" : "", platform.has_zicboz ? " zicboz" : "", none ? " none" : "");
}

/* What each hart sets up for itself. */
static void kernel_hart_init(struct hart *h)
{
    h->satp = kernel_satp;
    trap_init_hart();
    timer_init_hart();
    irq_init_hart();
}

static void __attribute__((noreturn)) kernel_hart_start(struct hart *h)
{
    fence_instruction(); /* the boot hart has written init's code. pairs with: smp_release */
    ipi_serve(h);        /* what was posted before this hart listened */
    sched_start();
}

static void __attribute__((noreturn)) kernel_first_main(struct hart *h)
{
    kernel_hart_init(h);
    print_machine();
    vspace_init_kernel();
    bootinit_start();
    smp_release();
    kernel_hart_start(h);
}

void kernel_hart_main(struct hart *h)
{
    kernel_hart_init(h);
    kernel_hart_start(h);
}

void kernel_main(uint64_t hartid, uint64_t dtb_paddr)
{
    sbi_init();
    if (dtb_paddr >= DIRECT_MAP_BYTES || !platform_init(phys_to_virt((paddr_t){dtb_paddr})))
        platform_stop(true);
    features_check();
    if (!mmu_init())
        platform_stop(true);
    bootmem_init();
    memory_init();
    struct hart *self = smp_start(hartid);
    if (self == NULL) {
        kprintf("boot: the device tree does not have hart %lu, which runs this\n", hartid);
        platform_stop(true);
    }
    boot_continue(self, kernel_first_main);
}
