/* The administrator's requests; see admin.h. Called by worker.c. None is on a hot path. */
#include "admin.h"
#include "client.h"
#include "ending.h"
#include "linux_errno.h"
#include "process.h"
#include "stat.h"
#include <string.h>

static int64_t serve_spawn(struct worker *w, const struct tn_msg *m)
{
    struct mm_spawn request; /* a copy: the IPC buffer is used again before it has been read */
    struct spawn_args args;

    _Static_assert(sizeof request == TN_MSG_WORDS_MAX * 8, "one message");
    memcpy(&request, m->mr, sizeof m->mr);
    memcpy((uint8_t *)&request + sizeof m->mr, &w->ipc->msg[TN_MSG_REG_WORDS], sizeof request - sizeof m->mr);
    int64_t error = spawn_check(&request, tn_info_words(m->info), server.harts, THREADS_MAX, &args);
    return error != 0 ? error : process_spawn(w, &args);
}

static void serve_await(struct worker *w, const struct tn_msg *m, struct answer *a)
{
    struct client *c = client_at(m->mr[0]);
    int64_t error = c == NULL ? -LINUX_ESRCH : ending_await(w, c, a);

    if (error != 0) {
        answer_value(a, error);
    }
}

static int64_t serve_kill(struct worker *w, const struct tn_msg *m)
{
    struct client *c = client_at(m->mr[0]);
    const struct client_end end = {.how = MM_END_KILLED};

    if (c == NULL) {
        return -LINUX_ESRCH;
    }
    if (ending_begin(w, c, &end)) {
        return 0;
    }
    uint32_t state = __atomic_load_n(&c->state, __ATOMIC_ACQUIRE);
    return state == CLIENT_ENDING || state == CLIENT_ENDED ? 0 : -LINUX_ESRCH;
}

static void serve_server_stat(struct worker *w, const struct tn_msg *m, struct answer *a)
{
    uint64_t counter[MM_COUNTERS];

    if (stat_server(m->mr[0], counter)) {
        answer_counters(w, counter, 0, a);
    } else {
        answer_value(a, -LINUX_EINVAL);
    }
}

void admin_serve(struct worker *w, const struct tn_msg *m, struct answer *a)
{
    if (tn_info_words(m->info) < 1) {
        answer_value(a, -LINUX_EINVAL);
        return;
    }
    switch (tn_info_label(m->info)) {
    case MM_SPAWN:
        answer_value(a, serve_spawn(w, m));
        break;
    case MM_AWAIT:
        serve_await(w, m, a);
        break;
    case MM_KILL:
        answer_value(a, serve_kill(w, m));
        break;
    case MM_SERVER_STAT:
        serve_server_stat(w, m, a);
        break;
    default:
        answer_value(a, -LINUX_ENOSYS); /* it has no memory of its own here */
    }
}
