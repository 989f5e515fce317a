# The kernel's page-table writes for this machine: the RISC-V instructions that they are made of, in C (Makefile).
s|__asm__ volatile("amoswap.d.rl %0, %2, %1" : "=r"(old), "+A"(\*entry) : "r"(value) : "memory");|old = __atomic_exchange_n(entry, value, __ATOMIC_RELEASE);|
s|__asm__ volatile("fence r, r" ::: "memory")|__atomic_thread_fence(__ATOMIC_ACQUIRE)|
# Entries that are alike: what the loops of lr and sc do, and they are used, though this is a debug build.
/ptwrite_shrink_like(pte_t/,/^}/{
/__asm__ goto(/,/: other);/c\
    if ((*entry & PTE_FLAGS) != flags) goto other; *entry += delta;
}
/ptwrite_grow_like(pte_t/,/^}/{
/__asm__ goto(/,/: other);/c\
    if ((*entry & PTE_FLAGS) != flags || (*entry << 10 >> 20) - base >= limit) goto other; *entry += delta;
}
s|!TENON_DEBUG && likely(ptwrite|likely(ptwrite|
