# breaks: kernel/ipc.c
# A sender can send what looks like an error of the kernel.
s/    info &= INFO_SENDER_MASK;//
