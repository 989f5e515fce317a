/* System call numbers and registers.
 *
 * A system call is an `ecall` from U-mode. Registers, on entry and return:
 *
 *              in                                          out
 *     a7       system call number (enum tn_syscall)        unchanged
 *     a0       capability pointer                          badge of the sender, or bits of a notification
 *     a1       message info (tenon/message.h)              message info; negative: an error from the kernel
 *     a2..a5   message words 0..3 (MR0..MR3)               message words 0..3
 *     a6       reply capability pointer (Recv forms)       unchanged
 *
 * t0..t6 are lost, as in a function call: they come back with values that the thread had at some time before. Every other
 * register is preserved. Words past MR3 travel in the IPC buffer.
 * A capability pointer of 0 names nothing.
 */
#pragma once

enum tn_syscall {
    TN_SYS_HART = 0,           /* a0 <- index of the hart one is on. The cheapest call there is. */
    TN_SYS_CALL = 1,           /* send and wait for the reply; on a kernel object: invoke it */
    TN_SYS_REPLY_RECV = 2,     /* reply through a6 (0: no reply), then receive on a0 with a6 as the next reply object */
    TN_SYS_SEND = 3,           /* send, wait for a receiver, no reply */
    TN_SYS_NB_SEND = 4,        /* send if a receiver waits, otherwise drop silently (as in seL4) */
    TN_SYS_RECV = 5,           /* receive on a0; a6: Reply object that is to hold a caller (0: callers are refused) */
    TN_SYS_NB_RECV = 6,        /* receive if a sender waits, otherwise TN_WOULD_BLOCK */
    TN_SYS_SIGNAL = 7,         /* OR the capability's badge into the notification a0 */
    TN_SYS_WAIT = 8,           /* wait until the notification a0 is not zero; a0 <- its bits, which become zero */
    TN_SYS_POLL = 9,           /* as WAIT, but returns at once with a0 = 0 where nothing is set */
    TN_SYS_YIELD = 10,         /* to the end of one's priority's queue */
    TN_SYS_PT_WRITE = 11,      /* write the batch in the IPC buffer (tenon/ptbatch.h) */
    TN_SYS_PT_REPLY_RECV = 12, /* PT_WRITE, and if it was accepted REPLY_RECV; if refused, neither replies nor receives */
    TN_SYS_REPLY = 13,         /* reply through a6 and go on; a0 is not used */
    TN_SYS_DEBUG_PUT = 14,     /* print a0 (0..40) bytes that stand in a1..a5, little-endian, on the kernel's console */
    TN_SYS_COUNT
};
