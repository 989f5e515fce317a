/* The kernel's invariants (docs/architecture.md, "Trust"), checked in debug builds at the end of every kernel entry. */
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
