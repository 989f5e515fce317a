/* The table of clients; see client.h. */
#include "client.h"
#include "frames.h"
#include "panic.h"
#include "share.h"
#include "slots.h"
#include <tenon/invoke_stubs.h>

struct client *clients;

/* A Reply object a client: slots first .. first + CLIENTS_MAX - 1. 0: no memory. */
static uint32_t replies_make(void)
{
    unsigned bits = TN_PAGE_BITS;

    while (1u << bits < CLIENTS_MAX << TN_REPLY_BITS) {
        bits++;
    }
    uint32_t untyped = share_objects_take(bits);
    uint32_t first = untyped != 0 ? slots_take(CLIENTS_MAX) : 0;
    if (first != 0) {
        server_must(tn_untyped_retype(untyped, TN_REPLY, 0, TN_SERVER_CNODE, first, CLIENTS_MAX), "replies refused");
    }
    return first;
}

int clients_init(void)
{
    clients = frames_heap(CLIENTS_MAX * sizeof *clients);
    uint32_t reply = replies_make();
    uint32_t control = slots_take(CLIENTS_MAX);

    if (clients == NULL || reply == 0 || control == 0) {
        return 0;
    }
    for (uint32_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *c = &clients[i];
        c->id = i + 1;
        c->space = frames_heap(ct_space_bytes());
        c->spare_reply = reply + i;
        c->control_slot = control + i;
        if (c->space == NULL) {
            return 0;
        }
    }
    return 1;
}

struct client *client_at(uint64_t id)
{
    return id - 1 < CLIENTS_MAX ? &clients[id - 1] : NULL;
}

struct client *client_claim(void)
{
    for (uint32_t i = 0; i < CLIENTS_MAX; i++) {
        uint32_t expected = CLIENT_FREE;
        if (__atomic_compare_exchange_n(&clients[i].state, &expected, CLIENT_LOADING, 0, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) { /* pairs with: ending_tell */
            clients[i].life++;
            clients[i].badge = (uint64_t)(clients[i].life & BADGE_LIFE_MASK) << BADGE_ID_BITS | clients[i].id;
            clients[i].stage = ENDING_HALT; /* before it can be ENDING: hold.c looks at both */
            return &clients[i];
        }
    }
    return NULL;
}
