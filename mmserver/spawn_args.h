/* The request MM_SPAWN, taken out of the message and checked. Pure functions. */
#pragma once
#include <stdint.h>
#include <tenon/mm_protocol.h>

struct spawn_args {
    const struct mm_spawn *request;
    const char *program, *input; /* in request->text; input "" where there is none */
    const char *argv;            /* request->argc strings, one behind the other */
    uint32_t argv_bytes;
    uint32_t max_threads;
    uint64_t hart_mask[2];
};

/* Checks *request as it came from outside; `words` words of it arrived. 0, or
 *   -EINVAL  message too short, strings not terminated or not as many as argc says, no program, no argument;
 *            a hart that is not there, or max_threads above THREADS_MAX */
int64_t spawn_check(const struct mm_spawn *request, unsigned words, unsigned harts, uint32_t threads_max,
                    struct spawn_args *out);
