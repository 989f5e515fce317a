/* Words that contracts are written in. Read by the provers alone, before anything else. */
#pragma once

/* 4 KiB pages that an entry of this level maps. */
#define SPEC_PAGES(level)                                                                                              \
    ((level) == 0 ? 1 : (level) == 1 ? 0x200 : (level) == 2 ? 0x40000 : (level) == 3 ? 0x8000000 : 0x1000000000)

/* A leaf of this level can map the page. */
#define SPEC_ALIGNED(page, level)                                                                                      \
    ((level) == 0 || ((level) == 1 && (page) % 0x200 == 0) || ((level) == 2 && (page) % 0x40000 == 0) ||               \
     ((level) == 3 && (page) % 0x8000000 == 0) || ((level) == 4 && (page) % 0x1000000000 == 0))

/* Bit n of a word, 0 or 1. */
#define SPEC_BIT(word, n) ((word) / (1ull << (n)) % 2)

/* Fields of an entry: V; rights; U, G, A (5: U and A); D; the two software bits; page; what is above it (0x100: PBMT_IO). */
#define SPEC_V(pte) ((pte) % 2)
#define SPEC_RIGHTS(pte) ((pte) / 2 % 8)
#define SPEC_UGA(pte) ((pte) / 16 % 8)
#define SPEC_D(pte) ((pte) / 128 % 2)
#define SPEC_SOFT(pte) ((pte) / 256 % 4)
#define SPEC_PAGE(pte) ((pte) / 1024 % 0x100000000000)
#define SPEC_TOP(pte) ((pte) / 0x40000000000000)
#define SPEC_SAME_FLAGS(a, b)                                                                                          \
    (SPEC_V(a) == SPEC_V(b) && SPEC_RIGHTS(a) == SPEC_RIGHTS(b) && SPEC_UGA(a) == SPEC_UGA(b) &&                       \
     SPEC_D(a) == SPEC_D(b) && SPEC_SOFT(a) == SPEC_SOFT(b))
