# breaks: kernel/tcb.c
# Registers of a ready thread are written.
s/state == THREAD_READY || state == THREAD_WAKING/state == THREAD_WAKING/
