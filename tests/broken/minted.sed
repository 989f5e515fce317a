# breaks: kernel/cdt.c
# Revoking a badge takes copies of other badges along.
s/return cb.w1 == ca.w1 \&\& b->kind != SLOT_ORIGINAL;/return true;/
