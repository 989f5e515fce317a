/* Stands before libipc/include/tenon/ecall.h in host tests: a test that links libipc plays the kernel. */
#pragma once
#include <stdint.h>
#include <tenon/message.h>

#define TN_INLINE static inline __attribute__((always_inline))

struct tn_msg {
    uint64_t badge;
    tn_info_t info;
    uint64_t mr[TN_MSG_REG_WORDS];
};

/* Both are the test's. */
struct tn_msg tn_syscall(uint64_t number, uint64_t cap, tn_info_t info, uint64_t m0, uint64_t m1, uint64_t m2,
                         uint64_t m3, tn_cptr_t reply);
uint64_t tn_time(void);
