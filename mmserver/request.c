/* Requests of clients; see request.h. Called by worker.c.
 *
 * Each is: arguments (mmargs.c), one transaction of the core, answer. What a client does to its own threads or memory
 * with a wrong thread id or address hurts itself alone. */
#include "request.h"
#include "client.h"
#include "ending.h"
#include "hold.h"
#include "linux_errno.h"
#include "mmargs.h"
#include "process.h"
#include "stat.h"
#include "threads.h"

static int64_t serve_map(struct worker *w, struct client *c, const struct tn_msg *m)
{
    struct map_args args;
    vaddr_t out;
    int64_t error = args_map(m->mr, ct_user_end(), &args);

    if (error != 0) {
        return error;
    }
    enum ct_status status =
        ct_map(&w->ct, c->space, (vaddr_t){args.address}, args.bytes, ct_anon(args.rights), args.flags | CT_RIDE, &out);
    return status == CT_OK ? (int64_t)out.v : args_errno(status);
}

static int64_t serve_unmap(struct worker *w, struct client *c, const struct tn_msg *m)
{
    struct range_args args;
    int64_t error = args_unmap(m->mr, ct_user_end(), &args);

    return error != 0 ? error : args_errno(ct_unmap(&w->ct, c->space, (vaddr_t){args.address}, args.bytes, CT_RIDE));
}

static int64_t serve_protect(struct worker *w, struct client *c, const struct tn_msg *m)
{
    struct range_args args;
    int64_t error = args_protect(m->mr, ct_user_end(), &args);

    if (error != 0) {
        return error;
    }
    return args_errno(ct_protect(&w->ct, c->space, (vaddr_t){args.address}, args.bytes, args.rights, CT_RIDE));
}

/* Words 1.. of the answer: counters from MR0 on. */
static void serve_stat(struct worker *w, struct client *c, const struct tn_msg *m, struct answer *a)
{
    uint64_t counter[MM_COUNTERS];

    ct_space_stat(c->space, counter);
    counter[MM_OBJECT_BYTES] = process_object_bytes(c);
    counter[MM_SERVER_BYTES] = process_server_bytes(c);
    answer_counters(w, counter, m->mr[0], a);
}

static int64_t serve_thread_create(struct worker *w, struct client *c, const struct tn_msg *m)
{
    struct thread_args args = {
        .pc = m->mr[0],
        .sp = m->mr[1],
        .tp = m->mr[2],
        .a0 = m->mr[3],
        .hart = w->ipc->msg[4],
        .ipc_buffer = w->ipc->msg[5],
        .priority = w->ipc->msg[6],
    };

    return thread_create(w, c, &args);
}

/* Write 0 to the 32-bit word at `address` of the client, if the client itself could. */
static void clear_word(struct worker *w, struct client *c, uint64_t address)
{
    vaddr_t low = {address & ~(TN_PAGE_BYTES - 1)}, high = {low.v + TN_PAGE_BYTES};
    struct ct_cursor cursor;
    struct ct_page page;

    if (address % 4 != 0 || cursor_lock(&w->ct, c->space, low, high, &cursor) != CT_OK) {
        return;
    }
    cursor_query(&cursor, &page);
    if (page.kind == CT_MAPPED && (page.rights & TN_WRITE)) { /* a page that nobody has touched is 0 */
        uint32_t *word = (uint32_t *)((uint8_t *)port_frame(page.frame) + address % TN_PAGE_BYTES);
        __atomic_store_n(word, 0, __ATOMIC_RELEASE); /* pairs with: whoever in the client waits for the thread's end */
    }
    cursor_unlock(&cursor);
}

static void exit_status(struct worker *w, struct client *c, uint64_t status, struct answer *a)
{
    struct client_end end = {.how = MM_END_EXIT, .status = status};

    (void)ending_begin(w, c, &end); /* if not, then something else has ended it just now */
    hold_caller(w, c->id, a);
}

static void serve_thread_exit(struct worker *w, struct client *c, const struct tn_msg *m, struct answer *a)
{
    bool last = false;
    int64_t error = thread_end(c, m->mr[0], &last);

    if (error == 0 && m->mr[2] != 0) {
        struct range_args range;
        if (args_unmap(&m->mr[1], ct_user_end(), &range) == 0) {
            (void)!ct_unmap(&w->ct, c->space, (vaddr_t){range.address}, range.bytes, 0); /* if not, then when it ends */
        }
    }
    if (error == 0 && m->mr[3] != 0) {
        clear_word(w, c, m->mr[3]);
    }
    if (error == 0 && last) {
        exit_status(w, c, 0, a); /* as on Linux: the last thread takes the process with it */
        return;
    }
    answer_value(a, error); /* reaches nobody, unless a thread ended another one */
}

/* Words that a request has at least. */
static unsigned words_needed(uint64_t label)
{
    static const uint8_t words[] = {[MM_MAP] = 4,           [MM_UNMAP] = 2,       [MM_PROTECT] = 3, [MM_STAT] = 1,
                                    [MM_THREAD_CREATE] = 7, [MM_THREAD_EXIT] = 4, [MM_EXIT] = 1};

    return label < sizeof words ? words[label] : 0;
}

static void serve_live(struct worker *w, struct client *c, const struct tn_msg *m, struct answer *a)
{
    uint64_t label = tn_info_label(m->info);

    ct_count(&w->ct, c->space, MM_REQUESTS, 1);
    if (tn_info_words(m->info) < words_needed(label)) {
        answer_value(a, -LINUX_EINVAL);
        return;
    }
    switch (label) {
    case MM_MAP:
        answer_value(a, serve_map(w, c, m));
        break;
    case MM_UNMAP:
        answer_value(a, serve_unmap(w, c, m));
        break;
    case MM_PROTECT:
        answer_value(a, serve_protect(w, c, m));
        break;
    case MM_STAT:
        serve_stat(w, c, m, a);
        break;
    case MM_THREAD_CREATE:
        answer_value(a, serve_thread_create(w, c, m));
        break;
    case MM_THREAD_EXIT:
        serve_thread_exit(w, c, m, a);
        break;
    case MM_EXIT:
        exit_status(w, c, m->mr[0], a);
        break;
    default:
        answer_value(a, label >= MM_SPAWN && label <= MM_SERVER_STAT ? -LINUX_EPERM : -LINUX_ENOSYS);
    }
}

void request_serve(struct worker *w, const struct tn_msg *m, struct answer *a)
{
    struct client *c = client_enter(w, m->badge);

    if (c == NULL) { /* it is being ended */
        hold_caller(w, (uint32_t)m->badge, a);
        return;
    }
    ct_worker_begin(&w->ct);
    serve_live(w, c, m, a);
    ct_worker_end(&w->ct);
    client_leave(w);
}
