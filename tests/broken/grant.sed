# breaks: kernel/syscall.c
# Capabilities go along without the right to grant.
s/cap_has(c, TN_GRANT) ? SEND_GRANT : 0/SEND_GRANT/
