# breaks: kernel/ptwrite.c
# A batch maps what the Frame capability does not grant.
s/cap_type(f) != TN_FRAME || !cap_has(f, u->rights)/cap_type(f) != TN_FRAME/
