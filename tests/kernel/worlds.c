/* Random system calls whose every answer is checked against an executable specification (tests/spec/). Each hart has a thread with a
 * world of its own: a CNode, an Untyped, and what it makes of them. So every answer is determined, while all harts meet in the kernel's locks,
 * in its removal of objects and in its searches of page tables.
 *
 * Boot arguments: `calls=N` calls a hart; `seconds=N` until that time is over instead.
 */
#include <stdlib.h>
#include <string.h>
#include "mem.h"
#include "../spec/spec.h"

#define CALLS_DEFAULT 20000 /* of all harts together */
#define WORLDS_MAX 8
#define SELF 1
#define MEMORY 2
#define FIRST 3
#define MEMORY_BITS 19
#define OUT_FIRST 300 /* words of the batch area for old entries: behind the runs */

struct world {
    struct spec spec;
    struct kt_thread *thread;
    uint64_t calls, seed, time_end;
    uint64_t accepted, refused;
    bool crowded, full; /* no room in the specification, no memory in the Untyped */
    bool sabotage;      /* delete something behind the specification's back */
    const char *differs;
    struct spec_call call; /* the one that differed */
    struct spec_answer answer;
    struct kt_msg got;
};

static struct world world[WORLDS_MAX];

/* ---- making calls ---- */

static uint64_t any(struct world *w, uint64_t n)
{
    return kt_random(&w->seed) % n;
}

/* A capability pointer: a slot of the root, mostly; one inside a CNode; nonsense. */
static uint64_t some_cptr(struct world *w)
{
    uint64_t r = any(w, 32);
    if (r == 0)
        return kt_random(&w->seed);
    if (r < 4)
        return tn_cptr_in(any(w, SPEC_ROOT_SLOTS), any(w, 10));
    return any(w, SPEC_ROOT_SLOTS);
}

/* A slot that holds an object of that type, if a few tries find one. */
static uint64_t cptr_of(struct world *w, uint8_t type)
{
    uint64_t cptr = some_cptr(w);
    for (unsigned tries = 0; tries < 24; tries++, cptr = any(w, SPEC_ROOT_SLOTS)) {
        uint32_t slot = spec_lookup(&w->spec, cptr);
        if (slot && spec_object_of(&w->spec, slot) && spec_object_of(&w->spec, slot)->type == type)
            break;
    }
    return cptr;
}

static uint64_t number(struct world *w)
{
    switch (any(w, 8)) {
    case 0:
        return kt_random(&w->seed);
    case 1:
        return 1ull << any(w, 64);
    case 2:
        return any(w, 4096);
    default:
        return any(w, 16);
    }
}

static void invocation(struct spec_call *c, uint64_t cap, uint64_t label, uint32_t words)
{
    c->number = TN_SYS_CALL;
    c->a[0] = cap;
    c->a[1] = tn_info(label, 0, words);
}

/* Keeps the world's own two capabilities, without which nothing else could be called. */
static void cnode_call(struct world *w, struct spec_call *c)
{
    static const uint8_t labels[] = {TN_CNODE_COPY, TN_CNODE_COPY,   TN_CNODE_MINT,   TN_CNODE_MINT,
                                     TN_CNODE_MOVE, TN_CNODE_DELETE, TN_CNODE_DELETE, TN_CNODE_REVOKE};
    uint64_t label = labels[any(w, sizeof labels)];
    if (w->crowded)
        label = TN_CNODE_DELETE;
    invocation(c, any(w, 8) ? SELF : cptr_of(w, TN_CNODE), label, 4);
    uint32_t at = spec_lookup(&w->spec, c->a[0]);
    bool root = at && spec_object_of(&w->spec, at) && spec_object_of(&w->spec, at)->slots == 0;
    c->a[2] = root ? FIRST + any(w, SPEC_ROOT_SLOTS - FIRST + 1) : any(w, 9);
    if (label == TN_CNODE_REVOKE && any(w, w->full ? 20 : 2000) == 0 && root)
        c->a[2] = MEMORY;
    c->a[3] = any(w, 4) ? some_cptr(w) : cptr_of(w, any(w, 2) ? TN_ENDPOINT : TN_NOTIFICATION);
    if (label == TN_CNODE_MOVE && (c->a[3] == SELF || c->a[3] == MEMORY || c->a[3] >> 32))
        c->a[3] = FIRST;
    c->a[4] = any(w, 4) ? TN_RIGHTS_ALL : kt_random(&w->seed);
    c->a[5] = any(w, 3) ? 1ull << any(w, 8) : 0;
}

static void retype_call(struct world *w, struct spec_call *c)
{
    static const uint8_t types[] = {
        TN_UNTYPED,   TN_CNODE,     TN_TCB,       TN_ENDPOINT, TN_REPLY, TN_NOTIFICATION, TN_VSPACE,
        TN_PAGETABLE, TN_PAGETABLE, TN_PAGETABLE, TN_FRAME,    TN_FRAME, TN_ENDPOINT,     0,
        13,           200};
    uint64_t type = types[any(w, sizeof types)], size = 0, count = any(w, 8) ? 1 : any(w, 4);
    if (type == TN_CNODE)
        size = any(w, 16) ? 1 + any(w, SPEC_INNER_RADIX_MAX) : 15 + any(w, 30); /* too large, or no size at all */
    else if (type == TN_PAGETABLE)
        size = any(w, 16) ? any(w, w->spec.levels) : any(w, 10);
    else if (type == TN_FRAME || type == TN_UNTYPED)
        size = any(w, 16) ? 12 + any(w, 4) : any(w, 60);
    else if (any(w, 16) == 0)
        size = any(w, 3);
    invocation(c, any(w, 3) ? MEMORY : cptr_of(w, TN_UNTYPED), TN_UNTYPED_RETYPE, 4);
    c->a[2] = type;
    c->a[3] = size;
    c->a[4] = any(w, 16) ? SELF : cptr_of(w, TN_CNODE);
    uint32_t at = spec_lookup(&w->spec, c->a[4]);
    bool root = at && spec_object_of(&w->spec, at) && spec_object_of(&w->spec, at)->slots == 0;
    uint64_t first = root ? FIRST + any(w, SPEC_ROOT_SLOTS - FIRST + 1) : any(w, 9);
    c->a[5] = first | count << 32;
}

static void object_call(struct world *w, struct spec_call *c)
{
    static const uint8_t tcb_labels[] = {TN_TCB_SET_PRIORITY, TN_TCB_WRITE_REGS, TN_TCB_READ_REGS, TN_TCB_WRITE_REG,
                                         TN_TCB_SET_BADGE,    TN_TCB_SUSPEND,    TN_TCB_SET_BUFFER};
    static const uint8_t vspace_labels[] = {TN_VSPACE_SET_ROOT, TN_VSPACE_FLUSH};
    switch (any(w, 5)) {
    case 0:
        invocation(c, cptr_of(w, TN_TCB), tcb_labels[any(w, sizeof tcb_labels)], 4);
        break;
    case 1:
        invocation(c, cptr_of(w, TN_VSPACE), vspace_labels[any(w, sizeof vspace_labels)], 4);
        break;
    case 2:
        invocation(c, cptr_of(w, TN_FRAME), TN_FRAME_ADDRESS, 0);
        break;
    case 3:
        invocation(c, cptr_of(w, TN_PAGETABLE), TN_PAGETABLE_ADDRESS, 0);
        break;
    default: /* nonsense, without what would wait, run something, or come back later */
        invocation(c, some_cptr(w), 100 + any(w, 1000), (uint32_t)any(w, 5));
    }
    for (unsigned i = 2; i < 6; i++)
        c->a[i] = number(w);
    if (any(w, 32) == 0)
        c->a[1] = tn_info(tn_info_label(c->a[1]), 0, any(w, 4));
    if (tn_info_label(c->a[1]) == TN_TCB_SET_BUFFER) {
        c->a[2] = any(w, 4) ? cptr_of(w, TN_FRAME) : 0;
        c->a[4] = any(w, 4);
    } else if (tn_info_label(c->a[1]) == TN_VSPACE_SET_ROOT) {
        c->a[2] = cptr_of(w, TN_PAGETABLE);
    } else if (tn_info_label(c->a[1]) == TN_VSPACE_FLUSH) {
        c->a[2] = any(w, 8) ? any(w, 1ull << 27) << 12 : number(w);
    }
}

static void message_call(struct world *w, struct spec_call *c)
{
    static const uint8_t numbers[] = {TN_SYS_SIGNAL,  TN_SYS_SIGNAL,  TN_SYS_POLL,
                                      TN_SYS_NB_SEND, TN_SYS_NB_RECV, TN_SYS_REPLY};
    c->number = numbers[any(w, sizeof numbers)];
    c->a[0] = cptr_of(w, any(w, 3) ? TN_NOTIFICATION : TN_ENDPOINT);
    c->a[1] = tn_info(any(w, 1000), 0, any(w, 16) ? any(w, 5) : any(w, 128));
    c->a[6] = any(w, 3) ? 0 : cptr_of(w, TN_REPLY);
}

static void batch_call(struct world *w, struct spec_call *c, uint64_t *words)
{
    struct tn_pt_batch *b = (struct tn_pt_batch *)words;
    c->number = TN_SYS_PT_WRITE;
    b->runs = any(w, 64) ? 1 + (uint32_t)any(w, 3) : 60 + (uint32_t)any(w, 10);
    b->failed_run = 77;
    for (uint32_t i = 0, out = OUT_FIRST; i < b->runs && i < 3; i++) {
        struct tn_pt_run *r = &b->run[i];
        uint8_t op = 1 + (uint8_t)any(w, 6);
        *r = (struct tn_pt_run){.table = cptr_of(w, TN_PAGETABLE),
                                .object = cptr_of(w, op == TN_PT_LINK || op == TN_PT_VIEW ? TN_PAGETABLE : TN_FRAME),
                                .first = (uint16_t)any(w, 16),
                                .count = op == TN_PT_LINK || op == TN_PT_VIEW ? 1 : 1 + (uint16_t)any(w, 4),
                                .op = op,
                                .rights = any(w, 3) ? TN_READ | TN_WRITE : (uint8_t)any(w, 8),
                                .soft = (uint8_t)any(w, 4),
                                .flags = TN_PT_OLD,
                                .page = any(w, 4),
                                .in = 128 + 4 * i,
                                .out = out};
        out += 8;
        if (op == TN_PT_PROTECT && any(w, 2))
            r->object = 0;
        for (unsigned k = 0; k < 4; k++)
            words[r->in + k] = any(w, 4);
        if (any(w, 12) == 0) { /* something wrong */
            uint64_t bad = kt_random(&w->seed);
            r->first = bad & 1 ? (uint16_t)any(w, 600) : r->first;
            r->count = bad & 2 ? (uint16_t)any(w, 8) : r->count;
            r->rights = bad & 4 ? (uint8_t)bad : r->rights;
            r->page = bad & 8 ? bad >> any(w, 64) : r->page;
            r->op = bad & 16 ? (uint8_t)any(w, 9) : r->op;
            r->flags = bad & 32 ? (uint8_t)any(w, 3) : r->flags;
            r->table = bad & 64 ? some_cptr(w) : r->table;
            r->in = bad & 128 ? (uint32_t)any(w, 1000) : r->in;
        }
    }
    for (uint32_t i = 3; i < b->runs && i < 4; i++)
        b->run[i] = (struct tn_pt_run){0}; /* refused */
}

static void next_call(struct world *w, struct spec_call *c, uint64_t *words)
{
    uint64_t r = any(w, 100);
    *c = (struct spec_call){0};
    if (r < 4 && !w->crowded)
        retype_call(w, c);
    else if (r < 40 || w->crowded)
        cnode_call(w, c);
    else if (r < 55)
        message_call(w, c);
    else if (r < 75)
        object_call(w, c);
    else
        batch_call(w, c, words);
}

/* ---- checking answers ---- */

static const char *differs(const struct spec_call *c, const struct kt_msg *got, const struct spec_answer *a,
                           const struct tn_pt_batch *b)
{
    uint64_t info = a->error ? TN_INFO_ERROR | (uint64_t)a->error << 12 : 0;
    if (got->info != (info | a->words))
        return "info word";
    if ((a->error || c->number == TN_SYS_POLL || c->number == TN_SYS_NB_RECV) && got->badge != a->a0)
        return "a0";
    for (uint32_t i = 0; a->mr_checked && i < a->words && i < 4; i++)
        if (got->mr[i] != a->mr[i])
            return "message word";
    if (c->number != TN_SYS_PT_WRITE)
        return NULL;
    if (a->has_failed_run ? b->failed_run != a->failed_run : b->runs != 0)
        return "failed run";
    for (uint32_t i = OUT_FIRST; i < SPEC_BATCH_WORDS; i++)
        if (a->old_set[i] && ((const uint64_t *)b)[i] != a->old[i])
            return "old entry";
    return NULL;
}

static bool one_call(struct world *w, uint64_t *words)
{
    struct spec_answer *a = &w->answer;
    struct spec_call c;
    struct kt_msg m;
    next_call(w, &c, words);
    if (c.number == TN_SYS_CALL) { /* a message would wait: nobody is there */
        uint32_t slot = spec_lookup(&w->spec, c.a[0]);
        if (slot && spec_object_of(&w->spec, slot) && spec_object_of(&w->spec, slot)->type == TN_ENDPOINT)
            c.number = TN_SYS_NB_SEND;
    }
    spec_call(&w->spec, &c, words, a);
    m = (struct kt_msg){.badge = c.a[0], .info = c.a[1], .mr = {c.a[2], c.a[3], c.a[4], c.a[5]}};
    kt_ecall(c.number, &m, c.a[6]);
    w->differs = differs(&c, &m, a, (const struct tn_pt_batch *)words);
    if (a->error == TN_OK)
        w->accepted++;
    else
        w->refused++;
    w->full = a->error == TN_NOT_ENOUGH_MEMORY || (w->full && w->calls % 4096);
    w->crowded = !spec_has_room(&w->spec, 4);
    if (!w->differs && w->calls % 256 == 0)
        w->differs = spec_check(&w->spec);
    if (w->differs) {
        w->call = c;
        w->got = m;
    }
    return w->differs == NULL;
}

/* Where the Untyped begins: a Frame says so. It is gone again, and 4 KiB are used. */
static uint64_t find_base(void)
{
    if (kt_retype(MEMORY, TN_FRAME, TN_PAGE_BITS, SELF, FIRST, 1) != TN_OK)
        return 0;
    struct kt_msg m = INVM0(FIRST, TN_FRAME_ADDRESS);
    INV(SELF, TN_CNODE_DELETE, FIRST);
    return m.mr[0];
}

static void live(struct kt_thread *t)
{
    struct world *w = (struct world *)t->arg[0];
    uint64_t *words = (uint64_t *)((uint8_t *)t->buffer + TN_IPC_BATCH_OFFSET);
    uint64_t base = find_base();

    spec_init(&w->spec, kt_boot->levels, kt_boot->harts, KT_PRIO_LOW, SELF, MEMORY, base, MEMORY_BITS);
    spec_object_of(&w->spec, MEMORY)->used = TN_PAGE_BYTES;
    for (w->calls = 1; w->calls <= t->arg[1] && (w->time_end == 0 || kt_time() < w->time_end); w->calls++) {
        if (w->sabotage && w->calls == t->arg[1] / 2)
            INV(SELF, TN_CNODE_REVOKE, MEMORY);
        if (!one_call(w, words))
            break;
        kt_add(&t->count, 1);
    }
}

static void world_new(struct world *w, unsigned hart, uint64_t calls, uint64_t seconds)
{
    *w = (struct world){.seed = (kt_test_seed + 0x9e3779b97f4a7c15ull * (hart + 1)) | 1};
    w->thread = kt_thread_new(hart, live);
    tn_cptr_t cnode = kt_object(TN_CNODE, SPEC_RADIX);
    REQUIRE_OK(INV(cnode, TN_CNODE_COPY, SELF, cnode, TN_RIGHTS_ALL));
    REQUIRE_OK(kt_retype(KT_UNTYPED, TN_UNTYPED, MEMORY_BITS, cnode, MEMORY, 1));
    REQUIRE_OK(INV(w->thread->tcb, TN_TCB_SET_SPACE, cnode, TN_INIT_VSPACE, kt_slot_fault));
    REQUIRE_OK(INV(w->thread->tcb, TN_TCB_SET_BUFFER, kt_slot_buffers, w->thread->index * KT_BUFFER_PAGES, 1));
    w->thread->arg[0] = (uint64_t)w;
    w->thread->arg[1] = seconds ? ~0ull : calls;
    w->time_end = seconds ? kt_time() + kt_ticks_ms(seconds * 1000) : 0;
}

static void report(const struct world *w, unsigned hart)
{
    kt_printf("# hart %u, call %lu: %s differs: number %lu a0 %lx a1 %lx a2 %lx a3 %lx\n", hart,
              (unsigned long)w->calls, w->differs, (unsigned long)w->call.number, (unsigned long)w->call.a[0],
              (unsigned long)w->call.a[1], (unsigned long)w->call.a[2], (unsigned long)w->call.a[3]);
    kt_printf("#   a4 %lx a5 %lx a6 %lx: kernel a0 %lx a1 %lx mr %lx %lx\n", (unsigned long)w->call.a[4],
              (unsigned long)w->call.a[5], (unsigned long)w->call.a[6], (unsigned long)w->got.badge,
              (unsigned long)w->got.info, (unsigned long)w->got.mr[0], (unsigned long)w->got.mr[1]);
    kt_printf("#   specified: error %d, %u words, a0 %lx mr %lx %lx, failed run %u\n", w->answer.error, w->answer.words,
              (unsigned long)w->answer.a0, (unsigned long)w->answer.mr[0], (unsigned long)w->answer.mr[1],
              w->answer.failed_run);
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
            running += !kt_is_done(world[i].thread);
    }
}

/* A world on each hart; all answers are as specified. */
static void test_worlds(void)
{
    unsigned n = kt_harts < WORLDS_MAX ? kt_harts : WORLDS_MAX;
    uint64_t calls = argument("calls", CALLS_DEFAULT / n), seconds = argument("seconds", 0);
    uint64_t accepted = 0, refused = 0;

    for (unsigned i = 0; i < n; i++)
        world_new(&world[i], i, calls, seconds);
    for (unsigned i = 0; i < n; i++)
        kt_thread_start(world[i].thread);
    await_all(n);
    for (unsigned i = 0; i < n; i++) {
        accepted += world[i].accepted;
        refused += world[i].refused;
        EXPECT(world[i].differs == NULL);
        if (world[i].differs)
            report(&world[i], i);
    }
    kt_printf("# %lu calls as specified: %lu accepted, %lu refused\n", (unsigned long)(accepted + refused),
              (unsigned long)accepted, (unsigned long)refused);
    EXPECT(accepted > calls / 4 && refused > calls / 8);
}

/* What the specification is not told of is noticed soon. */
static void test_notices(void)
{
    world_new(&world[0], 0, CALLS_DEFAULT, 0);
    world[0].sabotage = true;
    kt_thread_start(world[0].thread);
    await_all(1);
    EXPECT(world[0].differs != NULL);
    EXPECT(world[0].calls >= CALLS_DEFAULT / 2 && world[0].calls < CALLS_DEFAULT / 2 + 200);
}

const struct kt_test worlds_tests[] = {
    {"worlds.as_specified", test_worlds, 0},
    {"worlds.notices", test_notices, 0},
    {NULL, NULL, 0},
};
