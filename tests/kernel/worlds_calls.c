/* What is called in a world: random, but so that much is accepted, that what the specification leaves open is not asked, and that no
 * thread runs anything but its program (worlds.h). */
#include <string.h>
#include "worlds.h"

/* A capability pointer: a slot of the root, mostly; one inside a CNode; nonsense. */
static uint64_t some_cptr(struct world *w)
{
    uint64_t r = world_any(w, 32);
    if (r == 0)
        return kt_random(&w->seed);
    if (r < 4)
        return tn_cptr_in(world_any(w, SPEC_ROOT_SLOTS), world_any(w, 10));
    return world_any(w, SPEC_ROOT_SLOTS);
}

/* A slot that holds an object of that type, if a few tries find one. */
static uint64_t cptr_of(struct world *w, uint8_t type)
{
    uint64_t cptr = some_cptr(w);
    for (unsigned tries = 0; tries < 24; tries++, cptr = world_any(w, SPEC_ROOT_SLOTS)) {
        uint32_t slot = spec_lookup(&w->spec, cptr);
        if (slot && spec_object_of(&w->spec, slot) && spec_object_of(&w->spec, slot)->type == type)
            break;
    }
    return cptr;
}

static uint64_t number(struct world *w)
{
    switch (world_any(w, 8)) {
    case 0:
        return kt_random(&w->seed);
    case 1:
        return 1ull << world_any(w, 64);
    case 2:
        return world_any(w, 4096);
    default:
        return world_any(w, 16);
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
    uint64_t label = labels[world_any(w, sizeof labels)];
    if (w->crowded)
        label = TN_CNODE_DELETE;
    invocation(c, world_any(w, 8) ? WORLD_SELF : cptr_of(w, TN_CNODE), label, 4);
    uint32_t at = spec_lookup(&w->spec, c->a[0]);
    bool root = at && spec_object_of(&w->spec, at) && spec_object_of(&w->spec, at)->slots == 0;
    c->a[2] = root ? WORLD_FIRST + world_any(w, SPEC_ROOT_SLOTS - WORLD_FIRST + 1) : world_any(w, 9);
    if (label == TN_CNODE_REVOKE && world_any(w, w->full ? 20 : 2000) == 0 && root)
        c->a[2] = WORLD_MEMORY;
    c->a[3] = world_any(w, 4) ? some_cptr(w) : cptr_of(w, world_any(w, 2) ? TN_ENDPOINT : TN_NOTIFICATION);
    if (label == TN_CNODE_MOVE && (c->a[3] < WORLD_FIRST || c->a[3] >> 32))
        c->a[3] = WORLD_FIRST;
    c->a[4] = world_any(w, 4) ? TN_RIGHTS_ALL : kt_random(&w->seed);
    c->a[5] = world_any(w, 3) ? 1ull << world_any(w, 8) : 0;
}

static uint64_t gate_bits(const struct world *w)
{
    uint64_t bits = 1;
    while (1u << bits < w->spec.harts)
        bits++;
    return bits;
}

static void retype_call(struct world *w, struct spec_call *c)
{
    static const uint8_t types[] = {TN_UNTYPED,   TN_CNODE,     TN_TCB,          TN_TCB,    TN_TCB,      TN_ENDPOINT,
                                    TN_REPLY,     TN_REPLY,     TN_NOTIFICATION, TN_VSPACE, TN_GATE,     TN_PAGETABLE,
                                    TN_PAGETABLE, TN_PAGETABLE, TN_FRAME,        TN_FRAME,  TN_ENDPOINT, 0,
                                    13,           200};
    uint64_t type = types[world_any(w, sizeof types)], size = 0, count = world_any(w, 8) ? 1 : world_any(w, 4);
    if (type == TN_GATE && w->spec.harts > 1u << SPEC_INNER_RADIX_MAX)
        type = TN_ENDPOINT; /* a Gate has more slots than the specification has room for */
    if (type == TN_CNODE)
        size = world_any(w, 16) ? 1 + world_any(w, SPEC_INNER_RADIX_MAX)
                                : 15 + world_any(w, 30); /* too large, or no size at all */
    else if (type == TN_PAGETABLE)
        size = world_any(w, 16) ? world_any(w, w->spec.levels) : world_any(w, 10);
    else if (type == TN_FRAME || type == TN_UNTYPED)
        size = world_any(w, 16) ? 12 + world_any(w, 4) : world_any(w, 60);
    else if (type == TN_GATE)
        size = world_any(w, 16) ? gate_bits(w) : world_any(w, 12);
    else if (world_any(w, 16) == 0)
        size = world_any(w, 3);
    invocation(c, world_any(w, 3) ? WORLD_MEMORY : cptr_of(w, TN_UNTYPED), TN_UNTYPED_RETYPE, 4);
    c->a[2] = type;
    c->a[3] = size;
    c->a[4] = world_any(w, 16) ? WORLD_SELF : cptr_of(w, TN_CNODE);
    uint32_t at = spec_lookup(&w->spec, c->a[4]);
    bool root = at && spec_object_of(&w->spec, at) && spec_object_of(&w->spec, at)->slots == 0;
    uint64_t first = root ? WORLD_FIRST + world_any(w, SPEC_ROOT_SLOTS - WORLD_FIRST + 1) : world_any(w, 9);
    c->a[5] = first | count << 32;
}

/* ---- threads ---- */

static struct spec_object *object_at(struct world *w, uint64_t cptr)
{
    uint32_t slot = spec_lookup(&w->spec, cptr);
    return slot ? spec_object_of(&w->spec, slot) : NULL;
}

/* Where a thread may be sent: into its program, or to where nothing is mapped. Also a word of any message: it may answer a fault. */
static uint64_t place(struct world *w)
{
    const struct spec_program *p = &w->spec.program;
    const uint64_t places[] = {p->load, p->load, p->call, p->store, p->stop};
    uint64_t n = world_any(w, 12);
    return n < 5 ? places[n] : 2 * world_any(w, 500);
}

static uint64_t block_address(struct world *w)
{
    return (uint64_t)&w->block[world_any(w, SPEC_BLOCKS)];
}

/* A priority that no other thread of the world has; or one that is refused. */
static uint64_t priority(struct world *w)
{
    if (world_any(w, 8) == 0)
        return WORLD_PRIORITY + 1 + number(w) % 1000;
    uint32_t taken = 0;
    for (unsigned n = 1; n < SPEC_OBJECTS; n++)
        if (w->spec.object[n].type == TN_TCB)
            taken |= 1u << w->spec.object[n].priority;
    uint64_t p = SPEC_PRIORITY_MIN + world_any(w, WORLD_PRIORITY - SPEC_PRIORITY_MIN);
    for (unsigned tries = 0; taken & 1u << p && tries < WORLD_PRIORITY; tries++)
        p = p + 1 == WORLD_PRIORITY ? SPEC_PRIORITY_MIN : p + 1;
    return taken & 1u << p ? 0 : p;
}

/* A register and its value. Temporaries stay 0: a thread finds some earlier value of its own in them. */
static void register_words(struct world *w, uint64_t *a)
{
    uint64_t r = world_any(w, 16) ? world_any(w, 32) : number(w);
    bool temporary = (r >= 5 && r <= 7) || (r >= 28 && r <= 31);
    a[0] = temporary ? SPEC_A1 : r;
    a[1] = a[0] == 4 ? block_address(w) : a[0] == SPEC_A1 && world_any(w, 2) ? number(w) : place(w);
    if (a[0] == SPEC_A7)
        a[1] = world_any(w, TN_SYS_DEBUG_PUT);
}

static void buffer_words(struct world *w, uint64_t *a)
{
    a[0] = world_any(w, 3) ? WORLD_BUFFERS : world_any(w, 4) ? cptr_of(w, TN_FRAME) : 0;
    a[1] = 1 + world_any(w, world_any(w, 8) ? SPEC_BLOCKS - 1 : 20);
    a[2] = world_any(w, 8) ? 1 : number(w);
    const struct spec_object *o = object_at(w, a[0]);
    if (o != &w->spec.object[w->spec.first_buffer])
        a[1] = number(w);
    else if (a[1] < SPEC_BLOCKS && a[2] <= SPEC_BLOCKS - a[1])
        a[2] = a[2] ? 1 : 0; /* batches end with the page */
}

static void space_words(struct world *w, uint64_t *a)
{
    a[0] = world_any(w, 8) ? WORLD_SELF : world_any(w, 2) ? cptr_of(w, TN_CNODE) : 0;
    a[1] = world_any(w, 12) ? WORLD_SPACE : some_cptr(w);
    a[2] = world_any(w, 4) ? cptr_of(w, world_any(w, 4) ? TN_ENDPOINT : TN_GATE) : 0;
    const struct spec_object *space = object_at(w, a[1]);
    if (space && space->type == TN_VSPACE)
        a[1] = WORLD_SPACE; /* a thread runs its program, or nothing */
}

/* Arguments of a TCB's invocation. */
static void tcb_words(struct world *w, struct spec_call *c)
{
    uint64_t *a = &c->a[2];
    switch (tn_info_label(c->a[1])) {
    case TN_TCB_SET_PRIORITY:
        a[0] = priority(w);
        break;
    case TN_TCB_SET_AFFINITY:
        a[0] = world_any(w, 2) ? w->spec.hart : w->spec.harts + number(w) % 1000;
        break;
    case TN_TCB_WRITE_REGS:
        a[0] = place(w);
        a[1] = number(w);
        a[2] = world_any(w, 8) ? block_address(w) : 0;
        a[3] = number(w);
        break;
    case TN_TCB_READ_REGS:
        a[0] = world_any(w, 3) ? 0 : number(w);
        a[1] = world_any(w, 3) ? 32 - (a[0] < 32 ? a[0] : 0) : number(w);
        break;
    case TN_TCB_WRITE_REG:
        register_words(w, a);
        break;
    case TN_TCB_SET_BUFFER:
        buffer_words(w, a);
        break;
    case TN_TCB_SET_SPACE:
        space_words(w, a);
        break;
    default:
        a[0] = number(w);
    }
}

/* ---- objects ---- */

static void tcb_call(struct world *w, struct spec_call *c)
{
    static const uint8_t labels[] = {TN_TCB_SET_PRIORITY, TN_TCB_WRITE_REGS, TN_TCB_READ_REGS,  TN_TCB_WRITE_REG,
                                     TN_TCB_SET_BADGE,    TN_TCB_SUSPEND,    TN_TCB_SET_BUFFER, TN_TCB_SET_SPACE,
                                     TN_TCB_SET_AFFINITY, TN_TCB_RESUME,     TN_TCB_READ_REGS};
    invocation(c, cptr_of(w, TN_TCB), labels[world_any(w, sizeof labels)], 4);
    tcb_words(w, c);
}

static void gate_call(struct world *w, struct spec_call *c)
{
    invocation(c, cptr_of(w, TN_GATE), TN_GATE_SET, 2);
    c->a[2] = world_any(w, 4) ? w->spec.hart : world_any(w, w->spec.harts + 2);
    c->a[3] = world_any(w, 8) ? cptr_of(w, TN_ENDPOINT) : some_cptr(w);
}

/* Deadlines that have passed, and some that nobody lives to see. */
static void deadline_call(struct world *w, struct spec_call *c, bool past)
{
    static const uint64_t times[] = {~0ull, 1ull << 62, 0, SPEC_PAST - 1};
    invocation(c, cptr_of(w, TN_NOTIFICATION), TN_NTFN_DEADLINE, 1);
    c->a[2] = times[world_any(w, past ? 4 : 2)];
}

static void vspace_call(struct world *w, struct spec_call *c)
{
    bool flush = world_any(w, 2);
    invocation(c, cptr_of(w, TN_VSPACE), flush ? TN_VSPACE_FLUSH : TN_VSPACE_SET_ROOT, 4);
    for (unsigned i = 2; i < 6; i++)
        c->a[i] = number(w);
    if (!flush)
        c->a[2] = cptr_of(w, TN_PAGETABLE);
    else if (world_any(w, 8))
        c->a[2] = world_any(w, 1ull << 27) << 12;
    if (flush && object_at(w, c->a[0]) == &w->spec.object[w->spec.space])
        c->a[1] = tn_info(TN_FRAME_ADDRESS, 0, 4); /* whom a flush of it interrupts is not determined */
}

static void object_call(struct world *w, struct spec_call *c)
{
    switch (world_any(w, 12)) {
    case 0:
        vspace_call(w, c);
        break;
    case 1:
        invocation(c, cptr_of(w, TN_FRAME), TN_FRAME_ADDRESS, 0);
        break;
    case 2:
        invocation(c, cptr_of(w, TN_PAGETABLE), TN_PAGETABLE_ADDRESS, 0);
        break;
    case 3:
        gate_call(w, c);
        break;
    case 4:
        deadline_call(w, c, true);
        break;
    case 5: /* nonsense */
        invocation(c, some_cptr(w), 100 + world_any(w, 1000), (uint32_t)world_any(w, 5));
        break;
    default:
        tcb_call(w, c);
    }
    if (world_any(w, 32) == 0)
        c->a[1] = tn_info(tn_info_label(c->a[1]), 0, world_any(w, 4));
}

/* ---- messages ---- */

/* Some slot of the root that holds a capability to the object; 0: none does. */
static uint64_t cptr_to(struct world *w, uint32_t object)
{
    uint32_t first = (uint32_t)world_any(w, SPEC_ROOT_SLOTS);
    for (uint32_t i = 0; i < SPEC_ROOT_SLOTS; i++)
        if (w->spec.slot[(first + i) % SPEC_ROOT_SLOTS].object == object)
            return (first + i) % SPEC_ROOT_SLOTS;
    return 0;
}

/* What some thread waits for, in that way, if it has the type; 0: nothing was found. */
static uint64_t waited_for(struct world *w, uint8_t type, uint32_t way)
{
    uint32_t first = (uint32_t)world_any(w, SPEC_OBJECTS);
    for (uint32_t i = 0; i < SPEC_OBJECTS; i++) {
        const struct spec_object *t = &w->spec.object[(first + i) % SPEC_OBJECTS];
        if (t->type == TN_TCB && t->state == way && w->spec.object[t->waits_on].type == type)
            return cptr_to(w, t->waits_on);
    }
    return 0;
}

/* Where to send, or to wait, or whom to answer: often where somebody waits in that way, or at a favourite. */
static uint64_t meeting_point(struct world *w, uint8_t type, uint32_t way)
{
    uint64_t cptr = world_any(w, 2) ? 0 : waited_for(w, type, way);
    const struct spec_object *o = object_at(w, w->favourite);
    if (cptr)
        return cptr;
    if (world_any(w, 2) && o && o->type == type)
        return w->favourite;
    cptr = cptr_of(w, type);
    if (type != TN_REPLY && world_any(w, 16) == 0)
        w->favourite = cptr;
    return cptr;
}

/* What a call names in a0. */
static uint64_t place_to_meet(struct world *w, uint64_t number, bool bits)
{
    bool receives = number == TN_SYS_RECV || number == TN_SYS_NB_RECV || number == TN_SYS_REPLY_RECV ||
                    number == TN_SYS_PT_REPLY_RECV;
    if (bits)
        return meeting_point(w, TN_NOTIFICATION, SPEC_WAITS);
    if (world_any(w, receives ? 16 : 6) == 0)
        return meeting_point(w, TN_GATE, SPEC_INACTIVE);
    return meeting_point(w, TN_ENDPOINT, receives ? SPEC_SENDS : SPEC_RECEIVES);
}

static uint64_t message_info(struct world *w)
{
    uint64_t words = world_any(w, 4) ? world_any(w, 5) : world_any(w, world_any(w, 8) ? 65 : 128);
    uint64_t info =
        tn_info(world_any(w, 3) ? world_any(w, 50) : 0, world_any(w, 3) ? 0 : world_any(w, 4), (unsigned)words);
    if (world_any(w, 2))
        info = tn_info(tn_info_label(info), 0, (unsigned)world_any(w, 5)); /* what the short ways take */
    if (world_any(w, 16) == 0)
        info |= kt_random(&w->seed) & (TN_INFO_ERROR | 0xe00); /* bits that a sender cannot set */
    return info;
}

/* A slot that is taken, or one that is free; or nonsense. */
static uint64_t root_slot(struct world *w, bool taken)
{
    uint64_t slot = some_cptr(w);
    for (unsigned tries = 0; tries < 16 && world_any(w, 16); tries++) {
        slot = WORLD_FIRST + world_any(w, SPEC_ROOT_SLOTS - WORLD_FIRST);
        if ((w->spec.slot[slot].object != 0) == taken)
            break;
    }
    return slot;
}

/* A Reply object that nobody is in, if a few tries find one. */
static uint64_t free_reply(struct world *w)
{
    uint64_t cptr = cptr_of(w, TN_REPLY);
    for (unsigned tries = 0; tries < 8 && object_at(w, cptr) && object_at(w, cptr)->caller; tries++)
        cptr = cptr_of(w, TN_REPLY);
    return cptr;
}

/* What a long message takes from its sender's page, and where capabilities go that arrive in it: in the page itself, and as the
 * specification knows it. */
static void fill_page(struct world *w, uint32_t page)
{
    uint64_t *shown = w->buffers + page * (TN_PAGE_BYTES / 8), *known = w->spec.page[page];
    for (unsigned i = 0; i < 4; i++) {
        unsigned at = TN_MSG_REG_WORDS + (unsigned)world_any(w, TN_MSG_WORDS_MAX - TN_MSG_REG_WORDS);
        shown[at] = known[at] = kt_random(&w->seed);
    }
    for (unsigned i = TN_MSG_WORDS_MAX; i < SPEC_MESSAGE_WORDS; i++)
        shown[i] = known[i] = root_slot(w, i + 1 < SPEC_MESSAGE_WORDS);
}

static void message_words(struct world *w, struct spec_call *c)
{
    c->a[1] = message_info(w);
    for (unsigned i = 2; i < 6; i++)
        c->a[i] = place(w);
    bool answers = c->number == TN_SYS_REPLY || c->number == TN_SYS_REPLY_RECV || c->number == TN_SYS_PT_REPLY_RECV;
    c->a[6] = world_any(w, 6) == 0 ? 0 : answers ? meeting_point(w, TN_REPLY, SPEC_CALLS) : free_reply(w);
}

/* Of the driver, which must not wait. */
static void message_call(struct world *w, struct spec_call *c)
{
    static const uint8_t numbers[] = {TN_SYS_SIGNAL,  TN_SYS_SIGNAL,  TN_SYS_POLL,    TN_SYS_NB_SEND,
                                      TN_SYS_NB_SEND, TN_SYS_NB_RECV, TN_SYS_NB_RECV, TN_SYS_REPLY};
    c->number = numbers[world_any(w, sizeof numbers)];
    bool bits = c->number == TN_SYS_SIGNAL || c->number == TN_SYS_POLL || world_any(w, 8) == 0;
    c->a[0] = place_to_meet(w, c->number, bits);
    message_words(w, c);
    if (tn_info_caps(c->a[1]) || world_any(w, 4) == 0)
        fill_page(w, 0);
}

static void batch_call(struct world *w, struct spec_call *c, uint64_t *words)
{
    struct tn_pt_batch *b = (struct tn_pt_batch *)words;
    c->number = TN_SYS_PT_WRITE;
    b->runs = world_any(w, 64) ? 1 + (uint32_t)world_any(w, 3) : 60 + (uint32_t)world_any(w, 10);
    b->failed_run = 77;
    for (uint32_t i = 0, out = WORLD_OUT_FIRST; i < b->runs && i < 3; i++) {
        struct tn_pt_run *r = &b->run[i];
        uint8_t op = 1 + (uint8_t)world_any(w, 6);
        *r = (struct tn_pt_run){.table = cptr_of(w, TN_PAGETABLE),
                                .object = cptr_of(w, op == TN_PT_LINK || op == TN_PT_VIEW ? TN_PAGETABLE : TN_FRAME),
                                .first = (uint16_t)world_any(w, 16),
                                .count = op == TN_PT_LINK || op == TN_PT_VIEW ? 1 : 1 + (uint16_t)world_any(w, 4),
                                .op = op,
                                .rights = world_any(w, 3) ? TN_READ | TN_WRITE : (uint8_t)world_any(w, 8),
                                .soft = (uint8_t)world_any(w, 4),
                                .flags = TN_PT_OLD,
                                .page = world_any(w, 4),
                                .in = 128 + 4 * i,
                                .out = out};
        out += 8;
        if (op == TN_PT_PROTECT && world_any(w, 2))
            r->object = 0;
        for (unsigned k = 0; k < 4; k++)
            words[r->in + k] = world_any(w, 4);
        if (world_any(w, 12) == 0) { /* something wrong */
            uint64_t bad = kt_random(&w->seed);
            r->first = bad & 1 ? (uint16_t)world_any(w, 600) : r->first;
            r->count = bad & 2 ? (uint16_t)world_any(w, 8) : r->count;
            r->rights = bad & 4 ? (uint8_t)bad : r->rights;
            r->page = bad & 8 ? bad >> world_any(w, 64) : r->page;
            r->op = bad & 16 ? (uint8_t)world_any(w, 9) : r->op;
            r->flags = bad & 32 ? (uint8_t)world_any(w, 3) : r->flags;
            r->table = bad & 64 ? some_cptr(w) : r->table;
            r->in = bad & 128 ? (uint32_t)world_any(w, 1000) : r->in;
        }
    }
    for (uint32_t i = 3; i < b->runs && i < 4; i++)
        b->run[i] = (struct tn_pt_run){0}; /* refused */
}

/* ---- calls of the world's threads ---- */

/* An invocation that makes no object and deletes none: what a thread does when others may have filled the specification, and
 * what might end the thread itself half-way, is the driver's. */
static void thread_invocation(struct world *w, struct spec_call *c)
{
    static const uint8_t labels[] = {TN_TCB_READ_REGS, TN_TCB_WRITE_REG, TN_TCB_SUSPEND,
                                     TN_TCB_RESUME,    TN_TCB_SET_BADGE, TN_TCB_WRITE_REGS};
    uint64_t label;
    switch (world_any(w, 4)) {
    case 0:
        do
            cnode_call(w, c);
        while ((label = tn_info_label(c->a[1])) == TN_CNODE_DELETE || label == TN_CNODE_REVOKE);
        break;
    case 1:
        deadline_call(w, c, false);
        break;
    case 2:
        invocation(c, cptr_of(w, TN_FRAME), TN_FRAME_ADDRESS, 0);
        break;
    default:
        invocation(c, cptr_of(w, TN_TCB), labels[world_any(w, sizeof labels)], 4);
        tcb_words(w, c);
    }
}

static void thread_call(struct world *w, struct spec_call *c, uint32_t page)
{
    static const uint8_t numbers[] = {TN_SYS_CALL,       TN_SYS_CALL,          TN_SYS_CALL,
                                      TN_SYS_SEND,       TN_SYS_NB_SEND,       TN_SYS_RECV,
                                      TN_SYS_RECV,       TN_SYS_RECV,          TN_SYS_NB_RECV,
                                      TN_SYS_REPLY_RECV, TN_SYS_REPLY_RECV,    TN_SYS_REPLY,
                                      TN_SYS_SIGNAL,     TN_SYS_WAIT,          TN_SYS_WAIT,
                                      TN_SYS_POLL,       TN_SYS_YIELD,         TN_SYS_HART,
                                      TN_SYS_PT_WRITE,   TN_SYS_PT_REPLY_RECV, 200};
    *c = (struct spec_call){.number = numbers[world_any(w, sizeof numbers)]};
    bool bits =
        c->number == TN_SYS_SIGNAL || c->number == TN_SYS_POLL || c->number == TN_SYS_WAIT || world_any(w, 16) == 0;
    c->a[0] = place_to_meet(w, c->number, bits);
    message_words(w, c);
    if (c->number == TN_SYS_CALL && world_any(w, 4) == 0 && !w->crowded)
        thread_invocation(w, c);
    if (page != 0 && (tn_info_caps(c->a[1]) || world_any(w, 3) == 0))
        fill_page(w, page);
    if (page != 0 && (c->number == TN_SYS_PT_WRITE || c->number == TN_SYS_PT_REPLY_RECV)) {
        struct spec_call none;
        uint64_t *batch = w->buffers + page * (TN_PAGE_BYTES / 8) + TN_IPC_BATCH_OFFSET / 8;
        batch_call(w, &none, batch);
        memcpy(w->spec.page[page] + TN_IPC_BATCH_OFFSET / 8, batch, SPEC_BATCH_WORDS * sizeof *batch);
    }
}

/* What a TCB still lacks to run; false: nothing. */
static bool set_up(struct world *w, const struct spec_object *t, uint64_t cptr, struct spec_call *c)
{
    if (t->priority < SPEC_PRIORITY_MIN)
        invocation(c, cptr, TN_TCB_SET_PRIORITY, 4);
    else if (!spec_has(&w->spec, t, SPEC_TCB_CSPACE) || !spec_has(&w->spec, t, SPEC_TCB_VSPACE))
        invocation(c, cptr, TN_TCB_SET_SPACE, 4);
    else if (!spec_has(&w->spec, t, SPEC_TCB_BUFFER) && world_any(w, 4))
        invocation(c, cptr, TN_TCB_SET_BUFFER, 4);
    else
        return false;
    tcb_words(w, c);
    return true;
}

unsigned world_next_start(struct world *w, struct spec_call c[2])
{
    uint64_t cptr = cptr_of(w, TN_TCB);
    const struct spec_object *t = object_at(w, cptr);
    c[0] = c[1] = (struct spec_call){0};
    if (!t || t->type != TN_TCB || w->crowded)
        return 0;
    if (set_up(w, t, cptr, &c[0]))
        return 1;
    if (t->state != SPEC_INACTIVE) { /* it waits for others, or has not begun */
        if (world_any(w, 32))
            return 0;
        invocation(&c[0], cptr, TN_TCB_SUSPEND, 0);
        return 1;
    }
    uint32_t frame = w->spec.slot[t->slots + SPEC_TCB_BUFFER].object;
    struct spec_block *b = &w->block[world_any(w, SPEC_BLOCKS)];
    struct spec_call call;
    thread_call(w, &call, frame == w->spec.first_buffer ? t->buffer_page : 0);
    memcpy(b->in, call.a, sizeof call.a);
    b->in[7] = call.number;
    memcpy(w->spec.block[b - w->block].in, b->in, sizeof b->in);
    invocation(&c[0], cptr, TN_TCB_WRITE_REGS, 4);
    c[0].a[2] = w->spec.program.load;
    c[0].a[4] = world_any(w, 12) ? (uint64_t)b : 0; /* 0: a page fault */
    invocation(&c[1], cptr, TN_TCB_RESUME, 0);
    return 2;
}

void world_next_call(struct world *w, struct spec_call *c, uint64_t *words)
{
    uint64_t r = world_any(w, 100);
    *c = (struct spec_call){0};
    if (r < 10 && !w->crowded)
        retype_call(w, c);
    else if (r < 28 || w->crowded)
        cnode_call(w, c);
    else if (r < 50)
        message_call(w, c);
    else if (r < 80)
        object_call(w, c);
    else
        batch_call(w, c, words);
    /* A message would wait. */
    const struct spec_object *o = object_at(w, c->a[0]);
    uint32_t slot = spec_lookup(&w->spec, c->a[0]);
    bool set = tn_info_label(c->a[1]) == TN_GATE_SET && slot && (w->spec.slot[slot].rights & TN_READ);
    if (c->number == TN_SYS_CALL && o && (o->type == TN_ENDPOINT || (o->type == TN_GATE && !set)))
        c->number = TN_SYS_NB_SEND;
}
