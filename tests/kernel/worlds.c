/* Random system calls whose every answer is checked against an executable specification (tests/spec/). Each hart has a thread, the
 * driver, with a world of its own: a CNode, an Untyped, and what it makes of them, threads among it. So every answer is determined,
 * while all harts meet in the kernel's locks, in its removal of objects and in its searches of page tables.
 *
 * The driver makes calls, and sends its world's threads on their way with a call each. They are below it in priority, so they run when
 * it steps back: by an ebreak, which its fault handler, below all of them, answers when nobody else on the hart is ready. Then the
 * registers that each thread has stored, and all IPC buffers, must be what the specification says.
 *
 * Boot arguments: `calls=N` calls of all harts together; `seconds=N` until that time is over instead.
 */
#include <stdlib.h>
#include <string.h>
#include "worlds.h"

#define CALLS_DEFAULT 20000 /* of all harts together */
#define WORLDS_MAX 8
#define MEMORY_BITS 19
#define COUNTS (sizeof(struct spec_count) / sizeof(uint64_t))
#define BUFFERS_BITS (TN_PAGE_BITS + 3)
_Static_assert(1 << MEMORY_BITS >> TN_PAGE_BITS == SPEC_PAGES && 1 << BUFFERS_BITS >> TN_PAGE_BITS == SPEC_BLOCKS,
               "spec.h");

extern uint8_t world_program[], world_program_call[], world_program_store[], world_program_stop[];
void world_step_back(void);

static struct world world[WORLDS_MAX];

/* ---- checking ---- */

static const char *differs(const struct world *w, const struct spec_call *c, const struct tn_pt_batch *b)
{
    const struct spec_answer *a = &w->answer;
    if (w->got.info != a->reg[1])
        return "info word";
    if (w->got.badge != a->reg[0])
        return "a0";
    for (uint32_t i = 0; i < TN_MSG_REG_WORDS; i++)
        if (w->got.mr[i] != a->reg[2 + i])
            return "message word";
    if (c->number != TN_SYS_PT_WRITE)
        return NULL;
    if (a->has_failed_run ? b->failed_run != a->failed_run : b->runs != 0)
        return "failed run";
    for (uint32_t i = WORLD_OUT_FIRST; i < SPEC_BATCH_WORDS; i++)
        if (a->old_set[i] && ((const uint64_t *)b)[i] != a->old[i])
            return "old entry";
    return NULL;
}

static bool words_differ(const uint64_t *a, const uint64_t *b, uint32_t count)
{
    uint64_t difference = 0;
    for (uint32_t i = 0; i < count; i++)
        difference |= a[i] ^ b[i];
    return difference != 0;
}

/* Message parts of IPC buffers, and where threads have batches, those. The driver's batch is compared with its answer. */
static bool page_differs(const struct world *w, uint32_t page, bool whole)
{
    const uint64_t *shown = w->buffers + page * (TN_PAGE_BYTES / 8);
    return words_differ(shown, w->spec.page[page], whole && page ? TN_PAGE_BYTES / 8 : SPEC_MESSAGE_WORDS);
}

static bool one_call(struct world *w, const struct spec_call *c)
{
    uint64_t *words = w->buffers + TN_IPC_BATCH_OFFSET / 8;
    struct spec_answer *a = &w->answer;
    w->call = *c;
    spec_call(&w->spec, c, words, a);
    w->got = (struct kt_msg){.badge = c->a[0], .info = c->a[1], .mr = {c->a[2], c->a[3], c->a[4], c->a[5]}};
    kt_ecall(c->number, &w->got, c->a[6]);
    w->differs = differs(w, c, (const struct tn_pt_batch *)words);
    if (!w->differs && tn_info_words(a->reg[1]) > TN_MSG_REG_WORDS && page_differs(w, 0, false))
        w->differs = "word in the buffer";
    if (a->error == TN_OK)
        w->accepted++;
    else
        w->refused++;
    w->full = a->error == TN_NOT_ENOUGH_MEMORY || (w->full && w->calls % 4096);
    w->crowded = !spec_has_room(&w->spec, 4);
    if (!w->differs && ++w->calls % 256 == 0)
        w->differs = spec_check(&w->spec);
    return w->differs == NULL;
}

/* Everybody else's turn. */
static bool step_back(struct world *w)
{
    uint64_t before = w->spec.count.calls;
    spec_run(&w->spec);
    world_step_back();
    w->calls += w->spec.count.calls - before;
    if (words_differ(w->block[0].in, w->spec.block[0].in,
                     SPEC_BLOCKS * (uint32_t)(sizeof(struct spec_block) / sizeof(uint64_t))))
        w->differs = "register of a thread";
    for (uint32_t page = 0; page < SPEC_BLOCKS && !w->differs; page++)
        if (page_differs(w, page, w->spec.batches != 0))
            w->differs = "buffer of a thread";
    w->spec.batches = 0;
    return w->differs == NULL;
}

/* A deadline that has passed is signalled before the driver goes on. */
static void let_it_pass(const struct spec_call *c)
{
    uint64_t now = kt_time();
    while (tn_info_label(c->a[1]) == TN_NTFN_DEADLINE && kt_time() - now < 20)
        ;
}

static bool one_turn(struct world *w)
{
    struct spec_call c[2];
    uint64_t kind = world_any(w, 16);
    unsigned n = 1;
    if (kind < 3)
        return step_back(w);
    if (kind < 9)
        n = world_next_start(w, c);
    else
        world_next_call(w, &c[0], w->buffers + TN_IPC_BATCH_OFFSET / 8);
    for (unsigned i = 0; i < n; i++) {
        if (!one_call(w, &c[i]))
            return false;
        let_it_pass(&c[i]);
    }
    return true;
}

/* ---- the driver, and who is there while it is not ---- */

static void describe(struct world *w)
{
    struct spec_world d = {.levels = kt_boot->levels,
                           .harts = kt_boot->harts,
                           .hart = kt_hart(),
                           .priority = WORLD_PRIORITY,
                           .self = WORLD_SELF,
                           .untyped = WORLD_MEMORY,
                           .space = WORLD_SPACE,
                           .buffers = WORLD_BUFFERS,
                           .untyped_base = w->memory_base,
                           .untyped_bits = MEMORY_BITS,
                           .buffers_base = w->buffers_base};
    d.program = (struct spec_program){
        (uint64_t)world_program,      (uint64_t)world_program_call, (uint64_t)world_program_store,
        (uint64_t)world_program_stop, (uint64_t)w->block,           w->stop_stval ? (uint64_t)world_program_stop : 0};
    spec_init(&w->spec, &d);
    spec_object_of(&w->spec, WORLD_MEMORY)->used = TN_PAGE_BYTES;
}

/* Where the Untyped begins: a Frame says so. It is gone again, and 4 KiB are used. */
static void look_around(struct world *w)
{
    kt_retype(WORLD_MEMORY, TN_FRAME, TN_PAGE_BITS, WORLD_SELF, WORLD_FIRST, 1);
    w->memory_base = INVM0(WORLD_FIRST, TN_FRAME_ADDRESS).mr[0];
    INV(WORLD_SELF, TN_CNODE_DELETE, WORLD_FIRST);
    w->buffers_base = INVM0(WORLD_BUFFERS, TN_FRAME_ADDRESS).mr[0];
    memset(w->block, 0, sizeof w->block);
    world_step_back(); /* what an ebreak says is seen */
}

static void live(struct kt_thread *t)
{
    struct world *w = (struct world *)t->arg[0];
    look_around(w);
    describe(w);
    while (w->calls < w->limit && (w->time_end == 0 || kt_time() < w->time_end)) {
        if (w->sabotage && w->calls >= w->sabotage) {
            INV(WORLD_SELF, TN_CNODE_REVOKE, WORLD_MEMORY);
            w->sabotage = ~0ull;
        }
        if (!one_turn(w))
            break;
    }
    kt_store_release(&w->ending, 1); /* pairs with: be_back */
    world_step_back();
}

/* Answers the driver's ebreaks; any other fault of it is the end. */
static void be_back(struct kt_thread *t)
{
    struct world *w = (struct world *)t->arg[0];
    struct kt_msg m = {0};
    int error = kt_recv(w->back_endpoint, &m, w->back_reply);
    while (error == TN_OK && tn_info_label(m.info) == TN_FAULT_BREAKPOINT && !kt_load_acquire(&w->ending)) {
        w->stop_stval = m.mr[1];
        m = kt_msg1(0, m.mr[0] + 4);
        error = kt_reply_recv(w->back_endpoint, &m, w->back_reply);
    }
    if (!kt_load_acquire(&w->ending)) { /* pairs with: live */
        w->differs = "the driver, which got a fault,";
        w->got = m;
    }
}

/* ---- the test ---- */

static void world_new(struct world *w, unsigned hart, uint64_t calls, uint64_t seconds)
{
    tn_cptr_t cnode = kt_object(TN_CNODE, SPEC_RADIX), buffers = kt_object(TN_FRAME, BUFFERS_BITS);
    memset(w, 0, sizeof *w);
    w->seed = ((kt_seed << 8) + hart + 1) * 0x9e3779b97f4a7c15ull | 1; /* two seeds, two worlds */
    w->limit = seconds ? ~0ull : calls;
    w->time_end = seconds ? kt_time() + kt_ticks_ms(seconds * 1000) : 0;
    w->buffers = kt_map(buffers, 0, SPEC_BLOCKS, TN_READ | TN_WRITE);
    w->back_endpoint = kt_object(TN_ENDPOINT, 0);
    w->back_reply = kt_object(TN_REPLY, 0);
    w->back = kt_thread_new_prio(hart, 1, be_back);
    w->driver = kt_thread_new_prio(hart, WORLD_PRIORITY, live);
    w->back->arg[0] = w->driver->arg[0] = (uint64_t)w;
    REQUIRE_OK(INV(cnode, TN_CNODE_COPY, WORLD_SELF, cnode, TN_RIGHTS_ALL));
    REQUIRE_OK(kt_retype(KT_UNTYPED, TN_UNTYPED, MEMORY_BITS, cnode, WORLD_MEMORY, 1));
    REQUIRE_OK(INV(cnode, TN_CNODE_COPY, WORLD_SPACE, TN_INIT_VSPACE, TN_RIGHTS_ALL));
    REQUIRE_OK(INV(cnode, TN_CNODE_COPY, WORLD_BUFFERS, buffers, TN_RIGHTS_ALL));
    REQUIRE_OK(INV(w->driver->tcb, TN_TCB_SET_SPACE, cnode, TN_INIT_VSPACE, w->back_endpoint));
    REQUIRE_OK(INV(w->driver->tcb, TN_TCB_SET_BUFFER, buffers, 0, 1));
}

static void world_start(struct world *w)
{
    kt_thread_start(w->back);
    kt_thread_start(w->driver);
}

static void report(const struct world *w, unsigned hart)
{
    kt_printf("# hart %u, after %lu calls: %s differs: number %lu a0 %lx a1 %lx a2 %lx a3 %lx\n", hart,
              (unsigned long)w->calls, w->differs, (unsigned long)w->call.number, (unsigned long)w->call.a[0],
              (unsigned long)w->call.a[1], (unsigned long)w->call.a[2], (unsigned long)w->call.a[3]);
    kt_printf("#   a4 %lx a5 %lx a6 %lx\n", (unsigned long)w->call.a[4], (unsigned long)w->call.a[5],
              (unsigned long)w->call.a[6]);
    const uint64_t *said = w->answer.reg;
    const uint64_t got[6] = {w->got.badge, w->got.info, w->got.mr[0], w->got.mr[1], w->got.mr[2], w->got.mr[3]};
    for (unsigned i = 0; i < 6; i++)
        kt_printf("#   a%u: kernel %lx, specified %lx\n", i, (unsigned long)got[i], (unsigned long)said[i]);
    for (unsigned b = 0; b < SPEC_BLOCKS; b++)
        for (unsigned i = 0; i < 6; i++)
            if (w->block[b].out[i] != w->spec.block[b].out[i])
                kt_printf("#   thread's block %u (call %lu of %lx), a%u: kernel %lx, specified %lx\n", b,
                          (unsigned long)w->block[b].in[7], (unsigned long)w->block[b].in[0], i,
                          (unsigned long)w->block[b].out[i], (unsigned long)w->spec.block[b].out[i]);
    for (unsigned page = 0; page < SPEC_BLOCKS; page++)
        for (unsigned i = 0; i < (page ? TN_PAGE_BYTES / 8 : SPEC_MESSAGE_WORDS); i++)
            if (w->buffers[page * (TN_PAGE_BYTES / 8) + i] != w->spec.page[page][i])
                kt_printf("#   buffer %u word %u: kernel %lx, specified %lx\n", page, i,
                          (unsigned long)w->buffers[page * (TN_PAGE_BYTES / 8) + i],
                          (unsigned long)w->spec.page[page][i]);
}

static uint64_t argument(const char *name, uint64_t otherwise)
{
    char text[24];

    return kt_bootarg(name, text, sizeof(text)) ? strtoull(text, NULL, 0) : otherwise;
}

static void await_all(unsigned n)
{
    unsigned running = n;
    while (running > 0) {
        running = 0;
        kt_sleep_ticks(kt_ticks_ms(20));
        for (unsigned i = 0; i < n; i++)
            running += !kt_is_done(world[i].back);
    }
}

/* A world on each hart; all answers are as specified. */
static void test_worlds(void)
{
    unsigned n = kt_harts < WORLDS_MAX ? kt_harts : WORLDS_MAX;
    uint64_t calls = argument("calls", n > 4 ? CALLS_DEFAULT / 2 : CALLS_DEFAULT), seconds = argument("seconds", 0);
    uint64_t accepted = 0, refused = 0;
    struct spec_count sum = {0};

    for (unsigned i = 0; i < n; i++)
        world_new(&world[i], i, calls / n + (i < calls % n), seconds);
    for (unsigned i = 0; i < n; i++)
        world_start(&world[i]);
    await_all(n);
    for (unsigned i = 0; i < n; i++) {
        accepted += world[i].accepted;
        refused += world[i].refused;
        for (unsigned k = 0; k < COUNTS; k++)
            ((uint64_t *)&sum)[k] += ((const uint64_t *)&world[i].spec.count)[k];
        EXPECT(world[i].differs == NULL);
        if (world[i].differs)
            report(&world[i], i);
    }
    kt_printf("# %lu calls as specified: of drivers %lu accepted, %lu refused, of threads %lu\n",
              (unsigned long)(accepted + refused + sum.calls), (unsigned long)accepted, (unsigned long)refused,
              (unsigned long)sum.calls);
    kt_printf(
        "# threads got %lu messages and signals, %lu of them faults, %lu answers, %lu capabilities; waiting ended "
        "%lu times by deletion, %lu by suspension\n",
        (unsigned long)sum.messages, (unsigned long)sum.faults, (unsigned long)sum.answers, (unsigned long)sum.caps,
        (unsigned long)sum.gone, (unsigned long)sum.stopped);
    EXPECT(accepted > calls / 5 && refused > calls / 8 && sum.calls > calls / 50);
    for (unsigned k = 0; k < COUNTS; k++)
        EXPECT(((const uint64_t *)&sum)[k] >= calls / CALLS_DEFAULT);
}

/* What the specification is not told of is noticed soon. */
static void test_notices(void)
{
    world_new(&world[0], 0, CALLS_DEFAULT, 0);
    world[0].sabotage = CALLS_DEFAULT / 2;
    world_start(&world[0]);
    await_all(1);
    EXPECT(world[0].differs != NULL);
    EXPECT(world[0].calls >= CALLS_DEFAULT / 2 && world[0].calls < CALLS_DEFAULT / 2 + 200);
}

const struct kt_test worlds_tests[] = {
    {"worlds.as_specified", test_worlds, 0},
    {"worlds.notices", test_notices, 0},
    {NULL, NULL, 0},
};
