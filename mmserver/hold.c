/* Holding callers; see hold.h. Called by request.c.
 *
 * A held object becomes empty when the kernel suspends the thread in it (ending.c, step 2 or 3), of which the worker is
 * not told: it looks whether the client has passed that point. If the record serves another client by then that also is
 * ending, the object counts as in use for longer than it is, which does no harm. Private to the worker. */
#include "hold.h"
#include "client.h"
#include "linux_errno.h"
#include <tenon/ipc.h>

static bool is_empty(const struct held *h)
{
    const struct client *c = h->client != 0 ? client_at(h->client) : NULL;

    return c == NULL || __atomic_load_n(&c->state, __ATOMIC_ACQUIRE) != CLIENT_ENDING ||
           __atomic_load_n(&c->stage, __ATOMIC_ACQUIRE) == ENDING_EMPTY;
}

void hold_caller(struct worker *w, uint32_t id, struct answer *a)
{
    for (unsigned i = 0; i < HELD_MAX; i++) {
        struct held *h = &w->held[i];
        if (is_empty(h)) {
            tn_cptr_t spare = h->reply;
            *h = (struct held){w->reply, id};
            w->reply = spare;
            a->kind = ANSWER_NONE;
            return;
        }
    }
    answer_value(a, -LINUX_ESRCH);
}
