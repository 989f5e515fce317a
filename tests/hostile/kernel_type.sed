# breaks: kernel/ptwrite.c
# Whatever a capability names can be mapped.
s/cap_type(f) != TN_FRAME || !cap_has(f, u->rights)/!cap_has(f, u->rights)/
