/* Starting the other harts (SBI specification, chapter 9 "Hart State Management").
 *
 *     boot hart                                          another hart
 *     1. sbi_hart_start with its struct hart   ------->  boot.S: takes `online` from 0 to 1, or parks if it is not 0
 *     2. waits, bounded, for all `online`      <-------  2. sleeps until released
 *     3. takes `online` of those that did not come to 1
 *     4. moves the last harts into the places of the missing: hart indexes have no gaps
 *     5. makes init; released = 1, software interrupt -> goes on in the place it has been given
 *
 * The boot hart itself runs on boot_hart, which is used no more once the system runs, and moves with the others.
 */
#include "boot.h"
#include "bootmem.h"
#include "console.h"
#include "csr.h"
#include "hart.h"
#include "mmu.h"
#include "panic.h"
#include "platform.h"
#include "sbi.h"
#include "vspace.h"

#define PATIENCE_SECONDS 10 /* without any new arrival */
#define POLL_PER_SECOND 2000

struct hart boot_hart = {.kernel_sp = (uint64_t)boot_hart.stack + KERNEL_STACK_BYTES, .online = 1};

static struct hart *final_place[TN_HARTS_MAX]; /* by the index a hart started with */
static uint32_t released;                      /* atomic */

static void set_timer(uint64_t time)
{
    if (platform.has_sstc)
        csr_write(0x14d, time); /* CSR_STIMECMP */
    else
        sbi_set_timer(time);
}

/* Sleeping, not spinning: an emulator that runs harts in turn then goes on to the next. Interrupts are off, wfi
 * wakes all the same when one is pending (privileged specification, "Wait for Interrupt"). */
static void sleep_a_little(void)
{
    csr_write(sie, SIE_STIE);
    set_timer(csr_read(time) + platform.timebase_hz / POLL_PER_SECOND);
    __asm__ volatile("wfi");
    set_timer(~0ull);
    csr_write(sie, 0);
}

static uint32_t count_online(void)
{
    uint32_t online = 0;
    for (uint32_t i = 0; i < hart_count; i++)
        online += load_relaxed(&hart_at(i)->online) != 0;
    return online;
}

static void start_all(uint64_t own_hartid)
{
    for (uint32_t i = 0; i < hart_count; i++) {
        struct hart *h = hart_at(i);
        h->index = i;
        vspace_init_hart(h);
        h->hartid = platform.hartids[i];
        h->kernel_sp = (uint64_t)h->stack + KERNEL_STACK_BYTES;
        if (h->hartid == own_hartid) {
            h->online = 1;
            continue;
        }
        long error = sbi_hart_start(h->hartid, virt_to_phys(boot_secondary), virt_to_phys(h).v);
        if (error != 0)
            kprintf("boot: hart %lu: the firmware does not start it (SBI error %ld)\n", h->hartid, error);
    }
}

static void wait_for_all(void)
{
    uint32_t online = 0;
    uint64_t deadline = 0;
    for (;;) {
        uint32_t now_online = count_online();
        if (now_online == hart_count)
            return;
        if (online != now_online)
            deadline = csr_read(time) + PATIENCE_SECONDS * platform.timebase_hz;
        else if (csr_read(time) > deadline)
            return;
        online = now_online;
        sleep_a_little();
    }
}

/* Puts the last hart into place i, which is free. */
static void fill_gap(uint32_t i)
{
    uint32_t last = --hart_count;
    platform.hartids[i] = platform.hartids[last];
    platform.plic_context[i] = platform.plic_context[last];
    hart_at(i)->hartid = platform.hartids[i];
    final_place[last] = hart_at(i);
}

static void leave_out_the_missing(void)
{
    bool missing[TN_HARTS_MAX];
    uint32_t started = hart_count;
    for (uint32_t i = 0; i < started; i++) {
        final_place[i] = hart_at(i);
        missing[i] = compare_exchange_acq_rel(&hart_at(i)->online, 0ul, 1ul); /* pairs with: boot_secondary */
        if (missing[i])
            kprintf("boot: hart %lu did not start and is left out\n", platform.hartids[i]);
    }
    for (uint32_t i = 0; i < hart_count; i++) {
        while (hart_count > i + 1 && missing[hart_count - 1])
            hart_count--;
        kassert(!missing[hart_count - 1]); /* the boot hart at least is there */
        if (missing[i])
            fill_gap(i);
    }
    platform.hart_count = hart_count;
}

struct hart *smp_start(uint64_t own_hartid)
{
    hart_count = platform.hart_count;
    harts = bootmem_alloc(hart_count * sizeof(struct hart), _Alignof(struct hart));
    start_all(own_hartid);
    wait_for_all();
    leave_out_the_missing();
    for (uint32_t i = 0; i < hart_count; i++)
        if (hart_at(i)->hartid == own_hartid)
            return hart_at(i);
    return NULL; /* the tree does not know this hart: caller's message */
}

void smp_release(void)
{
    store_release(&released, 1); /* pairs with: kernel_secondary_main */
    for (uint32_t i = 0; i < hart_count; i++)
        if (hart_at(i) != hart_self())
            sbi_send_ipi(hart_at(i)->hartid);
}

void kernel_secondary_main(struct hart *h)
{
    mmu_init_hart();
    csr_write(sie, SIE_SSIE);
    while (load_acquire(&released) == 0) /* pairs with: smp_release */
        __asm__ volatile("wfi");
    csr_write(sie, 0);
    csr_clear(sip, SIE_SSIE);
    boot_continue(final_place[h->index], kernel_hart_main);
}
