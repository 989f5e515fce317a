/* Offsets and numbers that assembly needs. Not linked: the Makefile compiles this file to assembly and turns its marked lines into
 * asm_offsets.h. */
#include "csr.h"
#include "hart.h"
#include "tcb.h"
#include <tenon/syscall.h>

#define OFFSET(name, value) __asm__ volatile("\n->" #name " %0" ::"i"(value))

void offsets(void);
_Static_assert(TN_SYS_HART == 0, "trap.S");
_Static_assert(((CAUSE_STORE_PAGE - CAUSE_LOAD_PAGE) & ~(CAUSE_LOAD_PAGE ^ CAUSE_STORE_PAGE)) == 0, "trap.S");
_Static_assert((CAUSE_LOAD_PAGE ^ CAUSE_STORE_PAGE) == 2, "trap.S: one bit");

void offsets(void)
{
    OFFSET(TCB_HART, offsetof(struct tcb, hart));
    OFFSET(TCB_F, offsetof(struct tcb, f));
    OFFSET(TCB_FCSR, offsetof(struct tcb, fcsr));
    OFFSET(HART_KERNEL_SP, offsetof(struct hart, kernel_sp));
    OFFSET(SYS_CALL, TN_SYS_CALL);
    OFFSET(SYS_REPLY_RECV, TN_SYS_REPLY_RECV);
    OFFSET(SYS_PT_WRITE, TN_SYS_PT_WRITE);
    OFFSET(SYS_PT_REPLY_RECV, TN_SYS_PT_REPLY_RECV);
    OFFSET(CAUSE_ECALL_U, CAUSE_ECALL_U);
    OFFSET(CAUSE_BREAKPOINT, CAUSE_BREAKPOINT);
    OFFSET(CAUSE_LOAD_PAGE, CAUSE_LOAD_PAGE);
    OFFSET(CAUSE_STORE_PAGE, CAUSE_STORE_PAGE);
    OFFSET(HART_INDEX, offsetof(struct hart, index));
    OFFSET(HART_BYTES, sizeof(struct hart));
    OFFSET(HART_HARTID, offsetof(struct hart, hartid));
    OFFSET(HART_CURRENT, offsetof(struct hart, current));
    OFFSET(HART_RESCHED, offsetof(struct hart, resched));
    OFFSET(HART_ONLINE, offsetof(struct hart, online));
}
