# The kernel's page-table writes for this machine: the RISC-V instructions that they are made of, in C (Makefile).
s|__asm__ volatile("amoswap.d.rl %0, %2, %1" : "=r"(old), "+A"(\*entry) : "r"(value) : "memory");|old = __atomic_exchange_n(entry, value, __ATOMIC_RELEASE);|
s|__asm__ volatile("fence r, r" ::: "memory")|__atomic_thread_fence(__ATOMIC_ACQUIRE)|
