/* System calls and invocations of the specification, sorted; docs/abi.md, "System calls", "Objects and invocations". */
#include "spec.h"
#include <string.h>

/* ---- VSpace, Gate, Notification ---- */

static enum tn_error vspace(struct spec *s, struct spec_object *v, uint64_t label, const uint64_t *w,
                            struct spec_answer *a)
{
    uint64_t user_end = 1ull << (11 + 9 * s->levels);
    switch (label) {
    case TN_VSPACE_SET_ROOT: {
        uint32_t from = spec_lookup(s, w[0]);
        if (!from || !s->slot[from].object)
            return TN_FAILED_LOOKUP;
        struct spec_object *table = spec_object_of(s, from);
        if (table->type != TN_PAGETABLE || !(s->slot[from].rights & TN_WRITE))
            return spec_wrong_cap(a, 1);
        if (table->level != s->levels - 1)
            return spec_wrong_argument(a, 1);
        if (v->had_root || table->is_root)
            return TN_ILLEGAL_OPERATION;
        v->had_root = table->is_root = true;
        struct spec_slot cap = s->slot[from];
        cap.kind = SPEC_COPY;
        spec_insert_after(s, from, v->slots, cap);
        return TN_OK;
    }
    case TN_VSPACE_FLUSH:
        if (w[0] % TN_PAGE_BYTES)
            return TN_ALIGNMENT_ERROR;
        if (w[1] != 0 && (w[0] >= user_end || w[1] > (user_end - w[0]) / TN_PAGE_BYTES))
            return spec_out_of_range(a, 0, user_end - 1);
        return spec_words(a, TN_OK, 1, 0, 0); /* it never ran anywhere */
    case TN_VSPACE_FENCE_I:
        return TN_OK;
    default:
        return TN_ILLEGAL_OPERATION;
    }
}

static enum tn_error gate_set(struct spec *s, const struct spec_object *gate, const uint64_t *w, struct spec_answer *a)
{
    uint32_t from = w[1] ? spec_lookup(s, w[1]) : SPEC_NO_SLOT;
    if (w[0] >= s->harts)
        return spec_out_of_range(a, 0, s->harts - 1);
    if (w[1] != 0 && (!from || !spec_object_of(s, from)))
        return TN_FAILED_LOOKUP;
    struct spec_slot cap = s->slot[from];
    uint32_t needed = TN_WRITE | TN_GRANT;
    if (from && (s->object[cap.object].type != TN_ENDPOINT || cap.badge != 0 || (cap.rights & needed) != needed))
        return spec_wrong_cap(a, 2);
    uint32_t at = gate->slots + (uint32_t)w[0];
    if (from)
        s->object[cap.object].caps++; /* it does not go with what stood there */
    spec_remove(s, at);
    if (!from)
        return TN_OK;
    s->object[cap.object].caps--;
    cap.kind = SPEC_COPY;
    spec_insert_after(s, from, at, cap);
    return TN_OK;
}

/* A deadline that has passed comes at once; others are so far away that they do not come. */
static enum tn_error deadline(struct spec *s, uint32_t slot, uint64_t when)
{
    if (!(s->slot[slot].rights & TN_WRITE))
        return TN_INVALID_CAPABILITY;
    if (when < SPEC_PAST)
        spec_signal(s, spec_object_of(s, slot), s->slot[slot].badge);
    return TN_OK;
}

/* ---- invocations ---- */

static uint32_t words_needed(uint64_t label)
{
    switch (label) {
    case TN_UNTYPED_RETYPE:
    case TN_CNODE_MINT:
    case TN_TCB_WRITE_REGS:
        return 4;
    case TN_CNODE_COPY:
    case TN_TCB_SET_SPACE:
    case TN_TCB_SET_BUFFER:
    case TN_VSPACE_FLUSH:
    case TN_IRQ_CONTROL_GET:
        return 3;
    case TN_CNODE_MOVE:
    case TN_TCB_READ_REGS:
    case TN_TCB_WRITE_REG:
    case TN_GATE_SET:
        return 2;
    case TN_CNODE_DELETE:
    case TN_CNODE_REVOKE:
    case TN_TCB_SET_PRIORITY:
    case TN_TCB_SET_AFFINITY:
    case TN_TCB_SET_BADGE:
    case TN_NTFN_DEADLINE:
    case TN_VSPACE_SET_ROOT:
    case TN_IRQ_SET_NTFN:
        return 1;
    default:
        return 0;
    }
}

static enum tn_error invoke(struct spec *s, struct spec_object *t, uint32_t slot, struct spec_answer *a)
{
    struct spec_object *o = slot ? spec_object_of(s, slot) : 0;
    uint64_t label = tn_info_label(t->reg[SPEC_A1]), w[4];
    memcpy(w, &t->reg[SPEC_A2], sizeof w);
    if (!o)
        return TN_FAILED_LOOKUP;
    if (tn_info_words(t->reg[SPEC_A1]) < words_needed(label))
        return TN_TRUNCATED_MESSAGE;
    switch (o->type) {
    case TN_UNTYPED:
        return label == TN_UNTYPED_RETYPE ? spec_retype(s, slot, w, a) : TN_ILLEGAL_OPERATION;
    case TN_CNODE:
        return spec_cnode(s, slot, label, w, a);
    case TN_TCB:
        return spec_tcb(s, t, o, label, w, a);
    case TN_VSPACE:
        return vspace(s, o, label, w, a);
    case TN_GATE:
        return gate_set(s, o, w, a);
    case TN_NOTIFICATION:
        return label == TN_NTFN_DEADLINE ? deadline(s, slot, w[0]) : TN_ILLEGAL_OPERATION;
    case TN_FRAME:
        return label == TN_FRAME_ADDRESS ? spec_words(a, TN_OK, 2, o->base, o->bits) : TN_ILLEGAL_OPERATION;
    case TN_PAGETABLE:
        return label == TN_PAGETABLE_ADDRESS ? spec_words(a, TN_OK, 2, o->base, o->level) : TN_ILLEGAL_OPERATION;
    default:
        return TN_ILLEGAL_OPERATION;
    }
}

/* Results go to a2..a5, and past them to the buffer. */
static void complete(struct spec *s, struct spec_object *t, const struct spec_answer *a)
{
    uint32_t limit;
    uint64_t *buffer = spec_buffer(s, t, &limit);
    t->reg[SPEC_A0] = 0;
    t->reg[SPEC_A1] = (a->error ? TN_INFO_ERROR | (uint64_t)a->error << 12 : 0) | a->words;
    for (uint32_t i = 0; i < a->words; i++) {
        if (i < TN_MSG_REG_WORDS)
            t->reg[SPEC_A2 + i] = a->mr[i];
        else if (buffer)
            buffer[i] = a->mr[i];
    }
}

static void call(struct spec *s, struct spec_object *t, struct spec_answer *a)
{
    uint32_t slot = spec_lookup(s, t->reg[SPEC_A0]);
    const struct spec_object *o = slot ? spec_object_of(s, slot) : 0;
    bool set = tn_info_label(t->reg[SPEC_A1]) == TN_GATE_SET && slot && (s->slot[slot].rights & TN_READ);
    if (o && (o->type == TN_ENDPOINT || (o->type == TN_GATE && !set))) {
        spec_send(s, t, SPEC_CALL | SPEC_BLOCK);
        return;
    }
    a->error = invoke(s, t, slot, a);
    complete(s, t, a);
}

/* ---- system calls ---- */

/* The object that a0 names, if it is a Notification that may be used so. */
static struct spec_object *notification(struct spec *s, struct spec_object *t, uint32_t right, uint32_t *slot)
{
    *slot = spec_lookup(s, t->reg[SPEC_A0]);
    struct spec_object *o = *slot ? spec_object_of(s, *slot) : 0;
    if (o && o->type == TN_NOTIFICATION && (s->slot[*slot].rights & right))
        return o;
    spec_set_error(t, o ? TN_INVALID_CAPABILITY : TN_FAILED_LOOKUP);
    return 0;
}

static void receive(struct spec *s, struct spec_object *t, bool block)
{
    uint32_t slot = spec_lookup(s, t->reg[SPEC_A6]);
    const struct spec_object *r = slot ? spec_object_of(s, slot) : 0;
    if (t->reg[SPEC_A6] == 0)
        spec_receive(s, t, block);
    else if (!r || r->type != TN_REPLY)
        spec_set_error(t, r ? TN_INVALID_CAPABILITY : TN_FAILED_LOOKUP);
    else if (r->caller)
        spec_set_error(t, TN_ILLEGAL_OPERATION);
    else
        spec_receive(s, t, block);
}

/* A thread's batch stands in its buffer, where its outcome goes as well. `batch` 0: memory that is all zero, or no buffer. */
static bool write_tables(struct spec *s, struct spec_object *t, const uint64_t *batch, struct spec_answer *a)
{
    uint32_t limit;
    uint64_t *buffer = spec_buffer(s, t, &limit);
    if (!buffer)
        a->error = TN_TRUNCATED_MESSAGE;
    else if (batch)
        spec_pt_write(s, batch, a);
    if (buffer && batch == buffer + TN_IPC_BATCH_OFFSET / 8) {
        s->batches++;
        struct tn_pt_batch *b = (struct tn_pt_batch *)(buffer + TN_IPC_BATCH_OFFSET / 8);
        if (a->has_failed_run)
            b->failed_run = a->failed_run;
        else
            b->runs = 0;
        for (uint32_t i = 0; i < SPEC_BATCH_WORDS; i++)
            if (a->old_set[i])
                buffer[TN_IPC_BATCH_OFFSET / 8 + i] = a->old[i];
    }
    if (a->error != TN_OK)
        spec_set_error(t, a->error);
    return a->error == TN_OK;
}

void spec_syscall(struct spec *s, struct spec_object *t, const uint64_t *batch, struct spec_answer *a)
{
    uint32_t slot;
    struct spec_object *n;
    uint64_t number = t->reg[SPEC_A7];
    a->error = TN_OK;
    a->words = 0;
    a->has_failed_run = false;
    switch (number) {
    case TN_SYS_HART:
        t->reg[SPEC_A0] = s->hart;
        break;
    case TN_SYS_CALL:
        call(s, t, a);
        break;
    case TN_SYS_SEND:
    case TN_SYS_NB_SEND:
        spec_send(s, t, number == TN_SYS_SEND ? SPEC_BLOCK : 0);
        break;
    case TN_SYS_RECV:
    case TN_SYS_NB_RECV:
        receive(s, t, number == TN_SYS_RECV);
        break;
    case TN_SYS_REPLY:
        if (spec_reply(s, t))
            spec_set_info(t, 0);
        break;
    case TN_SYS_REPLY_RECV:
        if (spec_reply(s, t))
            spec_receive(s, t, true);
        break;
    case TN_SYS_SIGNAL:
        n = notification(s, t, TN_WRITE, &slot);
        if (n) {
            spec_set_info(t, 0);
            spec_signal(s, n, s->slot[slot].badge);
        }
        break;
    case TN_SYS_WAIT:
    case TN_SYS_POLL:
        n = notification(s, t, TN_READ, &slot);
        if (n)
            spec_wait(s, t, n, number == TN_SYS_WAIT);
        break;
    case TN_SYS_YIELD:
        break; /* no other thread has its priority */
    case TN_SYS_PT_WRITE:
        memset(a->old_set, 0, sizeof a->old_set);
        if (write_tables(s, t, batch, a))
            spec_set_info(t, 0);
        break;
    case TN_SYS_PT_REPLY_RECV:
        memset(a->old_set, 0, sizeof a->old_set);
        if (write_tables(s, t, batch, a) && spec_reply(s, t))
            spec_receive(s, t, true);
        break;
    default:
        t->reg[0] -= 4;
        spec_fault(s, t, TN_FAULT_UNKNOWN_SYSCALL, t->reg[0], number, t->reg[SPEC_A0], t->reg[SPEC_A1]);
    }
}

void spec_call(struct spec *s, const struct spec_call *c, const uint64_t *batch, struct spec_answer *a)
{
    struct spec_object *t = &s->object[s->driver];
    memcpy(&t->reg[SPEC_A0], c->a, sizeof c->a);
    t->reg[SPEC_A7] = c->number;
    t->state = SPEC_READY;
    do {
        t->reg[0] = 4;
        s->root = s->slot[t->slots + SPEC_TCB_CSPACE].object;
        spec_syscall(s, t, batch, a);
    } while (t->reg[0] != 4); /* who could not be received is passed over */
    memcpy(a->reg, &t->reg[SPEC_A0], sizeof a->reg);
    a->error = tn_info_is_error(a->reg[1]) ? (enum tn_error)tn_info_label(a->reg[1]) : TN_OK;
    memcpy(a->mr, &a->reg[2], TN_MSG_REG_WORDS * sizeof a->mr[0]);
}
