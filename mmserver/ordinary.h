/* What most messages are, served with their words in the registers they came in: page faults, and MM_MAP, MM_UNMAP and
 * MM_PROTECT of their usual length. docs/fault-path.md, hops 5 and 6. Included by worker.c, whose loop all of this is
 * part of: a loop that never returns saves no registers.
 *
 * Each is one transaction of the core, whose page-table writes may ride on the reply: after it nothing may be done but
 * leaving the client and the epoch (corten/worker.h, "Riding").
 */
#pragma once
#include "client.h"
#include "mmargs.h"
#include <tenon/fault.h>

#define SCAUSE_FETCH 12 /* page faults; privileged specification, "scause" */
#define SCAUSE_LOAD 13
#define SCAUSE_STORE 15

/* The right that the fault was about; 0: it was no page fault. */
static inline unsigned fault_right(tn_info_t info, uint64_t scause)
{
    if (tn_info_label(info) != TN_FAULT_VM) {
        return 0;
    }
    switch (scause) {
    case SCAUSE_FETCH:
        return TN_EXEC;
    case SCAUSE_LOAD:
        return TN_READ;
    case SCAUSE_STORE:
        return TN_WRITE;
    default:
        return 0; /* access fault */
    }
}

/* Serve a fault. true: the page is there, the thread may go on. false: fault_fail() has to be asked. */
ct_inline bool fault_serve(struct worker *w, uint64_t badge, tn_info_t info, uint64_t address, uint64_t scause)
{
    unsigned right = fault_right(info, scause);
    struct client *c = client_enter(w, (uint32_t)badge);
    enum ct_status status = CT_NOT_MAPPED;

    if (__builtin_expect(c != NULL && right != 0, 1)) {
        ct_worker_begin(&w->ct);
        if (__builtin_expect(!w->ct.around, 1)) {
            status = ct_fault(&w->ct, c->space, (vaddr_t){address}, right, CT_RIDE, NULL);
        } else {
            status = ct_fault_around(&w->ct, c->space, (vaddr_t){address}, right, NULL);
        }
        ct_worker_end(&w->ct);
    }
    client_leave(w);
    return status == CT_OK;
}

/* The requests give the one word of the answer; or REQUEST_IS_SPECIAL: nothing was done (though it is counted twice),
 * request_serve() has to be asked. */
#define REQUEST_IS_SPECIAL INT64_MIN

/* Protections as rights of the core: bit for bit, and write implies read. Only for those that there are. */
static inline unsigned plain_rights(uint64_t prot)
{
    return (unsigned)(prot | (prot & TN_WRITE) >> 1);
}

/* Around the one transaction of an ordinary request. NULL: the client is being ended. */
ct_inline struct client *ordinary_begin(struct worker *w, uint64_t badge)
{
    struct client *c = client_enter(w, badge);

    if (__builtin_expect(c != NULL, 1)) {
        ct_worker_begin(&w->ct);
        ct_count(&w->ct, c->space, MM_REQUESTS, 1);
    }
    return c;
}

/* `value`: the answer where all went well. */
ct_inline int64_t ordinary_end(struct worker *w, enum ct_status status, int64_t value)
{
    ct_worker_end(&w->ct);
    client_leave(w);
    if (__builtin_expect(status == CT_OK, 1)) {
        return value;
    }
    return status == CT_RANGE ? REQUEST_IS_SPECIAL : args_errno(status);
}

ct_inline int64_t request_map(struct worker *w, uint64_t badge, uint64_t address, uint64_t bytes, uint64_t prot,
                              uint64_t flags)
{
    unsigned how = args_map_ordinary(address, flags);
    vaddr_t out = {0};

    if (__builtin_expect(prot > (TN_READ | TN_WRITE | TN_EXEC) || how == 0, 0)) {
        return REQUEST_IS_SPECIAL;
    }
    struct client *c = ordinary_begin(w, badge);
    if (__builtin_expect(c == NULL, 0)) {
        return REQUEST_IS_SPECIAL;
    }
    enum ct_status status = ct_map(&w->ct, c->space, (vaddr_t){address}, bytes, ct_anon(plain_rights(prot)), how, &out);
    return ordinary_end(w, status, (int64_t)out.v);
}

ct_inline int64_t request_unmap(struct worker *w, uint64_t badge, uint64_t address, uint64_t bytes)
{
    struct client *c = ordinary_begin(w, badge);

    if (__builtin_expect(c == NULL, 0)) {
        return REQUEST_IS_SPECIAL;
    }
    return ordinary_end(w, ct_unmap(&w->ct, c->space, (vaddr_t){address}, bytes, CT_RIDE), 0);
}

ct_inline int64_t request_protect(struct worker *w, uint64_t badge, uint64_t address, uint64_t bytes, uint64_t prot)
{
    if (__builtin_expect(prot > (TN_READ | TN_WRITE | TN_EXEC), 0)) {
        return REQUEST_IS_SPECIAL;
    }
    struct client *c = ordinary_begin(w, badge);
    if (__builtin_expect(c == NULL, 0)) {
        return REQUEST_IS_SPECIAL;
    }
    enum ct_status status = ct_protect(&w->ct, c->space, (vaddr_t){address}, bytes, plain_rights(prot), CT_RIDE);
    return ordinary_end(w, status, 0);
}

/* Whatever came: the answer's one word and, in *answered, its info word; or REQUEST_IS_SPECIAL, where serve_specially() (worker.c)
 * has to go on. */
ct_inline int64_t ordinary_serve(struct worker *w, uint64_t badge, tn_info_t info, uint64_t m0, uint64_t m1,
                                 uint64_t m2, uint64_t m3, tn_info_t *answered)
{
    if (badge & BADGE_FAULT) {
        *answered = tn_info(0, 0, 0);
        return fault_serve(w, badge, info, m1, m3) ? 0 : REQUEST_IS_SPECIAL;
    }
    *answered = tn_info(0, 0, 1);
    if (info == tn_info(MM_MAP, 0, 4)) {
        return request_map(w, badge, m0, m1, m2, m3);
    }
    if (info == tn_info(MM_UNMAP, 0, 2)) {
        return request_unmap(w, badge, m0, m1);
    }
    if (info == tn_info(MM_PROTECT, 0, 3)) {
        return request_protect(w, badge, m0, m1, m2);
    }
    return REQUEST_IS_SPECIAL;
}
