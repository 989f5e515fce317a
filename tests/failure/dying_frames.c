/* mmserver/frames.c with a fault put in: it takes for granted that there is memory. Shows that the sweeps of memory find
 * a server that dies when there is none; linked into dying_server in that file's place. */
#include "frames.h"
#include "panic.h"
#include "share.h"

static uint32_t granted_chunk(enum tn_object type, uint64_t *paddr)
{
    uint32_t slot = share_chunk(type, paddr);

    server_must(slot == 0, "no memory");
    return slot;
}

#define share_chunk granted_chunk
#include "../../mmserver/frames.c"
