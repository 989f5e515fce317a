/* The end of a client, and taking back what it had; the protocol is in ending.c. */
#pragma once
#include "client.h"

/* The client ends for the reason *end, if it is LIVE; true: this call brought it about, and worker `w` takes it apart
 * between its requests. May be called inside a request of that client. */
bool ending_begin(struct worker *w, struct client *c, const struct client_end *end);

/* One bounded step of the worker's first job. Between requests; w->jobs is not NULL. */
void ending_step(struct worker *w);

/* A client that could not be loaded: everything back at once, record FREE. It never ran. */
void ending_unload(struct worker *w, struct client *c);

/* MM_AWAIT: answer now or park the caller. 0 with *a set, or -errno: ESRCH no such client, EBUSY somebody awaits it. */
int64_t ending_await(struct worker *w, struct client *c, struct answer *a);
