/* Faults of clients' threads that ordinary.h did not serve. */
#pragma once
#include "worker.h"

/* The fault message `m` was not served: ends the client, unless the page can be had by now. */
void fault_fail(struct worker *w, const struct tn_msg *m, struct answer *a);
