/* Debug builds: the boot argument break=NAME makes the kernel break one of its own invariants once, in the midst of its work, so
 * that tests see the check of that invariant stop it (tests/run.py, "panics"). Empty in release builds. */
#pragma once
#include "hart.h"

#if TENON_DEBUG
/* At a kernel entry: breaks what is to be broken, once. */
void breakage_check(struct hart *h);
#else
static inline void breakage_check(struct hart *h)
{
    (void)h;
}
#endif
