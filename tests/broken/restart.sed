# breaks: kernel/tcb.c
# A call that was suspended does not start again.
s/t->x\[REG_PC\] -= 4;/;/
