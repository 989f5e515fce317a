# breaks: kernel/ptwrite.c
# A mapping may have more rights than the Frame's capability.
s/cap_type(f) != TN_FRAME || !cap_has(f, u->rights)/cap_type(f) != TN_FRAME/
