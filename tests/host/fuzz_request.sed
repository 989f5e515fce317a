# breaks: mmserver/threads.c
# A client may end a thread whose number it cannot have.
s/if (tid < c->max_threads && thread_at(c, tid)->state == THREAD_LIVE)/if (thread_at(c, tid)->state == THREAD_LIVE)/
