# breaks: kernel/endpoint.c
# Who waits is not told that what it waited for has gone.
s/tcb_set_error(t, TN_PEER_GONE);/;/
