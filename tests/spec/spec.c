/* The specification: capabilities and invocations; docs/abi.md. See spec.h.
 *
 * All capabilities of a world stand in one order, each original followed by what was derived from it; the newest comes first.
 * Whether one descends from another follows from what both are (descends()).
 */
#include "spec.h"
#include <string.h>

#define W_MAX 4

/* ---- slots and objects ---- */

struct spec_object *spec_object_of(struct spec *s, uint32_t slot)
{
    return s->slot[slot].object ? &s->object[s->slot[slot].object] : 0;
}

uint32_t spec_lookup(const struct spec *s, uint64_t cptr)
{
    uint32_t index = (uint32_t)cptr, inner = (uint32_t)(cptr >> 32);
    if (cptr == 0 || index >= SPEC_ROOT_SLOTS)
        return SPEC_NO_SLOT;
    if (inner == 0)
        return index;
    const struct spec_object *o = &s->object[s->slot[index].object];
    if (s->slot[index].object == 0 || o->type != TN_CNODE || inner - 1 >= o->slot_count)
        return SPEC_NO_SLOT;
    return o->slots + inner - 1u;
}

static uint32_t object_new(struct spec *s, uint8_t type, uint64_t base, uint32_t bits)
{
    uint32_t n = 1;
    while (s->object[n].type != TN_NULL)
        n++;
    s->object[n] = (struct spec_object){.type = type, .base = base, .bits = (uint8_t)bits, .entries = s->entries[n]};
    memset(s->entries[n], 0, sizeof s->entries[n]);
    return n;
}

static uint32_t slots_inside(uint8_t type, uint64_t size_bits)
{
    return type == TN_CNODE ? 1u << size_bits : type == TN_VSPACE || type == TN_TCB ? 1 : 0;
}

/* First of `count` free slots in a row behind the root's; 0: there are none. */
static uint32_t slots_free(const struct spec *s, uint32_t count)
{
    uint32_t run = 0;
    for (uint32_t i = SPEC_ROOT_SLOTS; i < SPEC_SLOTS; i++) {
        run = s->slot_taken[i] ? 0 : run + 1;
        if (run == count)
            return i - count + 1;
    }
    return 0;
}

bool spec_has_room(const struct spec *s, uint32_t objects)
{
    uint32_t used = 0, slots = 0;
    for (uint32_t n = 1; n < SPEC_OBJECTS; n++)
        used += s->object[n].type != TN_NULL;
    for (uint32_t i = SPEC_ROOT_SLOTS; i < SPEC_SLOTS; i++)
        slots += s->slot_taken[i];
    return used + objects < SPEC_OBJECTS &&
           slots + (objects << SPEC_INNER_RADIX_MAX) < (SPEC_SLOTS - SPEC_ROOT_SLOTS) / 2;
}

static void insert_after(struct spec *s, uint32_t at, uint32_t slot, struct spec_slot cap)
{
    cap.prev = (uint16_t)at;
    cap.next = at ? s->slot[at].next : 0;
    s->slot[slot] = cap;
    if (cap.next)
        s->slot[cap.next].prev = (uint16_t)slot;
    if (at)
        s->slot[at].next = (uint16_t)slot;
    s->object[cap.object].caps++;
}

static bool has_badges(uint8_t type)
{
    return type == TN_ENDPOINT || type == TN_NOTIFICATION || type == TN_GATE;
}

/* Does what stands in slot b descend from what stands in a? */
static bool descends(const struct spec *s, uint32_t a, uint32_t b)
{
    const struct spec_slot *pa = &s->slot[a], *pb = &s->slot[b];
    const struct spec_object *oa = &s->object[pa->object], *ob = &s->object[pb->object];
    if (pa->kind != SPEC_ORIGINAL || pb->object == 0)
        return false;
    if (oa->type == TN_UNTYPED)
        return ob->base >= oa->base && ob->base - oa->base < 1ull << oa->bits &&
               (ob->type != TN_UNTYPED || ob->bits <= oa->bits);
    if (pa->object != pb->object)
        return false;
    return !has_badges(oa->type) || pa->badge == 0 || (pb->badge == pa->badge && pb->kind == SPEC_COPY);
}

static bool has_children(const struct spec *s, uint32_t slot)
{
    return s->slot[slot].next && descends(s, slot, s->slot[slot].next);
}

/* Empties a slot. The last capability takes the object with it, and what stood in its slots. */
static void remove_cap(struct spec *s, uint32_t slot)
{
    struct spec_slot was = s->slot[slot];
    if (was.object == 0)
        return;
    if (was.prev)
        s->slot[was.prev].next = was.next;
    if (was.next)
        s->slot[was.next].prev = was.prev;
    s->slot[slot] = (struct spec_slot){0};
    struct spec_object *o = &s->object[was.object];
    if (--o->caps != 0)
        return;
    if (o->type == TN_VSPACE && s->slot[o->slots].object)
        s->object[s->slot[o->slots].object].is_root = false;
    for (uint32_t i = 0; i < o->slot_count; i++) {
        remove_cap(s, o->slots + i);
        s->slot_taken[o->slots + i] = false;
    }
    o->type = TN_NULL;
}

/* ---- answers ---- */

static enum tn_error with_words(struct spec_answer *a, enum tn_error error, uint32_t words, uint64_t w0, uint64_t w1)
{
    a->words = words;
    a->mr[0] = w0;
    a->mr[1] = w1;
    a->mr_checked = true;
    return error;
}

static enum tn_error wrong_argument(struct spec_answer *a, uint64_t number)
{
    return with_words(a, TN_INVALID_ARGUMENT, 1, number, 0);
}

static enum tn_error wrong_cap(struct spec_answer *a, uint64_t number)
{
    return with_words(a, TN_INVALID_CAPABILITY, 1, number, 0);
}

static enum tn_error out_of_range(struct spec_answer *a, uint64_t least, uint64_t greatest)
{
    return with_words(a, TN_RANGE_ERROR, 2, least, greatest);
}

/* ---- Untyped ---- */

/* log2 of an object's bytes; 0: there is no such object. */
static uint32_t bytes_bits(const struct spec *s, uint64_t type, uint64_t size_bits)
{
    static const uint8_t fixed[] = {[TN_TCB] = TN_TCB_BITS,
                                    [TN_ENDPOINT] = TN_ENDPOINT_BITS,
                                    [TN_REPLY] = TN_REPLY_BITS,
                                    [TN_NOTIFICATION] = TN_NOTIFICATION_BITS,
                                    [TN_VSPACE] = TN_VSPACE_BITS};
    if (type == TN_UNTYPED || type == TN_FRAME) {
        uint64_t least = type == TN_FRAME ? TN_PAGE_BITS : TN_UNTYPED_BITS_MIN;
        return size_bits >= least && size_bits <= TN_UNTYPED_BITS_MAX ? (uint32_t)size_bits : 0;
    }
    if (type == TN_CNODE)
        return size_bits >= 1 && size_bits <= TN_CNODE_RADIX_MAX ? (uint32_t)size_bits + TN_SLOT_BITS : 0;
    if (type == TN_PAGETABLE)
        return size_bits < s->levels ? TN_PAGETABLE_BITS : 0;
    return type < sizeof fixed && size_bits == 0 ? fixed[type] : 0;
}

static void make(struct spec *s, uint32_t slot, uint32_t parent, uint64_t type, uint64_t size_bits, uint64_t base)
{
    uint32_t n = object_new(s, (uint8_t)type, base, bytes_bits(s, type, size_bits));
    struct spec_object *o = &s->object[n];
    struct spec_slot cap = {.object = (uint16_t)n, .kind = SPEC_ORIGINAL, .rights = TN_RIGHTS_ALL};
    if (type == TN_FRAME)
        cap.rights = TN_READ | TN_WRITE | TN_EXEC;
    if (type == TN_PAGETABLE) {
        cap.rights = TN_READ | TN_WRITE;
        o->level = (uint8_t)size_bits;
    }
    uint32_t inside = slots_inside(o->type, size_bits);
    if (inside) {
        o->slots = (uint16_t)slots_free(s, inside);
        o->slot_count = (uint16_t)inside;
        memset(&s->slot_taken[o->slots], true, inside);
    }
    insert_after(s, parent, slot, cap);
}

static enum tn_error retype(struct spec *s, uint32_t slot, const uint64_t *w, struct spec_answer *a)
{
    uint64_t type = w[0], size_bits = w[1], first = w[3] & 0xffffffff, count = w[3] >> 32;
    uint32_t bits = bytes_bits(s, type, size_bits);
    if (bits == 0)
        return wrong_argument(a, type > TN_NULL && type < TN_IRQ_CONTROL ? 2 : 1);
    if (count == 0 || count > 1024)
        return out_of_range(a, 1, 1024);
    uint32_t node = spec_lookup(s, w[2]);
    if (!node || !spec_object_of(s, node))
        return TN_FAILED_LOOKUP;
    const struct spec_object *n = spec_object_of(s, node);
    if (n->type != TN_CNODE)
        return wrong_cap(a, 3);
    if (first >= n->slot_count || count > n->slot_count - first)
        return out_of_range(a, 0, n->slot_count - 1u);
    for (uint64_t i = 0; i < count; i++)
        if (s->slot[n->slots + first + i].object)
            return TN_DELETE_FIRST;
    struct spec_object *u = spec_object_of(s, slot);
    bool again = !has_children(s, slot);
    uint64_t size = 1ull << bits, start = ((again ? 0 : u->used) + size - 1) & -size;
    if (bits > u->bits || start > 1ull << u->bits || count > ((1ull << u->bits) - start) >> bits)
        return TN_NOT_ENOUGH_MEMORY;
    if (again && u->used)
        spec_pt_clear_range(s, u->base, 1ull << u->bits);
    u->used = start + count * size;
    uint32_t dest = n->slots + (uint32_t)first;
    for (uint64_t i = 0; i < count; i++)
        make(s, dest + (uint32_t)i, slot, type, size_bits, u->base + start + i * size);
    return TN_OK;
}

/* ---- CNode ---- */

static enum tn_error copy(struct spec *s, uint32_t dest, const uint64_t *w, bool mint, struct spec_answer *a)
{
    uint32_t from = spec_lookup(s, w[1]);
    if (!from || !s->slot[from].object)
        return TN_FAILED_LOOKUP;
    if (s->slot[dest].object)
        return TN_DELETE_FIRST;
    struct spec_slot cap = s->slot[from];
    uint8_t type = s->object[cap.object].type;
    if (type == TN_UNTYPED)
        return TN_ILLEGAL_OPERATION;
    cap.rights &= (uint8_t)(w[2] & TN_RIGHTS_ALL);
    cap.kind = SPEC_COPY;
    if (mint && w[3] != 0) {
        if (!has_badges(type))
            return wrong_argument(a, 4);
        if (cap.badge != 0)
            return TN_ILLEGAL_OPERATION;
        cap.badge = w[3];
        cap.kind = SPEC_ORIGINAL;
    }
    insert_after(s, from, dest, cap);
    return TN_OK;
}

static enum tn_error move(struct spec *s, uint32_t dest, const uint64_t *w)
{
    uint32_t from = spec_lookup(s, w[1]);
    if (!from || !s->slot[from].object)
        return TN_FAILED_LOOKUP;
    if (s->slot[dest].object)
        return TN_DELETE_FIRST;
    s->slot[dest] = s->slot[from];
    s->slot[from] = (struct spec_slot){0};
    if (s->slot[dest].prev)
        s->slot[s->slot[dest].prev].next = (uint16_t)dest;
    if (s->slot[dest].next)
        s->slot[s->slot[dest].next].prev = (uint16_t)dest;
    return TN_OK;
}

static void revoke(struct spec *s, uint32_t slot)
{
    while (s->slot[slot].object && has_children(s, slot))
        remove_cap(s, s->slot[slot].next);
    struct spec_object *o = spec_object_of(s, slot);
    if (!o || s->slot[slot].kind != SPEC_ORIGINAL || (o->type != TN_FRAME && o->type != TN_PAGETABLE))
        return;
    spec_pt_clear_range(s, o->base, 1ull << o->bits);
    o->is_root = false;
}

static enum tn_error cnode(struct spec *s, uint32_t slot, uint64_t label, const uint64_t *w, struct spec_answer *a)
{
    const struct spec_object *n = spec_object_of(s, slot);
    if (w[0] >= n->slot_count)
        return out_of_range(a, 0, n->slot_count - 1u);
    uint32_t at = n->slots + (uint32_t)w[0];
    switch (label) {
    case TN_CNODE_COPY:
    case TN_CNODE_MINT:
        return copy(s, at, w, label == TN_CNODE_MINT, a);
    case TN_CNODE_MOVE:
        return move(s, at, w);
    case TN_CNODE_DELETE:
        remove_cap(s, at);
        return TN_OK;
    case TN_CNODE_REVOKE:
        revoke(s, at);
        return TN_OK;
    default:
        return TN_ILLEGAL_OPERATION;
    }
}

/* ---- TCB that never runs, VSpace, addresses ---- */

static enum tn_error set_buffer(struct spec *s, struct spec_object *t, const uint64_t *w, struct spec_answer *a)
{
    uint32_t from = spec_lookup(s, w[0]);
    if (w[0] != 0) {
        if (!from || !s->slot[from].object)
            return TN_FAILED_LOOKUP;
        const struct spec_object *f = spec_object_of(s, from);
        if (f->type != TN_FRAME || (s->slot[from].rights & (TN_READ | TN_WRITE)) != (TN_READ | TN_WRITE))
            return wrong_cap(a, 1);
        uint64_t pages = 1ull << (f->bits - TN_PAGE_BITS);
        if (w[1] >= pages)
            return out_of_range(a, 0, pages - 1);
        if (w[2] == 0 || w[2] > pages - w[1] || w[2] > 4095)
            return out_of_range(a, 1, pages - w[1]);
    }
    struct spec_slot cap = s->slot[from];
    remove_cap(s, t->slots);
    if (w[0] != 0) {
        cap.kind = SPEC_COPY;
        insert_after(s, from, t->slots, cap);
    }
    return TN_OK;
}

static enum tn_error tcb(struct spec *s, struct spec_object *t, uint64_t label, const uint64_t *w,
                         struct spec_answer *a)
{
    switch (label) {
    case TN_TCB_SET_BUFFER:
        return set_buffer(s, t, w, a);
    case TN_TCB_SET_PRIORITY:
        if (w[0] >= TN_PRIORITIES)
            return out_of_range(a, 0, TN_PRIORITIES - 1);
        return w[0] > s->priority ? wrong_argument(a, 1) : TN_OK;
    case TN_TCB_SET_AFFINITY:
        return w[0] >= s->harts ? out_of_range(a, 0, s->harts - 1) : TN_OK;
    case TN_TCB_WRITE_REGS:
        memset(t->reg, 0, sizeof t->reg);
        t->reg[0] = w[0];
        t->reg[2] = w[1];
        t->reg[4] = w[2];
        t->reg[10] = w[3];
        return TN_OK;
    case TN_TCB_READ_REGS:
        if (w[0] > 31 || w[1] > 32 - w[0])
            return out_of_range(a, 0, 31);
        a->words = (uint32_t)w[1];
        a->mr_checked = true;
        for (uint32_t i = 0; i < w[1] && i < W_MAX; i++)
            a->mr[i] = t->reg[w[0] + i];
        return TN_OK;
    case TN_TCB_WRITE_REG:
        if (w[0] > 31)
            return out_of_range(a, 0, 31);
        t->reg[w[0]] = w[1];
        return TN_OK;
    case TN_TCB_SET_BADGE:
    case TN_TCB_SUSPEND:
        return TN_OK;
    default:
        return TN_ILLEGAL_OPERATION;
    }
}

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
            return wrong_cap(a, 1);
        if (table->level != s->levels - 1)
            return wrong_argument(a, 1);
        if (v->had_root || table->is_root)
            return TN_ILLEGAL_OPERATION;
        v->had_root = table->is_root = true;
        struct spec_slot cap = s->slot[from];
        cap.kind = SPEC_COPY;
        insert_after(s, from, v->slots, cap);
        return TN_OK;
    }
    case TN_VSPACE_FLUSH:
        if (w[0] % TN_PAGE_BYTES)
            return TN_ALIGNMENT_ERROR;
        if (w[1] != 0 && (w[0] >= user_end || w[1] > (user_end - w[0]) / TN_PAGE_BYTES))
            return out_of_range(a, 0, user_end - 1);
        return with_words(a, TN_OK, 1, 0, 0); /* it never ran anywhere */
    case TN_VSPACE_FENCE_I:
        return TN_OK;
    default:
        return TN_ILLEGAL_OPERATION;
    }
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

static enum tn_error invoke(struct spec *s, const struct spec_call *c, struct spec_answer *a)
{
    uint32_t slot = spec_lookup(s, c->a[0]);
    struct spec_object *o = slot ? spec_object_of(s, slot) : 0;
    uint64_t label = tn_info_label(c->a[1]);
    const uint64_t *w = &c->a[2];
    if (!o)
        return TN_FAILED_LOOKUP;
    if (tn_info_words(c->a[1]) < words_needed(label))
        return TN_TRUNCATED_MESSAGE;
    switch (o->type) {
    case TN_UNTYPED:
        return label == TN_UNTYPED_RETYPE ? retype(s, slot, w, a) : TN_ILLEGAL_OPERATION;
    case TN_CNODE:
        return cnode(s, slot, label, w, a);
    case TN_TCB:
        return tcb(s, o, label, w, a);
    case TN_VSPACE:
        return vspace(s, o, label, w, a);
    case TN_FRAME:
        return label == TN_FRAME_ADDRESS ? with_words(a, TN_OK, 2, o->base, o->bits) : TN_ILLEGAL_OPERATION;
    case TN_PAGETABLE:
        return label == TN_PAGETABLE_ADDRESS ? with_words(a, TN_OK, 2, o->base, o->level) : TN_ILLEGAL_OPERATION;
    default:
        return TN_ILLEGAL_OPERATION;
    }
}

/* ---- messages, signals ---- */

/* The slot that a call's a0 names, of a type and with a right. */
static enum tn_error target(struct spec *s, uint64_t cptr, uint32_t right, uint8_t type, uint8_t or_type,
                            uint32_t *slot)
{
    *slot = spec_lookup(s, cptr);
    const struct spec_object *o = *slot ? spec_object_of(s, *slot) : 0;
    if (!o)
        return TN_FAILED_LOOKUP;
    bool fits = (o->type == type || o->type == or_type) && (s->slot[*slot].rights & right);
    return fits ? TN_OK : TN_INVALID_CAPABILITY;
}

static void signal(struct spec *s, uint32_t slot)
{
    spec_object_of(s, slot)->bits_set |= s->slot[slot].badge;
}

static void poll(struct spec *s, uint32_t slot, struct spec_answer *a)
{
    struct spec_object *n = spec_object_of(s, slot);
    a->a0 = n->bits_set;
    n->bits_set = 0;
}

static enum tn_error nb_send(struct spec *s, const struct spec_call *c)
{
    uint32_t slot;
    enum tn_error e = target(s, c->a[0], TN_WRITE, TN_ENDPOINT, TN_NOTIFICATION, &slot);
    if (e == TN_OK && spec_object_of(s, slot)->type == TN_NOTIFICATION) {
        signal(s, slot);
        return TN_OK;
    }
    return tn_info_words(c->a[1]) > TN_MSG_WORDS_MAX ? TN_TRUNCATED_MESSAGE : e; /* nobody waits: dropped */
}

/* A Reply object, or none. Its rights mean nothing. */
static enum tn_error reply_named(struct spec *s, uint64_t cptr)
{
    uint32_t slot = spec_lookup(s, cptr);
    if (cptr == 0)
        return TN_OK;
    if (!slot || !spec_object_of(s, slot))
        return TN_FAILED_LOOKUP;
    return spec_object_of(s, slot)->type == TN_REPLY ? TN_OK : TN_INVALID_CAPABILITY;
}

static enum tn_error nb_recv(struct spec *s, const struct spec_call *c, struct spec_answer *a)
{
    uint32_t slot;
    enum tn_error e = reply_named(s, c->a[6]);
    if (e != TN_OK)
        return e;
    e = target(s, c->a[0], TN_READ, TN_ENDPOINT, TN_NOTIFICATION, &slot);
    if (e != TN_OK)
        return e;
    if (spec_object_of(s, slot)->type == TN_ENDPOINT)
        return TN_WOULD_BLOCK;
    poll(s, slot, a);
    return TN_OK;
}

static enum tn_error reply(struct spec *s, const struct spec_call *c)
{
    return tn_info_words(c->a[1]) > TN_MSG_WORDS_MAX ? TN_TRUNCATED_MESSAGE : reply_named(s, c->a[6]);
}

void spec_call(struct spec *s, const struct spec_call *c, const uint64_t *batch, struct spec_answer *a)
{
    uint32_t slot;
    a->error = TN_OK;
    a->words = 0;
    a->a0 = 0;
    a->mr_checked = a->has_failed_run = false;
    memset(a->mr, 0, sizeof a->mr);
    switch (c->number) {
    case TN_SYS_CALL:
        a->error = invoke(s, c, a);
        break;
    case TN_SYS_SIGNAL:
        a->error = target(s, c->a[0], TN_WRITE, TN_NOTIFICATION, TN_NOTIFICATION, &slot);
        if (a->error == TN_OK)
            signal(s, slot);
        break;
    case TN_SYS_POLL:
        a->error = target(s, c->a[0], TN_READ, TN_NOTIFICATION, TN_NOTIFICATION, &slot);
        if (a->error == TN_OK)
            poll(s, slot, a);
        break;
    case TN_SYS_NB_SEND:
        a->error = nb_send(s, c);
        break;
    case TN_SYS_NB_RECV:
        a->error = nb_recv(s, c, a);
        break;
    case TN_SYS_REPLY:
        a->error = reply(s, c);
        break;
    case TN_SYS_PT_WRITE:
        memset(a->old_set, 0, sizeof a->old_set);
        spec_pt_write(s, batch, a);
        break;
    default:
        a->error = TN_INVALID_ARGUMENT; /* not in the specification */
    }
}

/* ---- begin, and what always holds ---- */

void spec_init(struct spec *s, uint32_t levels, uint32_t harts, uint32_t priority, uint32_t self, uint32_t untyped,
               uint64_t base, uint32_t bits)
{
    memset(s, 0, sizeof *s);
    s->levels = levels;
    s->harts = harts;
    s->priority = priority;
    memset(s->slot_taken, true, SPEC_ROOT_SLOTS);
    uint32_t node = object_new(s, TN_CNODE, 0, 0), memory = object_new(s, TN_UNTYPED, base, bits);
    s->object[node].slot_count = SPEC_ROOT_SLOTS;
    s->object[node].caps = 1; /* the original stands outside */
    insert_after(s, 0, self, (struct spec_slot){.object = (uint16_t)node, .rights = TN_RIGHTS_ALL, .kind = SPEC_COPY});
    insert_after(s, 0, untyped,
                 (struct spec_slot){.object = (uint16_t)memory, .rights = TN_RIGHTS_ALL, .kind = SPEC_ORIGINAL});
}

const char *spec_check(const struct spec *s)
{
    uint16_t caps[SPEC_OBJECTS] = {0};
    for (uint32_t i = 0; i < SPEC_SLOTS; i++) {
        const struct spec_slot *p = &s->slot[i];
        if (p->object == 0)
            continue;
        caps[p->object]++;
        if (!s->slot_taken[i] || s->object[p->object].type == TN_NULL)
            return "a capability outside of all objects, or to none";
        if ((p->next && s->slot[p->next].prev != i) || (p->prev && s->slot[p->prev].next != i))
            return "neighbours that do not agree";
    }
    for (uint32_t n = 2; n < SPEC_OBJECTS; n++)
        if (s->object[n].type != TN_NULL && s->object[n].caps != caps[n])
            return "an object whose capabilities are miscounted";
    return 0;
}
