/* Clients of the servers; see clients.h. All clients run at once; init waits for one after the other, which loses
 * nothing: a server keeps the news of an end until it is asked. */
#include "clients.h"
#include "finish.h"
#include "memory.h"
#include "print.h"
#include "watch.h"
#include <string.h>
#include <tenon/invoke_stubs.h>

static tn_cptr_t timer; /* notification, badged, for deadlines */
static struct tn_ipc_buffer *const ipc = (struct tn_ipc_buffer *)TN_INIT_IPC_BUFFER;

void clients_prepare(void)
{
    tn_cptr_t ntfn = memory_need(TN_NOTIFICATION, 0, TN_NOTIFICATION_BITS, "init", "a notification");

    timer = memory_slots(1);
    if (tn_cnode_mint(TN_INIT_CNODE, timer, ntfn, TN_READ | TN_WRITE, 1) != TN_OK) {
        fail("init: the kernel refuses a badge");
    }
}

struct tn_msg server_ask(const struct server_plan *server, uint64_t label, const uint64_t *word, unsigned words)
{
    struct tn_msg m = tn_call_words(ipc, server->gate, label, word, words);

    if (tn_info_is_error(m.info) || tn_info_words(m.info) == 0) {
        fail("%s: no answer to request %lu: message info %lx", server->node, label, m.info);
    }
    return m;
}

void server_kill(const struct server_plan *server, int64_t id)
{
    uint64_t word = (uint64_t)id;
    int64_t error = (int64_t)server_ask(server, MM_KILL, &word, 1).mr[0];

    if (error != 0) {
        fail("%s: client %ld cannot be killed: error %ld", server->node, id, -error);
    }
}

struct tn_msg server_await(const struct server_plan *server, int64_t id)
{
    uint64_t word = (uint64_t)id;
    struct tn_msg m = server_ask(server, MM_AWAIT, &word, 1);

    if (m.mr[0] != 0 || tn_info_words(m.info) != 7) {
        fail("%s: client %ld cannot be awaited: answer %ld", server->node, id, (int64_t)m.mr[0]);
    }
    return m;
}

void clients_wait_until(uint64_t ticks)
{
    while (tn_time() < ticks) {
        if (tn_ntfn_deadline(timer, ticks) != TN_OK || tn_wait(timer) == 0) {
            fail("init: the kernel refuses a deadline");
        }
    }
}

void server_counters(const struct server_plan *plan, uint64_t hart, uint64_t counter[MM_COUNTERS])
{
    struct tn_msg m = server_ask(plan, MM_SERVER_STAT, &hart, 1);

    if (m.mr[0] != MM_COUNTERS || tn_info_words(m.info) != MM_COUNTERS + 1) {
        fail("%s: no statistics: answer %ld", plan->node, (int64_t)m.mr[0]);
    }
    for (unsigned i = 0; i < MM_COUNTERS; i++) {
        counter[i] = tn_msg_word(&m, ipc, i + 1);
    }
}

static const char *spawn_error(int64_t error)
{
    switch (-error) {
    case 2:
        return "program or input is not in the initrd";
    case 7:
        return "its arguments are too long";
    case 8:
        return "its program cannot be loaded";
    case 11:
        return "the server has too many clients";
    case 12:
        return "too little memory, or quota-bytes too small";
    default:
        return "the server refuses";
    }
}

void clients_spawn(struct system *system)
{
    for (uint32_t i = 0; i < system->servers; i++) {
        struct server_plan *server = &system->server[i];
        uint64_t counter[MM_COUNTERS];
        server_counters(server, ~0ull, counter);
        server->free_pages = counter[MM_FRAMES_FREE];
        for (uint32_t k = server->first_client; k < server->first_client + server->clients; k++) {
            struct client_plan *c = &system->client[k];
            uint64_t word[TN_MSG_WORDS_MAX];
            memcpy(word, &c->spawn, sizeof word);
            c->id = (int64_t)server_ask(server, MM_SPAWN, word, c->spawn_words).mr[0];
            if (c->id <= 0) {
                say("init: %s/%s: program '%s' is not started: %s (error %ld)\n", server->node, c->node, c->program,
                    spawn_error(c->id), -c->id);
            }
        }
    }
}

/* ---- ending them on time ---- */

static struct client_plan *next_to_kill(struct system *system, const struct server_plan **server)
{
    struct client_plan *next = NULL;

    for (uint32_t i = 0; i < system->servers; i++) {
        const struct server_plan *s = &system->server[i];
        for (uint32_t k = s->first_client; k < s->first_client + s->clients; k++) {
            struct client_plan *c = &system->client[k];
            if (c->id > 0 && c->kill_after_ms != 0 && (next == NULL || c->kill_after_ms < next->kill_after_ms)) {
                next = c;
                *server = s;
            }
        }
    }
    return next;
}

static void kill_on_time(struct system *system, uint64_t timebase_hz)
{
    const struct server_plan *server = NULL;
    struct client_plan *c = next_to_kill(system, &server);
    uint64_t start = tn_time();

    for (; c != NULL; c = next_to_kill(system, &server)) {
        clients_wait_until(start + timebase_hz / 1000 * c->kill_after_ms);
        c->kill_after_ms = 0;
        server_kill(server, c->id);
    }
}

/* ---- how they ended ---- */

static const char *reason_text(uint64_t reason)
{
    switch (reason) {
    case FAULT_DENIED:
        return ": no right to it";
    case FAULT_NO_MEMORY:
        return ": the server has no memory left";
    case FAULT_QUOTA:
        return ": quota used up";
    default:
        return ": nothing is mapped there";
    }
}

static void describe_fault(char *text, size_t bytes, const struct cpio *initrd, const struct client_plan *c,
                           const struct tn_msg *m)
{
    uint64_t label = m->mr[2], address = m->mr[3], pc = ipc->msg[4], scause = ipc->msg[5], reason = ipc->msg[6];
    struct cpio_file file;
    struct elf elf;
    char what[256];

    /* Both were checked before anything ran. */
    (void)cpio_find(initrd, c->program, &file);
    (void)elf_open(&elf, file.data, file.bytes, 1ull << 38);
    watch_describe(what, sizeof what, &elf, label, pc, address, scause);
    say_to(text, bytes, "%s%s", what, scause >= 12 && scause <= 15 ? reason_text(reason) : "");
}

static void expected_text(char *text, size_t bytes, const struct client_plan *c)
{
    if (c->expect == MM_END_EXIT) {
        say_to(text, bytes, "exit %lu", c->expect_status);
    } else {
        say_to(text, bytes, "%s", c->expect == MM_END_FAULT ? "fault" : "killed");
    }
}

/* Print the end that `m` tells; 1 if another one was expected. */
static unsigned report_end(const struct cpio *initrd, const struct client_plan *c, unsigned number,
                           const struct tn_msg *m)
{
    enum mm_end how = (enum mm_end)m->mr[1];
    int wrong = how != c->expect || (how == MM_END_EXIT && m->mr[2] != c->expect_status);
    char what[320], expected[32];

    if (how == MM_END_FAULT) {
        describe_fault(what, sizeof what, initrd, c, m);
    } else if (how == MM_END_EXIT) {
        say_to(what, sizeof what, "exit %lu", m->mr[2]);
    } else {
        say_to(what, sizeof what, "killed");
    }
    expected_text(expected, sizeof expected, c);
    say("init: client %u '%s': %s%s%s\n", number, c->program, what, wrong ? ", expected: " : "", wrong ? expected : "");
    return (unsigned)wrong;
}

unsigned clients_await(struct system *system, const struct cpio *initrd, uint64_t timebase_hz)
{
    unsigned wrong = 0;

    kill_on_time(system, timebase_hz);
    for (uint32_t i = 0; i < system->servers; i++) {
        const struct server_plan *server = &system->server[i];
        for (uint32_t k = server->first_client; k < server->first_client + server->clients; k++) {
            if (system->client[k].id <= 0) { /* said when it was refused */
                wrong++;
                continue;
            }
            struct tn_msg m = server_await(server, system->client[k].id);
            wrong += report_end(initrd, &system->client[k], k + 1, &m);
        }
    }
    return wrong;
}
