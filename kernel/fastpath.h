/* The way of the calls that count: Call and ReplyRecv between two threads of one hart, the fault that becomes a message, and
 * the page-table writes in between.
 *
 * trap.S jumps here with the caller-saved registers of the thread saved, its pc already behind the `ecall`, and its a0..a7 still
 * in their registers; s0..s11 and gp are the thread's own, nowhere saved, and fastpath.c is compiled not to touch them.
 *
 * Each of these functions either does the whole operation and leaves the kernel, or finds that it is not the common case
 * and *returns, with nothing changed*: then trap.S saves the rest and takes the way through trap_handle(), which knows all
 * cases. What the common case is stands at each check. The two ways must mean the same: whoever changes one changes
 * the other (syscall.c, ipc.c, trap.c).
 */
#pragma once
#include "tcb.h"

void fast_call(uint64_t cptr, uint64_t info, uint64_t m0, uint64_t m1, uint64_t m2, uint64_t m3);
void fast_reply_recv(uint64_t cptr, uint64_t info, uint64_t m0, uint64_t m1, uint64_t m2, uint64_t m3,
                     uint64_t reply_cptr);
void fast_pt_reply_recv(void);
void fast_pt_write(void);
/* A page fault of a load or a store, with this scause and stval. */
void fast_page_fault(uint64_t scause, uint64_t va);
/* `ebreak`. */
void fast_breakpoint(uint64_t scause, uint64_t stval);
