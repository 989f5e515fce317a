# breaks: kernel/ipc.c
# A sender that had to wait loses its badge.
s/t->send_badge = badge;/t->send_badge = 0;/
