# breaks: kernel/memory.c
# A revocation leaves the entries where they are.
s/compare_exchange_relaxed(&table\[i\], pte, 0)/pte/
