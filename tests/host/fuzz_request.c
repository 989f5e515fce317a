// uses: mmserver/request.c mmserver/admin.c mmserver/fault.c mmserver/hold.c mmserver/stat.c mmserver/threads.c mmserver/mmargs.c mmserver/spawn_args.c mmserver/corten/*.c tests/host/corten_port.c tests/host/corten_tlb.c
/* libFuzzer: arbitrary messages to the memory server, in the server's own code from the message's arrival to its answer,
 * over the core and its host port. An input is a sequence of messages as a worker receives them:
 *
 *     8 bytes badge, 8 bytes info word, 8 bytes for each word that the info word counts (missing ones are 0)
 *
 * badge 0: init; BADGE_FAULT | thread << 32: a fault of the client; others: the client. The kernel says who a message is
 * from and sets no impossible info word; everything else is the sender's. tests/host/record.py makes such files from
 * messages of a running system.
 *
 * Faked is what stands around the messages: the kernel accepts every system call, a spawn is checked and not done.
 * Demanded: each message is answered as the protocol says, what was answered is true of the address space, the port's checks
 * of every page-table write hold, and when the client has ended nothing is lost. */
#include "corten_port.h"
#include <admin.h>
#include <client.h>
#include <ending.h>
#include <fault.h>
#include <frames.h>
#include <hold.h>
#include <linux_errno.h>
#include <ordinary.h>
#include <panic.h>
#include <process.h>
#include <request.h>
#include <share.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tables.h>
#include <threads.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define HARTS 4
#define MAX_THREADS 8
#define QUOTA_PAGES 96   /* so that no message can ask for much work, and quotas are met */
#define MESSAGES_MAX 200 /* of one input */
#define BATCH_BYTES (4 * 4096 - 1024)
#define SYSCALL_REPLY 7 /* a Reply object's slot; any number */

struct server server;
struct client *clients;
static struct client client_storage[CLIENTS_MAX] __attribute__((aligned(CT_LINE)));
static struct worker worker;
static struct worker *worker_list[HARTS];
static uint64_t ipc_pages[4 * 512] __attribute__((aligned(4096)));
static uint64_t thread_pages[512] __attribute__((aligned(4096)));

/* ---- what stands around ---- */

void server_panic(const char *what, uint64_t value)
{
    port_fail(what, value, 0);
}

struct tn_msg tn_syscall(uint64_t number, uint64_t cap, tn_info_t info, uint64_t m0, uint64_t m1, uint64_t m2,
                         uint64_t m3, tn_cptr_t reply)
{
    (void)number, (void)cap, (void)info, (void)m0, (void)m1, (void)m2, (void)m3, (void)reply;
    return (struct tn_msg){0};
}

struct client *client_at(uint64_t id)
{
    return id - 1 < CLIENTS_MAX ? &clients[id - 1] : NULL;
}

bool ending_begin(struct worker *w, struct client *c, const struct client_end *end)
{
    (void)w;
    if (c->state != CLIENT_LIVE)
        return false;
    c->end = *end;
    c->state = CLIENT_ENDING;
    return true;
}

int64_t ending_await(struct worker *w, struct client *c, struct answer *a)
{
    (void)w;
    if (c->state == CLIENT_FREE)
        return -LINUX_ESRCH;
    a->kind = ANSWER_NONE;
    return 0;
}

int64_t process_spawn(struct worker *w, const struct spawn_args *args)
{
    (void)w;
    CHECK(strlen(args->program) > 0 && args->request->argc > 0, args->request->argc, 0);
    CHECK((args->hart_mask[0] & ~((1ull << HARTS) - 1)) == 0 && args->hart_mask[1] == 0, args->hart_mask[0], 0);
    CHECK(args->hart_mask[0] != 0 && args->max_threads > 0 && args->max_threads <= THREADS_MAX, args->max_threads, 0);
    const char *end = args->argv + args->argv_bytes, *at = args->argv;
    for (uint32_t i = 0; i < args->request->argc; i++)
        at += strlen(at) + 1;
    CHECK(at == end && end <= args->request->text + sizeof args->request->text, args->argv_bytes, 0);
    return -LINUX_ENOENT + (int64_t)(strlen(args->input) & 0); /* reads it */
}

unsigned frames_get(struct tn_ipc_buffer *ipc, unsigned index, paddr_t *out, unsigned want, bool *zeroed)
{
    (void)ipc;
    return port_frames_get(index, out, want, zeroed);
}
void frames_put(unsigned index, const paddr_t *in, unsigned count)
{
    port_frames_put(index, in, count);
}
uint64_t process_object_bytes(const struct client *c)
{
    (void)c;
    return 0;
}
uint64_t process_server_bytes(const struct client *c)
{
    (void)c;
    return 0;
}
uint64_t share_free_pages(void)
{
    return 0;
}
uint64_t frames_free_pages(void)
{
    return 0;
}
uint64_t tables_free_pages(void)
{
    return 0;
}

/* ---- one client ---- */

static void start(void)
{
    static const struct server_start start_page;

    port_start(3, CT_PROTOCOL_ADV, CT_FLUSH_LAZY);
    struct tn_pt_batch *batch = port_worker(0)->batch;
    clients = client_storage;
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        clients[i].id = i + 1;
    for (unsigned i = 0; i < HARTS; i++)
        worker_list[i] = &worker; /* one worker serves all */
    server = (struct server){.start = &start_page, .harts = HARTS, .worker = worker_list};
    worker.ipc = (struct tn_ipc_buffer *)ipc_pages;
    worker.reply = SYSCALL_REPLY;
    ct_worker_init(&worker.ct, 0, batch, BATCH_BYTES);
    for (unsigned i = 1; i < CLIENTS_MAX; i++) /* the first one's is the port's */
        clients[i].space = memset(aligned_alloc(64, ct_space_bytes()), 0, ct_space_bytes());
}

static void client_begin(struct client *c)
{
    c->space = port_space(&worker.ct, 0, QUOTA_PAGES);
    c->life++;
    c->badge = (uint64_t)(c->life & BADGE_LIFE_MASK) << BADGE_ID_BITS | c->id; /* as client_claim() */
    c->max_threads = MAX_THREADS;
    c->hart_mask[0] = (1u << HARTS) - 1;
    c->next_hart = 0;
    memset(thread_pages, 0, sizeof thread_pages);
    c->thread_page[0] = (struct thread *)thread_pages;
    thread_at(c, 0)->state = THREAD_LIVE;
    thread_at(c, 0)->made = 1;
    c->threads_live = 1;
    c->state = CLIENT_LIVE;
    memset(worker.held, 0, sizeof worker.held);
}

static void client_finish(struct client *c)
{
    unsigned live = 0;

    for (unsigned i = 0; i < MAX_THREADS; i++) {
        CHECK(thread_at(c, i)->state != THREAD_STARTING, i, 0);
        live += thread_at(c, i)->state == THREAD_LIVE;
    }
    CHECK(live == c->threads_live, live, c->threads_live);
    c->state = CLIENT_FREE;
    port_space_end(&worker.ct, c->space);
    ct_worker_begin(&worker.ct);
    for (unsigned i = 0; i < MAX_THREADS; i++)
        if (thread_at(c, i)->ipc_frame != 0)
            ct_frame_put(&worker.ct, (paddr_t){thread_at(c, i)->ipc_frame});
    ct_worker_end(&worker.ct);
    CHECK(ct_worker_drain(&worker.ct) == 0, 0, 0);
    port_check_nothing_lost();
}

/* ---- what an answer says must be so ---- */

static struct ct_page look(struct client *c, uint64_t address)
{
    struct ct_cursor cursor;
    struct ct_page page;

    ct_worker_begin(&worker.ct);
    CHECK(cursor_lock(&worker.ct, c->space, (vaddr_t){address}, (vaddr_t){address + TN_PAGE_BYTES}, &cursor) == CT_OK,
          address, 0);
    cursor_query(&cursor, &page);
    cursor_unlock(&cursor);
    ct_worker_end(&worker.ct);
    return page;
}

static void check_value(struct client *c, const struct tn_msg *m, int64_t value)
{
    uint64_t address = m->mr[0];

    CHECK(value >= -4095, value, m->info);
    if (value < 0)
        return;
    switch (tn_info_label(m->info)) {
    case MM_MAP:
        CHECK(value % 4096 == 0 && value >= 0x10000 && (uint64_t)value < ct_user_end(), value, m->mr[1]);
        CHECK(m->mr[1] != 0 && m->mr[1] <= ct_user_end() - (uint64_t)value, value, m->mr[1]);
        CHECK(look(c, (uint64_t)value).kind != CT_NONE, value, 0);
        break;
    case MM_UNMAP:
        CHECK(m->mr[1] != 0 && m->mr[1] <= ct_user_end() && address <= ct_user_end() - m->mr[1], address, m->mr[1]);
        CHECK(look(c, address).kind == CT_NONE, address, m->mr[1]);
        break;
    case MM_PROTECT:
        CHECK(m->mr[1] == 0 || look(c, address).kind != CT_NONE, address, m->mr[1]);
        break;
    case MM_STAT:
        CHECK(value == MM_COUNTERS, value, 0);
        break;
    case MM_THREAD_CREATE:
        CHECK(value < MAX_THREADS && worker.ipc->msg[5] % 4096 == 0, value, worker.ipc->msg[5]);
        CHECK(look(c, worker.ipc->msg[5]).borrowed, worker.ipc->msg[5], 0);
        break;
    default:
        break;
    }
}

static void check_answer(struct client *c, const struct tn_msg *m, const struct answer *a)
{
    if (a->kind == ANSWER_NONE) {
        CHECK(m->badge == 0 || c->state != CLIENT_LIVE, m->badge, c->state);
        return;
    }
    CHECK(!tn_info_is_error(a->info) && tn_info_words(a->info) <= TN_MSG_WORDS_MAX, a->info, 0);
    if (m->badge & BADGE_FAULT)
        CHECK((tn_info_label(a->info) == 0) == (c->state == CLIENT_LIVE), a->info, c->state);
    else
        CHECK(tn_info_label(a->info) == 0 && tn_info_words(a->info) >= 1, a->info, 0);
    if (m->badge != 0 && !(m->badge & BADGE_FAULT))
        check_value(c, m, (int64_t)a->mr[0]);
}

/* ---- messages ---- */

static void serve(struct client *c, struct tn_msg *m)
{
    struct answer a = {0};

    tn_info_t info = 0;
    int64_t value = ordinary_serve(&worker, m->badge, m->info, m->mr[0], m->mr[1], m->mr[2], m->mr[3], &info);
    if (value != REQUEST_IS_SPECIAL)
        a = (struct answer){ANSWER_REPLY, info, {(uint64_t)value}};
    else if (m->badge & BADGE_FAULT)
        fault_fail(&worker, m, &a);
    else if (m->badge != 0)
        request_serve(&worker, m, &a);
    else
        admin_serve(&worker, m, &a);
    CHECK(worker.serving == 0, worker.serving, 0);
    if (ct_worker_rides(&worker.ct) && worker.ct.batch->runs != 0) /* the kernel writes it while it replies */
        port_pt_write(0, worker.ct.batch);
    check_answer(c, m, &a);
}

static uint64_t take(const uint8_t **at, const uint8_t *end)
{
    uint64_t word = 0;
    size_t left = (size_t)(end - *at), bytes = left < 8 ? left : 8;

    memcpy(&word, *at, bytes);
    *at += bytes;
    return word;
}

/* The next message, as the kernel would deliver it: nothing that only the kernel can set is left to the input. */
static void receive(struct client *c, const uint8_t **at, const uint8_t *end, struct tn_msg *m)
{
    uint64_t from = take(at, end), info = take(at, end) & ~TN_INFO_ERROR;
    unsigned words = tn_info_words(info);

    if (words > TN_MSG_WORDS_MAX)
        words = TN_MSG_WORDS_MAX;
    uint64_t faulted = from & BADGE_FAULT ? from & (BADGE_FAULT | (uint64_t)(THREADS_MAX - 1) << 32) : 0;
    *m = (struct tn_msg){.badge = from ? faulted | client_badge(c) : 0,
                         .info = tn_info(tn_info_label(info), tn_info_caps(info), words)};
    for (unsigned i = 0; i < words; i++)
        *(i < TN_MSG_REG_WORDS ? &m->mr[i] : &worker.ipc->msg[i]) = take(at, end);
    if (m->badge & BADGE_FAULT) /* the kernel composes these */
        m->info = tn_info(tn_info_label(info) % 4 + 1, 0, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const uint8_t *at = data, *end = data + bytes;
    struct tn_msg m;

    if (server.harts == 0)
        start();
    struct client *c = client_at(1);
    client_begin(c);
    for (unsigned i = 0; at < end && i < MESSAGES_MAX; i++) {
        receive(c, &at, end, &m);
        serve(c, &m);
    }
    client_finish(c);
    return 0;
}
