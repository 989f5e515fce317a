/* The two things of libipc that are instructions: the system call and the clock. tenon/ipc.h makes calls with types of
 * them; host tests put a file of this name first and play the kernel themselves.
 */
#pragma once
#include <stdint.h>
#include <tenon/message.h>

#define TN_INLINE static inline __attribute__((always_inline))

/* What a receive, or the reply to a call, left in the registers. */
struct tn_msg {
    uint64_t badge; /* of the sender (Recv forms) */
    tn_info_t info;
    uint64_t mr[TN_MSG_REG_WORDS];
};

/* The one ecall. `a6` matters to the Recv forms and to REPLY alone. */
TN_INLINE struct tn_msg tn_syscall(uint64_t number, uint64_t cap, tn_info_t info, uint64_t m0, uint64_t m1, uint64_t m2,
                                   uint64_t m3, tn_cptr_t reply)
{
    register uint64_t a0 __asm__("a0") = cap;
    register uint64_t a1 __asm__("a1") = info;
    register uint64_t a2 __asm__("a2") = m0;
    register uint64_t a3 __asm__("a3") = m1;
    register uint64_t a4 __asm__("a4") = m2;
    register uint64_t a5 __asm__("a5") = m3;
    register uint64_t a6 __asm__("a6") = reply;
    register uint64_t a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5)
                     : "r"(a6), "r"(a7)
                     : "memory", "t0", "t1", "t2", "t3", "t4", "t5", "t6");
    return (struct tn_msg){ .badge = a0, .info = a1, .mr = { a2, a3, a4, a5 } };
}

/* `time` CSR: ticks since boot, of tn_bootinfo.timebase_hz. */
TN_INLINE uint64_t tn_time(void)
{
    uint64_t t;
    __asm__ volatile("rdtime %0" : "=r"(t));
    return t;
}
