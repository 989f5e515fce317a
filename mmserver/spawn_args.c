/* MM_SPAWN's words; see spawn_args.h. Called by admin.c and by the host tests. */
#include "spawn_args.h"
#include "linux_errno.h"
#include <stddef.h>
#include <string.h>

#define THREADS_DEFAULT 64

/* The string at offset *at of the text, which ends at `end`; moves *at behind it. NULL: it is not terminated. */
static const char *next_string(const char *text, uint32_t *at, uint32_t end)
{
    const char *string = text + *at;
    const char *zero = *at < end ? memchr(string, 0, end - *at) : NULL;

    if (zero == NULL) {
        return NULL;
    }
    *at = (uint32_t)(zero + 1 - text);
    return string;
}

static int64_t check_text(const struct mm_spawn *r, struct spawn_args *out)
{
    uint32_t at = 0;

    out->program = next_string(r->text, &at, r->text_bytes);
    out->input = next_string(r->text, &at, r->text_bytes);
    if (out->program == NULL || out->input == NULL || out->program[0] == 0 || r->argc == 0) {
        return -LINUX_EINVAL;
    }
    out->argv = r->text + at;
    for (uint32_t i = 0; i < r->argc; i++) {
        if (next_string(r->text, &at, r->text_bytes) == NULL) {
            return -LINUX_EINVAL;
        }
    }
    out->argv_bytes = (uint32_t)(r->text + at - out->argv);
    return at == r->text_bytes ? 0 : -LINUX_EINVAL;
}

/* Harts 0 .. harts - 1 as a mask. */
static void all_harts(unsigned harts, uint64_t mask[2])
{
    for (unsigned i = 0; i < 2; i++) {
        unsigned here = harts > 64 * i ? harts - 64 * i : 0;
        mask[i] = here >= 64 ? ~0ull : (1ull << here) - 1;
    }
}

int64_t spawn_check(const struct mm_spawn *r, unsigned words, unsigned harts, uint32_t threads_max,
                    struct spawn_args *out)
{
    uint64_t all[2];

    *out = (struct spawn_args){.request = r};
    if (words * 8 < offsetof(struct mm_spawn, text) || r->text_bytes > words * 8 - offsetof(struct mm_spawn, text) ||
        r->text_bytes > sizeof r->text) {
        return -LINUX_EINVAL;
    }
    all_harts(harts, all);
    if ((r->hart_mask[0] & ~all[0]) || (r->hart_mask[1] & ~all[1]) || r->max_threads > threads_max) {
        return -LINUX_EINVAL;
    }
    int any = r->hart_mask[0] == 0 && r->hart_mask[1] == 0;
    out->hart_mask[0] = any ? all[0] : r->hart_mask[0];
    out->hart_mask[1] = any ? all[1] : r->hart_mask[1];
    out->max_threads = r->max_threads == 0 ? THREADS_DEFAULT : (uint32_t)r->max_threads;
    return check_text(r, out);
}
