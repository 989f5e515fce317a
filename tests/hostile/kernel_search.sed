# breaks: kernel/memory.c
# Memory changes its type though page tables lead to it.
s/^    status_t status = scan(t, base, bytes);/    status_t status = bytes ? TN_OK : scan(t, base, bytes);/
