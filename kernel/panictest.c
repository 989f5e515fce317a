/* Failing on purpose. See panictest.h. Debug builds only; called from invariants.c. */
#include "panictest.h"

#if TENON_DEBUG
#include "panic.h"
#include "platform.h"
#include <string.h>

#define ENTRIES_BEFORE 200 /* of the hart that fails: then the others have had something to do as well */

static enum { NOTHING, ASSERT, TRAP } what;
static uint32_t entries;

void panictest_init(void)
{
    size_t length = 0;
    const char *name = platform_bootarg("panic-test", &length);
    if (name && length == 6 && memcmp(name, "assert", 6) == 0)
        what = ASSERT;
    else if (name && length == 4 && memcmp(name, "trap", 4) == 0)
        what = TRAP;
}

void panictest_check(struct hart *h)
{
    if (likely(what == NOTHING) || h->index != hart_count - 1 || ++entries < ENTRIES_BEFORE)
        return;
    if (what == ASSERT)
        kassert(entries < ENTRIES_BEFORE);
    *(volatile uint64_t *)(DIRECT_MAP_BYTES / 2) = 1; /* a user address without a page */
}
#endif
