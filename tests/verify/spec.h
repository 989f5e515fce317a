/* Words that contracts are written in. Read by the provers alone, before anything else. */
#pragma once

/* 4 KiB pages that an entry of this level maps. */
#define SPEC_PAGES(level)                                                                                              \
    ((level) == 0 ? 1 : (level) == 1 ? 0x200 : (level) == 2 ? 0x40000 : (level) == 3 ? 0x8000000 : 0x1000000000)

/* Bit n of a word, 0 or 1; the page that an entry names. */
#define SPEC_BIT(word, n) ((word) / (1ull << (n)) % 2)
#define SPEC_PAGE(pte) ((pte) / 1024 % 0x100000000000)
