# breaks: kernel/ipc.c
# Senders are received last come, first served.
s/struct tcb \*from = e->first;/struct tcb *from = e->last;/
