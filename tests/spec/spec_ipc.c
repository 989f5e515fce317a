/* Messages, replies, notifications and faults of the specification; docs/abi.md, "System calls", "Messages", "Faults". */
#include "spec.h"

#define BUFFER_CAPS TN_MSG_WORDS_MAX
#define BUFFER_RECV_SLOT (BUFFER_CAPS + TN_MSG_CAPS_MAX)

static uint16_t index_of(const struct spec *s, const struct spec_object *o)
{
    return (uint16_t)(o - s->object);
}

static const struct spec_slot *own_slot(const struct spec *s, const struct spec_object *t, enum spec_tcb_slot which)
{
    return &s->slot[t->slots + which];
}

/* A lookup in that thread's CSpace, whoever calls. */
static uint32_t lookup_of(struct spec *s, const struct spec_object *t, uint64_t cptr)
{
    uint32_t root = s->root;
    s->root = own_slot(s, t, SPEC_TCB_CSPACE)->object;
    uint32_t slot = spec_lookup(s, cptr);
    s->root = root;
    return slot;
}

/* ---- moving a message ---- */

static uint32_t transfer_caps(struct spec *s, const struct spec_object *from, const struct spec_object *to,
                              const uint64_t *in, uint64_t *out, uint32_t count)
{
    uint64_t first = out[BUFFER_RECV_SLOT];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t source = lookup_of(s, from, in[BUFFER_CAPS + i]);
        uint32_t dest = first <= UINT32_MAX - i ? lookup_of(s, to, first + i) : SPEC_NO_SLOT;
        if (!source || !dest || !s->slot[source].object || s->slot[dest].object)
            return i;
        struct spec_slot cap = s->slot[source];
        if (s->object[cap.object].type == TN_UNTYPED)
            return i;
        cap.kind = SPEC_COPY;
        spec_insert_after(s, source, dest, cap);
        out[BUFFER_CAPS + i] = first + i;
        s->count.caps++;
    }
    return count;
}

static void transfer(struct spec *s, struct spec_object *from, struct spec_object *to, uint64_t badge, bool pass_caps)
{
    uint64_t info = from->reg[SPEC_A1];
    uint32_t limit, words = tn_info_words(info), caps = tn_info_caps(info);
    const uint64_t *in = spec_buffer(s, from, &limit);
    uint64_t *out = spec_buffer(s, to, &limit);
    words = words > TN_MSG_WORDS_MAX ? TN_MSG_WORDS_MAX : words;
    if (!in || !out) {
        words = words > TN_MSG_REG_WORDS ? TN_MSG_REG_WORDS : words;
        caps = 0;
    }
    for (uint32_t i = TN_MSG_REG_WORDS; i < words; i++)
        out[i] = in[i];
    caps = caps && pass_caps ? transfer_caps(s, from, to, in, out, caps) : 0;
    to->reg[SPEC_A0] = badge;
    to->reg[SPEC_A1] = tn_info(tn_info_label(info), caps, words);
    for (uint32_t i = SPEC_A2; i <= SPEC_A5; i++)
        to->reg[i] = from->reg[i];
}

static void deliver(struct spec *s, struct spec_object *from, struct spec_object *to, uint64_t badge, uint32_t how)
{
    if (!(how & SPEC_FAULT)) {
        transfer(s, from, to, badge, how & SPEC_GRANT);
        return;
    }
    s->count.faults++;
    to->reg[SPEC_A0] = badge;
    to->reg[SPEC_A1] = tn_info(from->fault, 0, 4);
    for (uint32_t i = 0; i < 4; i++)
        to->reg[SPEC_A2 + i] = from->fault_mr[i];
}

/* ---- waiting ---- */

static void waits(struct spec *s, struct spec_object *t, const struct spec_object *o, enum spec_state state)
{
    t->state = (uint8_t)state;
    t->waits_on = index_of(s, o);
    t->turn = ++s->turns;
}

/* Who has waited longest at the object in that way. */
static struct spec_object *first_waiting(struct spec *s, const struct spec_object *o, enum spec_state state)
{
    struct spec_object *first = 0;
    for (uint32_t n = 1; n < SPEC_OBJECTS; n++) {
        struct spec_object *t = &s->object[n];
        if (t->type == TN_TCB && t->state == state && t->waits_on == index_of(s, o) &&
            (!first || t->turn < first->turn))
            first = t;
    }
    return first;
}

/* Whom it waited for is gone, or cannot take its message. Nobody will hear of a fault: the thread stays where it is. */
static void ends_with(struct spec *s, struct spec_object *t, enum tn_error e)
{
    s->count.gone += e == TN_PEER_GONE;
    t->state = t->fault ? SPEC_INACTIVE : SPEC_READY;
    if (!t->fault)
        spec_set_error(t, e);
    t->fault = 0;
}

void spec_gone(struct spec *s, struct spec_object *o)
{
    struct spec_object *t;
    if (o->type == TN_TCB)
        spec_stop(s, o);
    if (o->type == TN_REPLY && o->caller)
        ends_with(s, &s->object[o->caller], TN_PEER_GONE);
    for (enum spec_state state = SPEC_SENDS; state <= SPEC_WAITS; state++)
        while ((o->type == TN_ENDPOINT || o->type == TN_NOTIFICATION) && (t = first_waiting(s, o, state)) != 0)
            ends_with(s, t, TN_PEER_GONE);
}

void spec_stop(struct spec *s, struct spec_object *t)
{
    if (t->state == SPEC_CALLS)
        s->object[t->waits_on].caller = 0;
    s->count.stopped += t->state >= SPEC_SENDS;
    if (t->state >= SPEC_SENDS && !t->fault)
        t->reg[0] -= 4; /* it starts again when it is resumed */
    t->state = SPEC_INACTIVE;
    t->fault = 0;
}

/* ---- sending ---- */

/* The Reply object that a receiver named, if nobody is in it. */
static struct spec_object *reply_for(struct spec *s, const struct spec_object *receiver)
{
    uint32_t slot = lookup_of(s, receiver, receiver->reg[SPEC_A6]);
    struct spec_object *r = slot ? spec_object_of(s, slot) : 0;
    return r && r->type == TN_REPLY && !r->caller ? r : 0;
}

static void attach(struct spec *s, struct spec_object *r, struct spec_object *caller)
{
    waits(s, caller, r, SPEC_CALLS);
    r->caller = index_of(s, caller);
}

static void send_to(struct spec *s, struct spec_object *t, struct spec_object *e, uint64_t badge, uint32_t how)
{
    struct spec_object *to = first_waiting(s, e, SPEC_RECEIVES), *r = 0;
    if (!to && !(how & SPEC_BLOCK)) {
        spec_set_info(t, 0); /* dropped */
        return;
    }
    if (!to) {
        t->send_badge = badge;
        t->send_how = (uint8_t)how;
        waits(s, t, e, SPEC_SENDS);
        return;
    }
    if (how & SPEC_CALL) {
        r = reply_for(s, to);
        if (!r) {
            ends_with(s, t, TN_ILLEGAL_OPERATION);
            return;
        }
    }
    to->state = SPEC_READY;
    s->count.messages++;
    deliver(s, t, to, badge, how);
    if (r)
        attach(s, r, t);
    else
        spec_set_info(t, 0);
}

static bool is_valid_message(struct spec *s, const struct spec_object *t)
{
    uint32_t limit, words = tn_info_words(t->reg[SPEC_A1]);
    if (words <= TN_MSG_REG_WORDS && !tn_info_caps(t->reg[SPEC_A1]))
        return true;
    return words <= TN_MSG_WORDS_MAX && spec_buffer(s, t, &limit);
}

/* The Endpoint that the capability in a slot leads to. */
static enum tn_error endpoint_of(struct spec *s, uint32_t slot, uint32_t right, struct spec_object **e)
{
    *e = slot ? spec_object_of(s, slot) : 0;
    if (!*e)
        return TN_FAILED_LOOKUP;
    if (!(s->slot[slot].rights & right))
        return TN_INVALID_CAPABILITY;
    if ((*e)->type == TN_GATE && right == TN_WRITE) {
        *e = spec_object_of(s, (*e)->slots + s->hart);
        return *e ? TN_OK : TN_PEER_GONE;
    }
    return (*e)->type == TN_ENDPOINT ? TN_OK : TN_INVALID_CAPABILITY;
}

void spec_send(struct spec *s, struct spec_object *t, uint32_t how)
{
    struct spec_object *e;
    uint32_t slot = spec_lookup(s, t->reg[SPEC_A0]);
    const struct spec_object *o = slot ? spec_object_of(s, slot) : 0;
    if (o && o->type == TN_NOTIFICATION && (s->slot[slot].rights & TN_WRITE)) {
        spec_set_info(t, 0);
        spec_signal(s, spec_object_of(s, slot), s->slot[slot].badge);
        return;
    }
    enum tn_error error = is_valid_message(s, t) ? endpoint_of(s, slot, TN_WRITE, &e) : TN_TRUNCATED_MESSAGE;
    if (error == TN_OK)
        send_to(s, t, e, s->slot[slot].badge, how | (s->slot[slot].rights & TN_GRANT ? SPEC_GRANT : 0));
    else
        spec_set_error(t, error);
}

void spec_fault(struct spec *s, struct spec_object *t, uint32_t label, uint64_t mr0, uint64_t mr1, uint64_t mr2,
                uint64_t mr3)
{
    struct spec_object *e;
    uint32_t slot = t->slots + SPEC_TCB_FAULT;
    if (endpoint_of(s, slot, TN_WRITE, &e) != TN_OK) {
        t->state = SPEC_INACTIVE;
        return;
    }
    t->fault = (uint8_t)label;
    t->fault_mr[0] = mr0;
    t->fault_mr[1] = mr1;
    t->fault_mr[2] = mr2;
    t->fault_mr[3] = mr3;
    uint64_t badge = s->slot[slot].badge ? s->slot[slot].badge : t->fault_badge;
    send_to(s, t, e, badge, SPEC_CALL | SPEC_BLOCK | SPEC_FAULT);
}

/* ---- receiving, replying ---- */

static void receive_from(struct spec *s, struct spec_object *t, struct spec_object *e, bool block)
{
    struct spec_object *from = first_waiting(s, e, SPEC_SENDS), *r = 0;
    if (!from) {
        if (block)
            waits(s, t, e, SPEC_RECEIVES);
        else
            spec_set_error(t, TN_WOULD_BLOCK);
        return;
    }
    if (from->send_how & SPEC_CALL) {
        r = reply_for(s, t);
        if (!r) {
            ends_with(s, from, TN_ILLEGAL_OPERATION);
            t->reg[0] -= 4; /* the next one */
            return;
        }
    }
    from->state = SPEC_READY;
    s->count.messages++;
    deliver(s, from, t, from->send_badge, from->send_how);
    if (r)
        attach(s, r, from);
    else
        spec_set_info(from, 0);
}

void spec_receive(struct spec *s, struct spec_object *t, bool block)
{
    struct spec_object *e;
    uint32_t slot = spec_lookup(s, t->reg[SPEC_A0]);
    struct spec_object *o = slot ? spec_object_of(s, slot) : 0;
    if (o && o->type == TN_NOTIFICATION && (s->slot[slot].rights & TN_READ)) {
        spec_wait(s, t, o, block);
        return;
    }
    enum tn_error error = endpoint_of(s, slot, TN_READ, &e);
    if (error == TN_OK)
        receive_from(s, t, e, block);
    else
        spec_set_error(t, error);
}

/* What the caller of a Reply object goes on with. */
static void answer(struct spec *s, struct spec_object *t, struct spec_object *caller)
{
    uint64_t info = t->reg[SPEC_A1];
    caller->state = SPEC_READY;
    if (!caller->fault) {
        transfer(s, t, caller, 0, true);
        return;
    }
    if (tn_info_label(info) != 0)
        caller->state = SPEC_INACTIVE;
    else if (caller->fault != TN_FAULT_VM && tn_info_words(info) != 0)
        caller->reg[0] = t->reg[SPEC_A2];
    caller->fault = 0;
}

bool spec_reply(struct spec *s, struct spec_object *t)
{
    uint32_t slot = spec_lookup(s, t->reg[SPEC_A6]);
    struct spec_object *r = slot ? spec_object_of(s, slot) : 0;
    enum tn_error error = TN_OK;
    if (!is_valid_message(s, t))
        error = TN_TRUNCATED_MESSAGE;
    else if (t->reg[SPEC_A6] != 0)
        error = !r ? TN_FAILED_LOOKUP : r->type != TN_REPLY ? TN_INVALID_CAPABILITY : TN_OK;
    if (error != TN_OK) {
        spec_set_error(t, error);
        return false;
    }
    if (r && t->reg[SPEC_A6] != 0 && r->caller) {
        struct spec_object *caller = &s->object[r->caller];
        r->caller = 0;
        s->count.answers++;
        answer(s, t, caller);
    }
    return true;
}

/* ---- notifications ---- */

void spec_signal(struct spec *s, struct spec_object *n, uint64_t badge)
{
    struct spec_object *t = first_waiting(s, n, SPEC_WAITS);
    if (!t) {
        n->bits_set |= badge;
        return;
    }
    s->count.messages++;
    t->state = SPEC_READY;
    t->reg[SPEC_A0] = badge;
    spec_set_info(t, 0);
}

void spec_wait(struct spec *s, struct spec_object *t, struct spec_object *n, bool block)
{
    if (n->bits_set == 0 && block) {
        waits(s, t, n, SPEC_WAITS);
        return;
    }
    t->reg[SPEC_A0] = n->bits_set;
    spec_set_info(t, 0);
    n->bits_set = 0;
}
