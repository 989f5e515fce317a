/* Each operation of the core, on a state in which it has something to do and needs memory for it. For tests that let it
 * fail: all are worker 0's, on the test's space (corten_case.h), and each is one transaction. */
#pragma once
#include "corten_case.h"

#define OP_BASE (8 * GIB1 - 3 * KIB4) /* nothing is aligned to anything but pages */
#define OP_HELD (OP_BASE + 6 * KIB4)

struct operation {
    const char *name;
    enum ct_status (*run)(void);
    bool partial;   /* if it fails, what it came to stays (cursor_populate) */
    bool uncharged; /* may cost the space's quota nothing */
};

extern const struct operation operations[];
extern const size_t operations_count;

/* In an empty space: a mark of 4 GiB from OP_BASE on; under it touched pages, pages held without rights (OP_HELD), lent
 * ones, a guard, a hole, other rights; a freed range of the arena that could be had again. The worker's stocks are
 * empty, so that every need is a request to the port. */
void operations_prepare(void);
