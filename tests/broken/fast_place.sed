# breaks: kernel/fastpath.c
# The answer to a page fault on the short way moves the thread.
s/if (fault != TN_FAULT_VM \&\& tn_info_words(info) != 0)/if (tn_info_words(info) != 0)/
