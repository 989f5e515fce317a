/* The specification: slots, objects, derivation, Untypeds and CNodes; docs/abi.md. See spec.h.
 *
 * All capabilities of a world stand in one order, each original followed by what was derived from it; the newest comes first.
 * Whether one descends from another follows from what both are (descends()).
 */
#include "spec.h"
#include <string.h>

/* ---- slots and objects ---- */

struct spec_object *spec_object_of(struct spec *s, uint32_t slot)
{
    return s->slot[slot].object ? &s->object[s->slot[slot].object] : 0;
}

uint32_t spec_lookup(const struct spec *s, uint64_t cptr)
{
    const struct spec_object *root = &s->object[s->root];
    uint32_t index = (uint32_t)cptr, inner = (uint32_t)(cptr >> 32);
    if (cptr == 0 || s->root == 0 || index >= root->slot_count)
        return SPEC_NO_SLOT;
    index += root->slots;
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
    if (type == TN_PAGETABLE)
        memset(s->entries[n], 0, sizeof s->entries[n]);
    s->room_objects++;
    return n;
}

/* A Gate's: a power of two, at least 2, not fewer than harts. */
static uint32_t gate_slots(const struct spec *s)
{
    uint32_t slots = 2;
    while (slots < s->harts)
        slots *= 2;
    return slots;
}

static uint32_t slots_inside(const struct spec *s, uint8_t type, uint64_t size_bits)
{
    switch (type) {
    case TN_CNODE:
        return 1u << size_bits;
    case TN_TCB:
        return SPEC_TCB_SLOTS;
    case TN_VSPACE:
        return 1;
    case TN_GATE:
        return gate_slots(s);
    default:
        return 0;
    }
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
    return s->room_objects + objects < SPEC_OBJECTS &&
           s->room_slots + (objects << SPEC_INNER_RADIX_MAX) < (SPEC_SLOTS - SPEC_ROOT_SLOTS) / 2;
}

void spec_insert_after(struct spec *s, uint32_t at, uint32_t slot, struct spec_slot cap)
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
void spec_remove(struct spec *s, uint32_t slot)
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
    spec_gone(s, o);
    if (o->type == TN_VSPACE && s->slot[o->slots].object)
        s->object[s->slot[o->slots].object].is_root = false;
    for (uint32_t i = 0; i < o->slot_count; i++) {
        spec_remove(s, o->slots + i);
        s->slot_taken[o->slots + i] = false;
    }
    s->room_slots -= o->slot_count;
    s->room_objects--;
    o->type = TN_NULL;
}

/* ---- answers ---- */

enum tn_error spec_words(struct spec_answer *a, enum tn_error error, uint32_t words, uint64_t w0, uint64_t w1)
{
    a->words = words;
    a->mr[0] = w0;
    a->mr[1] = w1;
    return error;
}

enum tn_error spec_wrong_argument(struct spec_answer *a, uint64_t number)
{
    return spec_words(a, TN_INVALID_ARGUMENT, 1, number, 0);
}

enum tn_error spec_wrong_cap(struct spec_answer *a, uint64_t number)
{
    return spec_words(a, TN_INVALID_CAPABILITY, 1, number, 0);
}

enum tn_error spec_out_of_range(struct spec_answer *a, uint64_t least, uint64_t greatest)
{
    return spec_words(a, TN_RANGE_ERROR, 2, least, greatest);
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
    if (type == TN_GATE)
        return size_bits <= 8 && 1ull << size_bits >= gate_slots(s) ? (uint32_t)size_bits + TN_SLOT_BITS : 0;
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
    uint32_t inside = slots_inside(s, o->type, size_bits);
    if (inside) {
        o->slots = (uint16_t)slots_free(s, inside);
        o->slot_count = (uint16_t)inside;
        memset(&s->slot_taken[o->slots], true, inside);
        s->room_slots += inside;
    }
    spec_insert_after(s, parent, slot, cap);
}

/* Memory that is given away is zero. */
static void forget_content(struct spec *s, uint64_t base, uint64_t bytes)
{
    if (bytes >= TN_PAGE_BYTES)
        memset(s->message[(base - s->memory_base) / TN_PAGE_BYTES], 0, bytes / TN_PAGE_BYTES * sizeof s->message[0]);
}

enum tn_error spec_retype(struct spec *s, uint32_t slot, const uint64_t *w, struct spec_answer *a)
{
    uint64_t type = w[0], size_bits = w[1], first = w[3] & 0xffffffff, count = w[3] >> 32;
    uint32_t bits = bytes_bits(s, type, size_bits);
    if (bits == 0)
        return spec_wrong_argument(a, type > TN_NULL && type < TN_IRQ_CONTROL ? 2 : 1);
    if (count == 0 || count > 1024)
        return spec_out_of_range(a, 1, 1024);
    uint32_t node = spec_lookup(s, w[2]);
    if (!node || !spec_object_of(s, node))
        return TN_FAILED_LOOKUP;
    const struct spec_object *n = spec_object_of(s, node);
    if (n->type != TN_CNODE)
        return spec_wrong_cap(a, 3);
    if (first >= n->slot_count || count > n->slot_count - first)
        return spec_out_of_range(a, 0, n->slot_count - 1u);
    for (uint64_t i = 0; i < count; i++)
        if (s->slot[n->slots + first + i].object)
            return TN_DELETE_FIRST;
    struct spec_object *u = spec_object_of(s, slot);
    bool again = !has_children(s, slot);
    uint64_t size = 1ull << bits, start = ((again ? 0 : u->used) + size - 1) & -size;
    if (bits > u->bits || start > 1ull << u->bits || count > ((1ull << u->bits) - start) >> bits)
        return TN_NOT_ENOUGH_MEMORY;
    if (again && u->used) {
        spec_pt_clear_range(s, u->base, 1ull << u->bits);
        forget_content(s, u->base, 1ull << u->bits);
    }
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
            return spec_wrong_argument(a, 4);
        if (cap.badge != 0)
            return TN_ILLEGAL_OPERATION;
        cap.badge = w[3];
        cap.kind = SPEC_ORIGINAL;
    }
    spec_insert_after(s, from, dest, cap);
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
        spec_remove(s, s->slot[slot].next);
    struct spec_object *o = spec_object_of(s, slot);
    if (!o || s->slot[slot].kind != SPEC_ORIGINAL || (o->type != TN_FRAME && o->type != TN_PAGETABLE))
        return;
    spec_pt_clear_range(s, o->base, 1ull << o->bits);
    o->is_root = false;
}

enum tn_error spec_cnode(struct spec *s, uint32_t slot, uint64_t label, const uint64_t *w, struct spec_answer *a)
{
    const struct spec_object *n = spec_object_of(s, slot);
    if (w[0] >= n->slot_count)
        return spec_out_of_range(a, 0, n->slot_count - 1u);
    uint32_t at = n->slots + (uint32_t)w[0];
    switch (label) {
    case TN_CNODE_COPY:
    case TN_CNODE_MINT:
        return copy(s, at, w, label == TN_CNODE_MINT, a);
    case TN_CNODE_MOVE:
        return move(s, at, w);
    case TN_CNODE_DELETE:
        spec_remove(s, at);
        return TN_OK;
    case TN_CNODE_REVOKE:
        revoke(s, at);
        return TN_OK;
    default:
        return TN_ILLEGAL_OPERATION;
    }
}

/* ---- begin, and what always holds ---- */

static uint32_t foreign(struct spec *s, uint8_t type, uint64_t base, uint32_t bits)
{
    uint32_t n = object_new(s, type, base, bits);
    s->object[n].caps = 1; /* the original stands outside */
    return n;
}

static void give(struct spec *s, uint32_t slot, uint32_t object, uint8_t rights, enum spec_kind kind)
{
    spec_insert_after(s, 0, slot,
                      (struct spec_slot){.object = (uint16_t)object, .rights = rights, .kind = (uint8_t)kind});
}

void spec_init(struct spec *s, const struct spec_world *w)
{
    memset(s, 0, sizeof *s);
    s->levels = w->levels;
    s->harts = w->harts;
    s->hart = w->hart;
    s->program = w->program;
    s->memory_base = w->untyped_base;
    memset(s->slot_taken, true, SPEC_ROOT_SLOTS);
    s->root = foreign(s, TN_CNODE, 0, 0);
    s->object[s->root].slot_count = SPEC_ROOT_SLOTS;
    s->space = foreign(s, TN_VSPACE, 0, 0);
    s->object[s->space].had_root = true;
    s->first_buffer = foreign(s, TN_FRAME, w->buffers_base, TN_PAGE_BITS + 3);
    s->driver = foreign(s, TN_TCB, 0, 0);
    s->object[s->driver].priority = (uint8_t)w->priority;
    s->object[s->driver].slots = (uint16_t)slots_free(s, SPEC_TCB_SLOTS);
    s->object[s->driver].slot_count = SPEC_TCB_SLOTS;
    memset(&s->slot_taken[s->object[s->driver].slots], true, SPEC_TCB_SLOTS);
    s->room_slots = SPEC_TCB_SLOTS;
    give(s, w->self, s->root, TN_RIGHTS_ALL, SPEC_COPY);
    give(s, w->untyped, object_new(s, TN_UNTYPED, w->untyped_base, w->untyped_bits), TN_RIGHTS_ALL, SPEC_ORIGINAL);
    give(s, w->space, s->space, TN_RIGHTS_ALL, SPEC_COPY);
    give(s, w->buffers, s->first_buffer, TN_READ | TN_WRITE | TN_EXEC, SPEC_COPY);
    give(s, s->object[s->driver].slots + SPEC_TCB_CSPACE, s->root, TN_RIGHTS_ALL, SPEC_COPY);
    give(s, s->object[s->driver].slots + SPEC_TCB_BUFFER, s->first_buffer, TN_READ | TN_WRITE, SPEC_COPY);
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
    for (uint32_t n = 1; n < SPEC_OBJECTS; n++) {
        const struct spec_object *o = &s->object[n];
        bool foreign_too = n == s->driver || n == s->space || n == s->first_buffer || n == 1;
        if (o->type != TN_NULL && o->caps != caps[n] + foreign_too)
            return "an object whose capabilities are miscounted";
        if (o->type == TN_REPLY && o->caller && s->object[o->caller].waits_on != n)
            return "a Reply object whose caller is not in it";
        if (o->type == TN_TCB && o->state >= SPEC_SENDS && s->object[o->waits_on].type == TN_NULL)
            return "a thread that waits for nothing";
    }
    return 0;
}
