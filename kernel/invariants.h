/* The kernel's invariants (docs/architecture.md, "Trust"), checked in debug builds at the beginning of every kernel
 * entry: what the one before left behind. */
#pragma once
#include "hart.h"

#if TENON_DEBUG
void invariants_check(struct hart *h);
#else
static inline void invariants_check(struct hart *h)
{
    (void)h;
}
#endif
