/* The capability derivation list and removal of capabilities: who descends from whom, and how an object goes.
 *
 * All slots that hold a capability stand in one doubly linked list, each original followed by what was derived from it (as in
 * seL4's mapping database). Whether one descends from another follows from their contents: see cdt_is_parent().
 * Everything here needs the CSpace lock.
 *
 * Removal has three steps, so that look-ups need no lock:
 *   1. the slot is emptied and leaves the list; if it was the last capability, the object is noted as dead
 *   2. quiesce(): every hart has been outside the kernel, so nobody still holds a pointer from a look-up
 *   3. the object is finalised; containers (CNode, Gate, TCB, VSpace) are emptied in turn, which may note more dead
 * cdt_drain() runs 2 and 3 and can be interrupted anywhere: what is noted stays noted, and every later operation on
 * capability spaces drains first.
 */
#pragma once
#include "cap.h"

struct tcb;

/* Takes the CSpace lock. While it spins the hart serves its requests, and so holds no reference: look up nothing before.
 * false: meanwhile `t` stopped being the hart's current thread; the lock is not held. */
bool MUST_CHECK cspace_lock(struct tcb *t);
void cspace_unlock(void);

/* A new original: child of `parent` (NULL: of nobody) in an empty slot. */
void cdt_insert_original(struct slot *s, struct cap c, struct slot *parent);
/* A capability derived from the one in `source`. */
void cdt_insert_derived(struct slot *s, struct cap c, struct slot *source, enum slot_kind kind);
/* Moves a capability to an empty slot; it keeps its place in the list. */
void cdt_move(struct slot *to, struct slot *from);
bool cdt_is_parent(const struct slot *a, const struct slot *b);
bool cdt_has_children(const struct slot *s);

/* Step 1. At most one object is noted. There must be room: cdt_room(). An empty slot is left alone. */
void cdt_remove(struct slot *s);
bool cdt_room_for(uint32_t objects);
static inline bool cdt_room(void)
{
    return cdt_room_for(1);
}
/* Steps 2 and 3 until nothing is noted. STATUS_RESTART: an interrupt is waiting; call again. May wait for other harts,
 * after which pointers from earlier look-ups are dead, `hart_self()->current` may have changed. */
status_t MUST_CHECK cdt_drain(void);

/* Removes all that descends from `s`, and drains. */
status_t MUST_CHECK cdt_revoke(struct slot *s);

/* Notes that the interrupt has a handler object, until its last capability goes. false: it had one. */
bool cdt_irq_take(uint32_t irq);

static inline struct slot *slot_from_ref(uint32_t ref)
{
    return ref ? (struct slot *)(KERNEL_BASE + ((uint64_t)ref << TN_SLOT_BITS)) : NULL;
}
static inline uint32_t slot_ref(const struct slot *s)
{
    return s ? (uint32_t)(((uint64_t)s - KERNEL_BASE) >> TN_SLOT_BITS) : 0;
}
/* Slots must lie below this physical address for slot references to reach them. */
#define SLOT_PADDR_END (1ull << (32 + TN_SLOT_BITS))
