/* Holding callers; see hold.h. Called by request.c.
 *
 * A held object becomes empty when the kernel suspends the thread in it (ending.c, step 2 or 3), of which the worker is
 * not told: it looks whether the client has passed that point, or its record serves another by now. Private to the
 * worker. */
#include "hold.h"
#include "client.h"
#include "linux_errno.h"
#include <tenon/ipc.h>

static bool is_empty(const struct held *h)
{
    const struct client *c = client_at(client_badge_id(h->client));

    return c == NULL || client_badge(c) != h->client || __atomic_load_n(&c->state, __ATOMIC_ACQUIRE) != CLIENT_ENDING ||
           __atomic_load_n(&c->stage, __ATOMIC_ACQUIRE) == ENDING_EMPTY;
}

void hold_caller(struct worker *w, uint32_t badge, struct answer *a)
{
    for (unsigned i = 0; i < HELD_MAX; i++) {
        struct held *h = &w->held[i];
        if (is_empty(h)) {
            tn_cptr_t spare = h->reply;
            *h = (struct held){w->reply, badge};
            w->reply = spare;
            a->kind = ANSWER_NONE;
            return;
        }
    }
    answer_value(a, -LINUX_ESRCH);
}
