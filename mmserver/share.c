/* The share; see share.h.
 *
 * Equation, under the lock: bytes of the share = bytes taken as chunks or as objects + unused bytes of `piece` + sum of
 * 2^bits over `objects`. Splitting for objects keeps it: an Untyped becomes two halves and nothing else. Halves are not
 * joined again; clients of like size use the same ones again. */
#include "share.h"
#include "lock.h"
#include "panic.h"
#include "slots.h"
#include <stdbool.h>
#include <tenon/invoke_stubs.h>

#define OBJECTS_MAX 1024

struct piece { /* part of the share as init gave it, at least one chunk long */
    uint32_t slot;
    uint64_t paddr, bytes, used_bytes;
};
struct object_memory {
    uint32_t slot;
    uint32_t bits;
};

static struct lock lock;
static struct piece piece[TN_SERVER_UNTYPED_MAX]; /* (lock) */
static uint32_t pieces;
static struct object_memory object[OBJECTS_MAX]; /* (lock) free ones, in no order */
static uint32_t objects;

void share_init(const struct server_start *start)
{
    for (uint32_t i = 0; i < start->untyped_count; i++) {
        const struct server_untyped *u = &start->untyped[i];
        uint32_t slot = TN_SERVER_FIRST_UNTYPED + i;
        if (u->size_bits >= CHUNK_BITS) {
            piece[pieces++] = (struct piece){slot, u->paddr, 1ull << u->size_bits, 0};
        } else {
            object[objects++] = (struct object_memory){slot, (uint32_t)u->size_bits};
        }
    }
}

/* Chunks that frames must leave for tables and objects: what became frames stays frames, and a client that takes all memory and
 * ends must not keep others from starting. A share too small for that is not divided. */
static bool frames_may_take(void)
{
    uint64_t all = 0, unused = 0;

    for (const struct piece *p = piece; p < piece + pieces; p++) {
        all += p->bytes / CHUNK_BYTES;
        unused += (p->bytes - p->used_bytes) / CHUNK_BYTES;
    }
    return all < 16 || unused > all / 32 + 1;
}

static uint32_t chunk_locked(enum tn_object type, uint64_t *paddr)
{
    if (type == TN_FRAME && !frames_may_take()) {
        return 0;
    }
    for (struct piece *p = piece; p < piece + pieces; p++) {
        if (p->used_bytes == p->bytes) {
            continue;
        }
        uint32_t slot = slots_take(1);
        if (slot == 0) {
            return 0;
        }
        server_must(tn_untyped_retype(p->slot, type, CHUNK_BITS, TN_SERVER_CNODE, slot, 1), "share: chunk refused");
        *paddr = p->paddr + p->used_bytes;
        p->used_bytes += CHUNK_BYTES;
        return slot;
    }
    return 0;
}

uint32_t share_chunk(enum tn_object type, uint64_t *paddr)
{
    lock_take(&lock);
    uint32_t slot = chunk_locked(type, paddr);
    lock_drop(&lock);
    return slot;
}

/* Index of the smallest free object memory of at least 2^bits bytes; `objects` if there is none. */
static uint32_t smallest_locked(unsigned bits)
{
    uint32_t best = objects;

    for (uint32_t i = 0; i < objects; i++) {
        if (object[i].bits >= bits && (best == objects || object[i].bits < object[best].bits)) {
            best = i;
        }
    }
    return best;
}

/* Halve object[i]. Its own capability stays as the halves' parent. 0: no slots. */
static int halve_locked(uint32_t i)
{
    uint32_t slot = objects < OBJECTS_MAX ? slots_take(2) : 0;
    uint32_t bits = object[i].bits - 1;

    if (slot == 0) {
        return 0;
    }
    server_must(tn_untyped_retype(object[i].slot, TN_UNTYPED, bits, TN_SERVER_CNODE, slot, 2), "share: split refused");
    object[i] = (struct object_memory){slot, bits};
    object[objects++] = (struct object_memory){slot + 1, bits};
    return 1;
}

static uint32_t objects_take_locked(unsigned bits)
{
    uint32_t i = smallest_locked(bits);

    if (i == objects) {
        uint64_t paddr;
        uint32_t slot = objects < OBJECTS_MAX ? chunk_locked(TN_UNTYPED, &paddr) : 0;
        if (slot == 0) {
            return 0;
        }
        object[objects++] = (struct object_memory){slot, CHUNK_BITS};
    }
    while (object[i].bits > bits) {
        if (!halve_locked(i)) {
            return 0;
        }
    }
    uint32_t slot = object[i].slot;
    object[i] = object[--objects];
    return slot;
}

uint32_t share_objects_take(unsigned bits)
{
    lock_take(&lock);
    uint32_t slot = objects_take_locked(bits);
    lock_drop(&lock);
    return slot;
}

void share_objects_give(uint32_t slot, unsigned bits)
{
    lock_take(&lock);
    /* Room is certain: a taken one was here before, and halving needs room for one more than it leaves. */
    if (objects == OBJECTS_MAX) {
        server_panic("share: too many pieces", slot);
    }
    object[objects++] = (struct object_memory){slot, bits};
    lock_drop(&lock);
}

uint64_t share_free_pages(void)
{
    uint64_t bytes = 0;

    lock_take(&lock);
    for (uint32_t i = 0; i < pieces; i++) {
        bytes += piece[i].bytes - piece[i].used_bytes;
    }
    for (uint32_t i = 0; i < objects; i++) {
        bytes += 1ull << object[i].bits;
    }
    lock_drop(&lock);
    return bytes / TN_PAGE_BYTES;
}
