/* Faults of clients' threads: the hottest path of the server (docs/fault-path.md). */
#pragma once
#include "worker.h"

/* Serve the fault message `m`. A page that may be had is supplied and the thread goes on; anything else ends the
 * client. */
void fault_serve(struct worker *w, const struct tn_msg *m, struct answer *a);
