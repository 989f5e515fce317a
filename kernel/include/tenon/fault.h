/* Fault messages: a Call that the kernel composes from the faulting thread to its fault handler (Endpoint or Gate).
 *
 * The badge is the handler capability's, or if it has none the thread's own (TN_TCB_SET_BADGE). A reply with label 0 resumes the
 * thread: at the same instruction, or at MR0 where the reply has a word (USER_EXCEPTION, BREAKPOINT, UNKNOWN_SYSCALL).
 * Any other label leaves it inactive. A thread without a handler becomes inactive.
 */
#pragma once

enum tn_fault {
    TN_FAULT_VM = 1,              /* MR0 pc, MR1 address, MR2 1 = instruction fetch, MR3 scause (12, 13, 15: page fault;
                                   * 1, 5, 7: access fault) */
    TN_FAULT_USER_EXCEPTION = 2,  /* MR0 pc, MR1 stval, MR2 0, MR3 scause (illegal instruction, misaligned access, ...) */
    TN_FAULT_BREAKPOINT = 3,      /* MR0 pc, MR1 stval, MR2 0, MR3 scause (3) */
    TN_FAULT_UNKNOWN_SYSCALL = 4, /* MR0 pc of the ecall, MR1 its a7, MR2 its a0, MR3 its a1 */
};
