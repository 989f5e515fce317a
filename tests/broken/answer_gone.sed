# breaks: kernel/reply.c
# A caller is not told that its Reply object has gone.
s/tcb_set_error(t, TN_PEER_GONE);/;/
