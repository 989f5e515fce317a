# breaks: kernel/notification.c
# A deadline signals without its badge.
s/timer_arm(n, t->x\[REG_A2\], c.w1)/timer_arm(n, t->x[REG_A2], 0)/
