# breaks: kernel/ipc.c
# A sender can send what looks like an error of the kernel.
s/    info &= INFO_SENDER_MASK;//
s/load_relaxed(&from->x\[REG_A1\]) \& INFO_SENDER_MASK;/load_relaxed(\&from->x[REG_A1]);/
