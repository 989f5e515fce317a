/* Addresses, statuses and page states of the CortenMM core. Included by every other header of the core. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <tenon/object.h>

#ifndef TN_ADDRESS_TYPES /* a build that has these types of its own defines this */
#define TN_ADDRESS_TYPES
typedef struct {
    uint64_t v;
} vaddr_t; /* address in a client's space, bytes */
typedef struct {
    uint64_t v;
} paddr_t; /* physical address, bytes; 0 is no page */
#endif

#define CT_LEVELS_MAX 5
#define CT_WORKERS_MAX TN_HARTS_MAX
#define CT_LINE 64 /* bytes of a cache line */

/* What every fallible function of the core returns. Anything but CT_OK and CT_MORE: nothing has changed. */
enum ct_status {
    CT_OK = 0,
    CT_MORE,       /* a bounded step was done, call again */
    CT_NO_MEMORY,  /* the environment has no frame or table left (ENOMEM) */
    CT_QUOTA,      /* the space's budget is used up (ENOMEM) */
    CT_NOT_MAPPED, /* a page of the range has no mapping (ENOMEM of mprotect; SEGV_MAPERR of a fault) */
    CT_DENIED,     /* the page is there, the right is not (EACCES; SEGV_ACCERR) */
    CT_EXISTS,     /* something is there that must not be replaced (EEXIST) */
    CT_RANGE,      /* misaligned, empty, or not within the user part of the space (EINVAL) */
    CT_NO_ROOM,    /* no free virtual range is long enough (ENOMEM) */
};
#define CT_MUST_CHECK __attribute__((warn_unused_result))

/* What a page, or an aligned group of pages, is. CT_MAPPED is what a valid entry shows; the others are words of
 * metadata, which count only while the entry is invalid. */
enum ct_kind {
    CT_NONE = 0,   /* nothing: a touch is an error */
    CT_ANON = 1,   /* demand-zero, with rights (0: PROT_NONE) */
    CT_GUARD = 2,  /* never accessible; protect leaves it as it is */
    CT_HELD = 3,   /* a frame is here but no right to it: a touched page after mprotect(PROT_NONE) */
    CT_MAPPED = 15 /* only in struct ct_page */
};

/* A status as cursor_mark() takes it. */
typedef struct {
    uint64_t v;
} ct_word_t;

#define CT_WORD_RIGHTS_SHIFT 4

/*@ assigns \nothing;
    ensures \result.v == CT_NONE; */
static inline ct_word_t ct_none(void)
{
    return (ct_word_t){CT_NONE};
}
/* rights: TN_READ | TN_WRITE | TN_EXEC; 0 = reserved without access. Write needs read. */
/*@ requires rights <= 7;
    assigns \nothing;
    ensures \result.v == CT_ANON + rights * 16; */
static inline ct_word_t ct_anon(unsigned rights)
{
    return (ct_word_t){CT_ANON | (uint64_t)rights << CT_WORD_RIGHTS_SHIFT};
}
/*@ assigns \nothing;
    ensures \result.v == CT_GUARD; */
static inline ct_word_t ct_guard(void)
{
    return (ct_word_t){CT_GUARD};
}

/* What cursor_query() and cursor_find_next() say of the cursor's position. */
struct ct_page {
    enum ct_kind kind;
    unsigned rights; /* TN_READ | TN_WRITE | TN_EXEC; of HELD: 0 */
    bool borrowed;   /* MAPPED, HELD: the frame is not the core's to free */
    paddr_t frame;   /* MAPPED, HELD: of the page at the position */
    uint64_t bytes;  /* from the position on, at least this much is alike (MAPPED, HELD: one page) */
};
