/* Driving clients; see drive.h. */
#include "drive.h"
#include "../../apps/init/clients.h"
#include "../../apps/init/finish.h"
#include "../../apps/init/print.h"
#include <string.h>
#include <tenon/bootinfo.h>
#include <tenon/ipc.h>

static struct tn_ipc_buffer *const ipc = (struct tn_ipc_buffer *)TN_INIT_IPC_BUFFER;

/* One string more. */
static void put(struct mm_spawn *spawn, const char *text)
{
    size_t bytes = strlen(text) + 1;

    if (spawn->text_bytes + bytes > sizeof spawn->text) {
        fail("init: too many arguments");
    }
    memcpy(spawn->text + spawn->text_bytes, text, bytes);
    spawn->text_bytes += (uint32_t)bytes;
}

int64_t drive_spawn(const struct server_plan *server, const struct client_plan *c, uint64_t quota_bytes,
                    const uint64_t *argument, unsigned arguments)
{
    struct mm_spawn spawn = c->spawn;
    uint64_t word[TN_MSG_WORDS_MAX];

    spawn.quota_bytes = quota_bytes;
    spawn.argc = 1 + arguments;
    spawn.text_bytes = 0;
    put(&spawn, c->program);
    put(&spawn, "");
    put(&spawn, c->program);
    for (unsigned i = 0; i < arguments; i++) {
        char digits[24];
        say_to(digits, sizeof digits, "%lu", argument[i]);
        put(&spawn, digits);
    }
    memcpy(word, &spawn, sizeof word);
    return (int64_t)server_ask(server, MM_SPAWN, word, TN_MSG_WORDS_MAX).mr[0];
}

struct end drive_await(const struct server_plan *server, int64_t id)
{
    struct tn_msg m = server_await(server, id);

    return (struct end){.how = m.mr[1], .status = m.mr[2], .address = m.mr[3], .reason = ipc->msg[6]};
}

uint64_t drive_argument(const struct client_plan *c, unsigned i)
{
    const char *text = c->spawn.text;
    uint64_t value = 0;

    if (i + 1 >= c->spawn.argc) {
        fail("%s: too few arguments", c->node);
    }
    for (unsigned skip = 3 + i; skip > 0; skip--) { /* program, input, name */
        text += strlen(text) + 1;
    }
    for (; *text >= '0' && *text <= '9'; text++) {
        value = 10 * value + (uint64_t)(*text - '0');
    }
    return value;
}

static void same(const struct server_plan *server, const char *what, uint64_t now, uint64_t before, const char *when,
                 uint64_t number)
{
    if (now != before) {
        fail("%s: leak after %s %lu: %s: %lu, not %lu", server->node, when, number, what, now, before);
    }
}

void drive_check_free(const struct server_plan *server, uint64_t free_pages, const char *when, uint64_t number)
{
    uint64_t counter[MM_COUNTERS];

    server_counters(server, ~0ull, counter);
    same(server, "frames of clients", counter[MM_FRAMES_NOW], 0, when, number);
    same(server, "page tables", counter[MM_TABLES_NOW], 0, when, number);
    same(server, "metadata", counter[MM_META_NOW], 0, when, number);
    same(server, "free pages", counter[MM_FRAMES_FREE], free_pages, when, number);
}

void drive_start_others(const struct server_plan *server, struct system *plan)
{
    for (uint32_t i = 1; i < plan->clients; i++) {
        uint64_t argument = drive_argument(&plan->client[i], 0);
        plan->client[i].id = drive_spawn(server, &plan->client[i], 0, &argument, 1);
        if (plan->client[i].id <= 0) {
            fail("%s: cannot be started: error %ld", plan->client[i].node, -plan->client[i].id);
        }
    }
}

void drive_await_others(const struct server_plan *server, const struct system *plan)
{
    for (uint32_t i = 1; i < plan->clients; i++) {
        struct end end = drive_await(server, plan->client[i].id);
        if (end.how != MM_END_EXIT || end.status != 0) {
            fail("%s: ended as %lu, status %lu", plan->client[i].node, end.how, end.status);
        }
    }
}
