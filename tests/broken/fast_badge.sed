# breaks: kernel/fastpath.c
# A call on the short way arrives without its badge.
s/switch_to(h, to, c.w1, info, m0, m1, m2, m3);/switch_to(h, to, 0, info, m0, m1, m2, m3);/
