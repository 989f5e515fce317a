/* A memory server that serves nobody and attacks: it stands in mmserver's place, with the capabilities that init gives to any
 * server, and between answers to init's questions it tries, round after round, whatever a server should not be able to do. Another
 * server's clients run beside it. Each refusal is checked; what is accepted must have changed only what is its own.
 *
 * It is started with struct server_start in a0, not as a client: no C library here.
 */
#include "attack.h"
#include "rhythm.h"
#include <string.h>

#define ATTEMPTS_LEAST 200u

static unsigned questions;

_Noreturn void hostile_main(const struct server_start *start);

__asm__(".section .text.start, \"ax\"\n"
        ".globl _start\n"
        "_start:\n"
        ".option push\n"
        ".option norelax\n"
        "la gp, __global_pointer$\n"
        ".option pop\n"
        "tail hostile_main\n"
        ".previous\n");

static void say(const char *text)
{
    tn_debug_write(text, strlen(text));
}

static void say_verdict(void)
{
    char line[] = "not ok 1 hostile_server: line 0000\n";

    if (wrong == 0 && attacks >= ATTEMPTS_LEAST) {
        say("ok 1 hostile_server: all refused\n");
        return;
    }
    for (unsigned i = 0, n = first_wrong; i < 4; i++, n /= 10) {
        line[sizeof line - 3 - i] = (char)('0' + n % 10);
    }
    say(line);
}

/* Every question of init's is answered as one for statistics, all of them 0. */
static void answer(void)
{
    for (unsigned i = TN_MSG_REG_WORDS; i <= MM_COUNTERS; i++) {
        main_ipc->msg[i] = 0;
    }
    if (++questions == 2) { /* the others' clients have ended */
        say_verdict();
    }
    (void)!tn_reply(NODE_REPLY, tn_info(0, 0, MM_COUNTERS + 1), MM_COUNTERS, 0, 0, 0);
}

static unsigned gate_bits(unsigned harts)
{
    unsigned bits = 1;

    while (1u << bits < harts) {
        bits++;
    }
    return bits;
}

static tn_cptr_t largest(const struct server_start *start)
{
    unsigned best = 0;

    for (unsigned i = 1; i < start->untyped_count; i++) {
        best = start->untyped[i].size_bits > start->untyped[best].size_bits ? i : best;
    }
    return TN_SERVER_FIRST_UNTYPED + best;
}

static int begin(const struct server_start *start)
{
    int ok = make(largest(start), TN_UNTYPED, 20, MEMORY) == TN_OK && make(MEMORY, TN_ENDPOINT, 0, NODE_EP) == TN_OK &&
             make(MEMORY, TN_REPLY, 0, NODE_REPLY) == TN_OK &&
             make(MEMORY, TN_GATE, gate_bits(start->harts), NODE_GATE) == TN_OK && prepare(start->levels) &&
             tn_cnode_copy(TN_SERVER_CNODE, GIVEN, NODE_GATE, TN_WRITE | TN_GRANT) == TN_OK;
    for (unsigned i = 0; i < start->harts && ok; i++) {
        ok = tn_gate_set(NODE_GATE, i, NODE_EP) == TN_OK;
    }
    main_ipc->caps[0] = GIVEN;
    return ok && rhythm_begin(start) && tn_send(TN_SERVER_READY, tn_info(SERVER_READY, 1, 0), 0, 0, 0, 0) == TN_OK;
}

void hostile_main(const struct server_start *start)
{
    if (!begin(start)) {
        say("not ok 1 hostile_server: start\n");
    }
    for (unsigned step = 0;; step++) {
        while (!tn_info_is_error(tn_nb_recv(NODE_EP, NODE_REPLY).info)) {
            answer();
        }
        rhythm_step(step);
    }
}
