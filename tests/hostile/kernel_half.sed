# breaks: kernel/ptwrite.c
# A root's upper half may be written.
s/end = level == mmu_levels - 1 ? ROOT_KERNEL_FIRST : TN_PT_ENTRIES/end = TN_PT_ENTRIES/
