# breaks: kernel/ptwrite.c
# A view has the rights that were asked for.
s/pt_leaf(cap_paddr(table), TN_READ, 0)/pt_leaf(cap_paddr(table), u->rights, 0)/
