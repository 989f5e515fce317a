/* mmserver/process.c in the server that is refused memory (short.h): counts its clients and their requests. */
#include "short.h"
#include "process.h"
#include "share.h"

static uint64_t lives, requests;

bool short_refuses(void)
{
    uint64_t number = requests++, wanted = (lives - 1) / 2;

    return lives != 0 && (lives % 2 != 0 ? number == wanted : number >= wanted);
}

#define share_objects_take(bits) (short_refuses() ? 0 : share_objects_take(bits))
int64_t process_spawn_with_memory(struct worker *w, const struct spawn_args *args);
#define process_spawn process_spawn_with_memory
#include "../../mmserver/process.c"
#undef process_spawn

int64_t process_spawn(struct worker *w, const struct spawn_args *args)
{
    while (ct_worker_drain(&w->ct) != 0) {
    }
    lives++;
    requests = 0;
    return process_spawn_with_memory(w, args);
}
