/* Names of the core's flushes. See flushsite.h. Debug builds only. */
#include <corten/flushsite.h>

#if TENON_DEBUG
#include <string.h>

enum ct_flush_site ct_flush_left_out_site;

static const char *const names[CT_FLUSH_SITES] = {
    [CT_FLUSH_REMAP] = "remap",       [CT_FLUSH_RACED] = "raced",         [CT_FLUSH_END_ALL] = "end-all",
    [CT_FLUSH_END_MANY] = "end-many", [CT_FLUSH_END_RANGE] = "end-range", [CT_FLUSH_LIMBO] = "limbo",
    [CT_FLUSH_TABLES] = "tables",     [CT_FLUSH_DESTROY] = "destroy",     [CT_FLUSH_UNLINKED] = "unlinked",
    [CT_FLUSH_UNMAPPED] = "unmapped", [CT_FLUSH_WEAKENED] = "weakened",   [CT_FLUSH_HELD] = "held",
    [CT_FLUSH_LEAF] = "leaf",
};

bool ct_flush_leave_out(const char *name)
{
    for (unsigned site = 1; site < CT_FLUSH_SITES; site++)
        if (strcmp(name, names[site]) == 0)
            ct_flush_left_out_site = site;
    return ct_flush_left_out_site != CT_FLUSH_SITE_NONE;
}
#endif
