/* Failing on purpose. See panictest.h. Debug builds only; called from invariants.c. */
#include "panictest.h"

#if TENON_DEBUG
#include "panic.h"
#include "platform.h"
#include <string.h>

#define ENTRIES_BEFORE 200 /* of the hart that fails: then the others have had something to do as well */

static const char *const names[] = {"", "assert", "trap", "jump", "print"};
static enum { NOTHING, ASSERT, TRAP, JUMP, PRINT, KINDS } what;
static uint32_t entries;

void panictest_init(void)
{
    size_t length = 0;
    const char *name = platform_bootarg("panic-test", &length);
    for (unsigned i = ASSERT; name && i < KINDS; i++)
        if (length == strlen(names[i]) && memcmp(name, names[i], length) == 0)
            what = i;
}

void panictest_check(struct hart *h)
{
    if (likely(what == NOTHING) || h->index != hart_count - 1 || ++entries < ENTRIES_BEFORE)
        return;
    uint64_t nowhere = DIRECT_MAP_BYTES / 2; /* a user address without a page */
    if (what == ASSERT)
        kassert(entries < ENTRIES_BEFORE);
    if (what == TRAP)
        *(volatile uint64_t *)nowhere = 1;
    if (what == JUMP)
        ((void (*)(void))nowhere)();
    panic("%s", (const char *)nowhere);
}
#endif
