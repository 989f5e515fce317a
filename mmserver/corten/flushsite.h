/* The places where the core flushes, or asks for a flush at the transaction's end, by name. A debug build leaves one of them out
 * if told so at the start: the account of the kernel's debug build has to notice (docs/verification.md, "Flushes"). */
#pragma once
#include <stdbool.h>

enum ct_flush_site {
    CT_FLUSH_SITE_NONE = 0,
    CT_FLUSH_REMAP,     /* cursor.c: before an address is mapped again */
    CT_FLUSH_RACED,     /* cursor.c: a flush began between an entry's stamp and its clearing: another stamp */
    CT_FLUSH_END_ALL,   /* cursor.c: end of a transaction, everything */
    CT_FLUSH_END_MANY,  /* cursor.c: end of a transaction, a long range */
    CT_FLUSH_END_RANGE, /* cursor.c: end of a transaction, a short range */
    CT_FLUSH_LIMBO,     /* flush.c: before frames are used again */
    CT_FLUSH_TABLES,    /* epoch.c: before tables are used again */
    CT_FLUSH_DESTROY,   /* space.c: a space goes */
    CT_FLUSH_UNLINKED,  /* mark.c: a table was unlinked (policy NOW) */
    CT_FLUSH_UNMAPPED,  /* mark.c: pages were unmapped (policy NOW) */
    CT_FLUSH_WEAKENED,  /* protect.c: pages lost rights */
    CT_FLUSH_HELD,      /* protect.c: pages lost all rights and keep their frames */
    CT_FLUSH_LEAF,      /* leaf.c: pages of one table lost rights */
    CT_FLUSH_SITES,
};

#if TENON_DEBUG
extern enum ct_flush_site ct_flush_left_out_site;
/* Leaves out the flush of that name. false: there is none. Before ct_init(). */
bool ct_flush_leave_out(const char *name);
static inline bool ct_flush_left_out(enum ct_flush_site site)
{
    return site != CT_FLUSH_SITE_NONE && site == ct_flush_left_out_site;
}
/* Remembers who asks for the flush that follows. */
static inline void ct_flush_asked_by(enum ct_flush_site *last, enum ct_flush_site site)
{
    *last = site;
}
#else
static inline bool ct_flush_leave_out(const char *name)
{
    (void)name;
    return false;
}
static inline bool ct_flush_left_out(enum ct_flush_site site)
{
    (void)site;
    return false;
}
static inline void ct_flush_asked_by(enum ct_flush_site *last, enum ct_flush_site site)
{
    (void)last, (void)site;
}
#endif
