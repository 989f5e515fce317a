# breaks: libboot/fdt.c
# A token need not end in the structure block.
s/if (end > t->struct_bytes)/if (0)/
