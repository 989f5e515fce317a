/* Requests of clients: tenon/mm_protocol.h, labels below 32. */
#pragma once
#include "worker.h"

/* Whether the message may be what most are: a request about memory in its usual length. */
static inline bool request_may_be_ordinary(tn_info_t info)
{
    return info == tn_info(MM_MAP, 0, 4) || info == tn_info(MM_UNMAP, 0, 2) || info == tn_info(MM_PROTECT, 0, 3);
}

#define REQUEST_IS_SPECIAL INT64_MIN

/* Serve such a message, whose words come as they stand in the registers: the one word of the answer, on which a
 * page-table write may ride; or REQUEST_IS_SPECIAL: nothing was done, request_serve() has to be asked. */
int64_t request_ordinary(uint64_t badge, tn_info_t info, uint64_t address, uint64_t bytes, uint64_t prot,
                         uint64_t flags, struct worker *w);

/* Serve the message `m`, which carries a client's badge. Always sets *a: whatever the message is, its sender gets an
 * answer, or has ended. */
void request_serve(struct worker *w, const struct tn_msg *m, struct answer *a);
