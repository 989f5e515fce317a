/* Faults of clients' threads: the hottest path of the server (docs/fault-path.md). */
#pragma once
#include "worker.h"

/* Serve a fault message, whose words come as they stand in the registers. true: the page is there, the thread may go on
 * (info 0), and a page-table write may ride on the reply. false: fault_fail() has to be asked. */
bool fault_serve(uint64_t badge, tn_info_t info, uint64_t pc, uint64_t address, uint64_t fetch, uint64_t scause,
                 struct worker *w);

/* The fault message `m` was not served: ends the client, unless the page can be had by now. */
void fault_fail(struct worker *w, const struct tn_msg *m, struct answer *a);
