/* Names of the kernel's flushes. See flushsite.h. Debug builds only. */
#include "flushsite.h"

#if TENON_DEBUG
#include "platform.h"
#include <string.h>

enum flush_site flush_left_out_site;

static const char *const names[FLUSH_SITES] = {
    [FLUSH_UNMAP] = "unmap",
    [FLUSH_EVERYTHING_LOCAL] = "everything-local",
    [FLUSH_EVERYTHING_REMOTE] = "everything-remote",
    [FLUSH_EVERYTHING_WAIT] = "everything-wait",
    [FLUSH_RANGE_LOCAL] = "range-local",
    [FLUSH_RANGE_REMOTE] = "range-remote",
    [FLUSH_RANGE_WAIT] = "range-wait",
    [FLUSH_SERVE_EVERYTHING] = "serve-everything",
    [FLUSH_SERVE_RANGES] = "serve-ranges",
    [FLUSH_RING_OVERFLOW] = "ring-overflow",
    [FLUSH_ASID_END] = "asid-end",
    [FLUSH_ASID_SHARED] = "asid-shared",
    [FLUSH_ABSENCE] = "absence",
};

void flush_site_init(void)
{
    size_t length = 0;
    const char *name = platform_bootarg("leave-out-flush", &length);
    for (uint32_t site = 1; name && site < FLUSH_SITES; site++)
        if (strlen(names[site]) == length && strncmp(name, names[site], length) == 0)
            flush_left_out_site = site;
}
#endif
