# breaks: kernel/notification.c
# Bits that were waited for stay.
s/    n->bits = 0;//
