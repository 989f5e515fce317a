/* Requests of clients: tenon/mm_protocol.h, labels below 32. */
#pragma once
#include "worker.h"

/* Serve the message `m`, which carries a client's badge. Always sets *a: whatever the message is, its sender gets an
 * answer, or has ended. */
void request_serve(struct worker *w, const struct tn_msg *m, struct answer *a);
