# breaks: kernel/ptwrite.c
# A table may be linked under one of any level.
s/view ? r->level != 0 : table.w1 + 1 != r->level/view \&\& r->level != 0/
