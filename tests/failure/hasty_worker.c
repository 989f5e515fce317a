/* mmserver/worker.c with a fault put in: an ordinary request looks whether the client is alive before it marks that it is
 * served, where the mark has to come first. A client that is ended between the two is taken apart while it is being
 * served. Shows that the kills at every point find a window of a few instructions; linked into hasty_server in that
 * file's place. */
#include "client.h"

static inline struct client *hasty_enter(struct worker *w, uint64_t badge)
{
    uint64_t id = client_badge_id(badge);

    if (id - 1 >= CLIENTS_MAX) {
        return NULL;
    }
    struct client *c = &clients[id - 1];
    if (__atomic_load_n(&c->state, __ATOMIC_ACQUIRE) != CLIENT_LIVE || client_badge(c) != badge) {
        return NULL;
    }
    __atomic_store_n(&w->serving, (uint32_t)id, __ATOMIC_SEQ_CST);
    return c;
}

#define client_enter hasty_enter
#include "../../mmserver/worker.c"
