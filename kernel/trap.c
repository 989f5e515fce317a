/* Traps from user mode, sorted by cause. Traps out of the kernel itself never come here: they are bugs (panic.c).
 *
 * docs/fault-path.md, hop 2: this is where a page fault goes.
 */
#include "trap.h"
#include "csr.h"
#include "fence.h"
#include "flushcheck.h"
#include "flushsite.h"
#include "fp.h"
#include "invariants.h"
#include "ipc.h"
#include "ipi.h"
#include "irq.h"
#include "platform.h"
#include "pt.h"
#include "sched.h"
#include "shootdown.h"
#include "syscall.h"
#include "timer.h"
#include "vspace.h"
#include <tenon/fault.h>

void trap_init_hart(void)
{
    csr_write(stvec, trap_entry);
    csr_write(sscratch, 0);
    csr_clear(sstatus, SSTATUS_SPP | SSTATUS_FS_MASK | SSTATUS_VS_MASK | SSTATUS_SUM | SSTATUS_MXR);
    csr_write(scounteren, 7); /* cycle, time, instret for user mode */
    if (platform.has_zicboz)
        csr_set(0x10a, 1ull << 7); /* senvcfg.CBZE: cbo.zero for user mode */
    csr_set(sie, SIE_SSIE);        /* external ones: irq_init_hart, where the hart has a context of the PLIC */
}

/* One serving of each kind that is pending. */
void trap_poll_interrupts(struct hart *h)
{
    uint64_t pending = csr_read(sip) & csr_read(sie);
    if (pending & SIE_SSIE) {
        csr_clear(sip, SIE_SSIE);
        ipi_serve(h);
    }
    if (pending & SIE_STIE)
        timer_interrupt(h);
    if (pending & SIE_SEIE)
        irq_handle_external();
}

/* hop 2. The entry became valid after this hart cached its absence: make it look again. All else goes to the handler. */
static void page_fault(struct hart *h, struct tcb *t, uint64_t scause)
{
    uint64_t va = csr_read(stval);
    struct vspace *v = t->vspace;
    if (unlikely(pt_allows((paddr_t){load_relaxed(&v->root.v)}, (vaddr_t){va}, scause))) {
        hart_event("spurious fault", va, t->x[REG_PC]);
        if (load_relaxed(&v->satp) != h->satp)
            vspace_switch(h, v);
        flushlog_saw_absence(v->asid);
        if (!flush_left_out(FLUSH_ABSENCE))
            flush_local((struct flush_request){v->asid, {0}, 0}); /* all: an invalid link may have been cached too */
        return;
    }
    ipc_fault(h, t, TN_FAULT_VM, t->x[REG_PC], va, scause == CAUSE_FETCH_PAGE, scause);
}

static void exception(struct hart *h, struct tcb *t, uint64_t scause)
{
    uint64_t stval = csr_read(stval);
    switch (scause) {
    case CAUSE_FETCH_ACCESS:
    case CAUSE_LOAD_ACCESS:
    case CAUSE_STORE_ACCESS:
        ipc_fault(h, t, TN_FAULT_VM, t->x[REG_PC], stval, scause == CAUSE_FETCH_ACCESS, scause);
        return;
    case CAUSE_ILLEGAL:
        if (fp_enable(h, t))
            return;
        break;
    case CAUSE_BREAKPOINT:
        ipc_fault(h, t, TN_FAULT_BREAKPOINT, t->x[REG_PC], stval, 0, scause);
        return;
    }
    ipc_fault(h, t, TN_FAULT_USER_EXCEPTION, t->x[REG_PC], stval, 0, scause);
}

/* Sorts what the fast paths left (fastpath.h). */
void trap_handle(struct tcb *t, uint64_t scause)
{
    struct hart *h = hart_self();
    invariants_check(h);
    if (likely(scause == CAUSE_ECALL_U))
        syscall_dispatch(h, t);
    else if (scause == CAUSE_LOAD_PAGE || scause == CAUSE_STORE_PAGE || scause == CAUSE_FETCH_PAGE)
        page_fault(h, t, scause);
    else if (scause & SCAUSE_INTERRUPT)
        trap_poll_interrupts(h);
    else
        exception(h, t, scause);
}
