/* Offsets that assembly needs. Not linked: the Makefile compiles this file to assembly and turns its marked lines into
 * asm_offsets.h. */
#include "hart.h"
#include "tcb.h"

#define OFFSET(name, value) __asm__ volatile("\n->" #name " %0" ::"i"(value))

void offsets(void);
void offsets(void)
{
    OFFSET(TCB_HART, offsetof(struct tcb, hart));
    OFFSET(TCB_F, offsetof(struct tcb, f));
    OFFSET(TCB_FCSR, offsetof(struct tcb, fcsr));
    OFFSET(HART_KERNEL_SP, offsetof(struct hart, kernel_sp));
    OFFSET(HART_BYTES, sizeof(struct hart));
    OFFSET(HART_HARTID, offsetof(struct hart, hartid));
    OFFSET(HART_CURRENT, offsetof(struct hart, current));
    OFFSET(HART_RESCHED, offsetof(struct hart, resched));
    OFFSET(HART_ONLINE, offsetof(struct hart, online));
}
