/* Debug builds: capabilities agree with memory's types, and the derivation list with itself. Empty in release builds.
 *
 * Whenever the CSpace lock is given back, the next few capabilities in the list are looked at, so that all are seen again and
 * again at a bounded price. For each slot:
 *
 *   - its neighbours point at it, nobody is writing it, and it lies in memory typed object itself
 *   - the memory it names has the type that it says, all of it (large Frames: both ends and one page more each time)
 *   - its rights are some that its type can have
 *   - it shares no memory with the next one, unless both name one object, or it is the Untyped that the next was cut out of;
 *     what an Untyped was cut into stands in descending order, so this shows that no two objects overlap
 *
 * CSpace lock held in all of them.
 */
#pragma once
#include "cap.h"

#if TENON_DEBUG
/* A capability that slot `s` holds, or is about to hold: type, rights, and the memory that it names. */
void cdtcheck_cap(const struct slot *s, struct cap c);
/* `list`: the empty slot that the list begins with. */
void cdtcheck_some(const struct slot *list);
/* The capability leaves slot `s`; the list goes on at `instead`. */
void cdtcheck_gone(const struct slot *s, const struct slot *instead);
#else
static inline void cdtcheck_some(const struct slot *list)
{
    (void)list;
}
static inline void cdtcheck_gone(const struct slot *s, const struct slot *instead)
{
    (void)s, (void)instead;
}
#endif
