/* Requests of clients: tenon/mm_protocol.h, labels below 32. */
#pragma once
#include "worker.h"

/* Ordinary requests, which most are: MM_MAP, MM_UNMAP and MM_PROTECT of their usual length, whose words come as they stand
 * in the registers. They give the one word of the answer, on which a page-table write may ride; or REQUEST_IS_SPECIAL:
 * nothing was done (though it is counted twice), request_serve() has to be asked. */
#define REQUEST_IS_SPECIAL INT64_MIN
int64_t request_map(uint64_t badge, tn_info_t info, uint64_t address, uint64_t bytes, uint64_t prot, uint64_t flags,
                    struct worker *w);
int64_t request_unmap(uint64_t badge, tn_info_t info, uint64_t address, uint64_t bytes, uint64_t m2, uint64_t m3,
                      struct worker *w);
int64_t request_protect(uint64_t badge, tn_info_t info, uint64_t address, uint64_t bytes, uint64_t prot, uint64_t m3,
                        struct worker *w);

/* Serve the message `m`, which carries a client's badge. Always sets *a: whatever the message is, its sender gets an
 * answer, or has ended. */
void request_serve(struct worker *w, const struct tn_msg *m, struct answer *a);
