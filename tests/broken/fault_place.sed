# breaks: kernel/ipc.c
# The answer to a page fault moves the thread.
s/caller->fault_label != TN_FAULT_VM && //
