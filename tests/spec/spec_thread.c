/* Threads of the specification: their invocations, and the program that they run; docs/abi.md, "TCB". */
#include "spec.h"
#include <string.h>

bool spec_has(const struct spec *s, const struct spec_object *t, enum spec_tcb_slot which)
{
    return s->slot[t->slots + which].object != 0;
}

uint64_t *spec_buffer(struct spec *s, const struct spec_object *t, uint32_t *limit)
{
    uint32_t frame = s->slot[t->slots + SPEC_TCB_BUFFER].object;
    *limit = frame == s->first_buffer ? TN_PAGE_BYTES / 8 : SPEC_MESSAGE_WORDS;
    if (!frame)
        return 0;
    if (frame == s->first_buffer)
        return s->page[t->buffer_page];
    return s->message[(s->object[frame].base - s->memory_base) / TN_PAGE_BYTES + t->buffer_page];
}

/* ---- invocations ---- */

/* Puts a capability, or none, into one of a thread's own slots. */
static void set_slot(struct spec *s, struct spec_object *t, enum spec_tcb_slot which, uint32_t from)
{
    struct spec_slot cap = s->slot[from];
    if (from)
        s->object[cap.object].caps++; /* it does not go with what stood there */
    spec_remove(s, t->slots + which);
    if (!from)
        return;
    s->object[cap.object].caps--;
    cap.kind = SPEC_COPY;
    spec_insert_after(s, from, t->slots + which, cap);
}

/* An argument that is 0, or names an object of one of two types. */
static enum tn_error optional(struct spec *s, const uint64_t *w, uint32_t n, uint8_t type, uint8_t or_type,
                              uint32_t *slot, struct spec_answer *a)
{
    *slot = w[n] ? spec_lookup(s, w[n]) : SPEC_NO_SLOT;
    if (w[n] == 0)
        return TN_OK;
    const struct spec_object *o = *slot ? spec_object_of(s, *slot) : 0;
    if (!o)
        return TN_FAILED_LOOKUP;
    return o->type == type || o->type == or_type ? TN_OK : spec_wrong_cap(a, n + 1);
}

static enum tn_error set_space(struct spec *s, struct spec_object *t, const uint64_t *w, struct spec_answer *a)
{
    uint32_t cspace, vspace, fault;
    enum tn_error e = optional(s, w, 0, TN_CNODE, TN_CNODE, &cspace, a);
    if (e == TN_OK)
        e = optional(s, w, 1, TN_VSPACE, TN_VSPACE, &vspace, a);
    if (e == TN_OK)
        e = optional(s, w, 2, TN_ENDPOINT, TN_GATE, &fault, a);
    if (e != TN_OK)
        return e;
    if (fault && !(s->slot[fault].rights & TN_WRITE))
        return spec_wrong_cap(a, 3);
    set_slot(s, t, SPEC_TCB_CSPACE, cspace);
    set_slot(s, t, SPEC_TCB_VSPACE, vspace);
    set_slot(s, t, SPEC_TCB_FAULT, fault);
    return TN_OK;
}

static enum tn_error set_buffer(struct spec *s, struct spec_object *t, const uint64_t *w, struct spec_answer *a)
{
    uint32_t from;
    enum tn_error e = optional(s, w, 0, TN_FRAME, TN_FRAME, &from, a);
    if (e != TN_OK)
        return e;
    if (from) {
        uint64_t pages = 1ull << (spec_object_of(s, from)->bits - TN_PAGE_BITS);
        if ((s->slot[from].rights & (TN_READ | TN_WRITE)) != (TN_READ | TN_WRITE))
            return spec_wrong_cap(a, 1);
        if (w[1] >= pages)
            return spec_out_of_range(a, 0, pages - 1);
        if (w[2] == 0 || w[2] > pages - w[1] || w[2] > 4095)
            return spec_out_of_range(a, 1, pages - w[1]);
        t->buffer_page = (uint32_t)w[1];
    }
    set_slot(s, t, SPEC_TCB_BUFFER, from);
    return TN_OK;
}

static enum tn_error write_regs(struct spec_object *t, const uint64_t *w)
{
    if (t->state != SPEC_INACTIVE)
        return TN_ILLEGAL_OPERATION;
    memset(t->reg, 0, sizeof t->reg);
    t->reg[0] = w[0];
    t->reg[2] = w[1];
    t->reg[4] = w[2];
    t->reg[SPEC_A0] = w[3];
    return TN_OK;
}

static enum tn_error read_regs(struct spec *s, const struct spec_object *caller, const struct spec_object *t,
                               const uint64_t *w, struct spec_answer *a)
{
    if (w[1] > TN_MSG_REG_WORDS && !spec_has(s, caller, SPEC_TCB_BUFFER))
        return TN_TRUNCATED_MESSAGE;
    if (w[0] > 31 || w[1] > 32 - w[0])
        return spec_out_of_range(a, 0, 31);
    a->words = (uint32_t)w[1];
    memcpy(a->mr, &t->reg[w[0]], w[1] * sizeof a->mr[0]);
    return TN_OK;
}

enum tn_error spec_tcb(struct spec *s, struct spec_object *caller, struct spec_object *t, uint64_t label,
                       const uint64_t *w, struct spec_answer *a)
{
    switch (label) {
    case TN_TCB_SET_SPACE:
        return set_space(s, t, w, a);
    case TN_TCB_SET_BUFFER:
        return set_buffer(s, t, w, a);
    case TN_TCB_SET_PRIORITY:
        if (w[0] >= TN_PRIORITIES)
            return spec_out_of_range(a, 0, TN_PRIORITIES - 1);
        if (w[0] > caller->priority)
            return spec_wrong_argument(a, 1);
        t->priority = (uint8_t)w[0];
        return TN_OK;
    case TN_TCB_SET_AFFINITY:
        return w[0] >= s->harts ? spec_out_of_range(a, 0, s->harts - 1) : TN_OK; /* to where it is */
    case TN_TCB_WRITE_REGS:
        return write_regs(t, w);
    case TN_TCB_READ_REGS:
        return read_regs(s, caller, t, w, a);
    case TN_TCB_WRITE_REG:
        if (w[0] > 31)
            return spec_out_of_range(a, 0, 31);
        if (t->state == SPEC_READY)
            return TN_ILLEGAL_OPERATION;
        t->reg[w[0]] = w[1];
        return TN_OK;
    case TN_TCB_RESUME:
        t->state = t->state == SPEC_INACTIVE ? SPEC_READY : t->state;
        return TN_OK;
    case TN_TCB_SUSPEND:
        spec_stop(s, t);
        return TN_OK;
    case TN_TCB_SET_BADGE:
        t->fault_badge = w[0];
        return TN_OK;
    default:
        return TN_ILLEGAL_OPERATION;
    }
}

/* ---- running ---- */

/* The block that tp points to; 0: to none. */
static struct spec_block *block_of(struct spec *s, const struct spec_object *t)
{
    uint64_t offset = t->reg[4] - s->program.block;
    return offset < sizeof s->block && offset % sizeof s->block[0] == 0 ? &s->block[offset / sizeof s->block[0]] : 0;
}

static void no_access(struct spec *s, struct spec_object *t, uint64_t address, uint64_t scause)
{
    spec_fault(s, t, TN_FAULT_VM, t->reg[0], address, scause == 12, scause);
}

/* One step of the program; or the fault that the thread runs into. */
static void step(struct spec *s, struct spec_object *t)
{
    uint32_t limit;
    struct spec_answer a;
    struct spec_block *b = block_of(s, t);
    uint64_t *buffer = spec_buffer(s, t, &limit), pc = t->reg[0];
    if (s->slot[t->slots + SPEC_TCB_VSPACE].object != s->space ||
        (pc != s->program.load && pc != s->program.call && pc != s->program.store && pc != s->program.stop)) {
        no_access(s, t, pc, 12);
    } else if (pc == s->program.stop) {
        spec_fault(s, t, TN_FAULT_BREAKPOINT, pc, s->program.stop_stval, 0, 3);
    } else if (pc == s->program.call) {
        t->reg[0] += 4;
        s->count.calls++;
        s->root = s->slot[t->slots + SPEC_TCB_CSPACE].object;
        spec_syscall(s, t, buffer && limit > SPEC_MESSAGE_WORDS ? buffer + TN_IPC_BATCH_OFFSET / 8 : 0, &a);
    } else if (!b) {
        no_access(s, t, t->reg[4] + (pc == s->program.store ? offsetof(struct spec_block, out) : 0),
                  pc == s->program.store ? 15 : 13);
    } else if (pc == s->program.load) {
        memcpy(&t->reg[SPEC_A0], b->in, sizeof b->in);
        t->reg[0] = s->program.call;
    } else {
        memcpy(b->out, &t->reg[SPEC_A0], sizeof b->out);
        t->reg[0] = s->program.stop;
    }
}

void spec_run(struct spec *s)
{
    for (;;) {
        struct spec_object *top = 0;
        for (uint32_t n = 1; n < SPEC_OBJECTS; n++) {
            struct spec_object *t = &s->object[n];
            if (t->type == TN_TCB && n != s->driver && t->state == SPEC_READY && t->priority >= SPEC_PRIORITY_MIN &&
                (!top || t->priority > top->priority))
                top = t;
        }
        if (!top)
            break;
        step(s, top);
    }
    s->root = s->slot[s->object[s->driver].slots + SPEC_TCB_CSPACE].object;
}
