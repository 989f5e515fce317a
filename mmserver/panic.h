/* The server's own bugs: one line on the console, then the thread stops by a fault that init reports. Never for
 * anything that a client or the administrator can cause. */
#pragma once
#include <stdint.h>

_Noreturn void server_panic(const char *what, uint64_t value);

/* For what the kernel must not refuse: an enum tn_error other than TN_OK is a bug. */
static inline void server_must(int error, const char *what)
{
    if (__builtin_expect(error != 0, 0)) {
        server_panic(what, (uint64_t)error);
    }
}
