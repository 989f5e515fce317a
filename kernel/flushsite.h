/* The places where the kernel flushes, by name. A debug build leaves one of them out where the boot argument
 * leave-out-flush=NAME says so: the account of flushcheck.h has to notice it (docs/verification.md, "Flushes"). */
#pragma once
#include "types.h"

enum flush_site {
    FLUSH_NONE = 0,
    FLUSH_UNMAP,             /* memory.c: memory that was taken out of all tables */
    FLUSH_EVERYTHING_LOCAL,  /* shootdown.c: of everything, this hart's part */
    FLUSH_EVERYTHING_REMOTE, /* shootdown.c: of everything, the other harts' */
    FLUSH_EVERYTHING_WAIT,   /* shootdown.c: waiting for them */
    FLUSH_RANGE_LOCAL,       /* shootdown.c: of a range, this hart's part */
    FLUSH_RANGE_REMOTE,      /* shootdown.c: of a range, the other harts' */
    FLUSH_RANGE_WAIT,        /* shootdown.c: waiting for them */
    FLUSH_SERVE_EVERYTHING,  /* ipi.c: what another hart asked for, everything */
    FLUSH_SERVE_RANGES,      /* ipi.c: what another hart asked for, ranges */
    FLUSH_RING_OVERFLOW,     /* ipi.c: more ranges than the box holds become everything */
    FLUSH_ASID_END,          /* vspace.c: an ASID goes back */
    FLUSH_ASID_SHARED,       /* vspace.c: a space without an ASID of its own is loaded */
    FLUSH_ABSENCE,           /* trap.c: an entry became valid after this hart had seen it invalid */
    FLUSH_SITES,
};

#if TENON_DEBUG
extern enum flush_site flush_left_out_site;
/* Boot: reads the boot argument. A name that is none of the kernel's is left to the memory server, which has names of its own. */
void flush_site_init(void);
static inline bool flush_left_out(enum flush_site site)
{
    return site == flush_left_out_site;
}
#else
static inline bool flush_left_out(enum flush_site site)
{
    (void)site;
    return false;
}
#endif
