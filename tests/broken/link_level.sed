# breaks: kernel/ptwrite.c
# Tables are linked at any level.
s/(view ? r->level != 0 : table.w1 + 1 != r->level)/(view \&\& r->level != 0)/
