/* Hash table from words to counts: open addressing, at most half full, doubled when it gets there.
 *
 * The slots are a mapping of their own; the words are copied, in lower case, into an arena that the caller gives.
 * One thread at a time.
 */
#pragma once
#include "memory.h"

struct wc_word {
    uint64_t hash;
    uint64_t count;   /* 0: the slot is empty */
    const char *text; /* lower case, `bytes` long, no terminator */
    size_t bytes;
};

struct wc_table {
    const struct wc_pages *pages;
    struct wc_arena *arena;
    struct wc_word *slot;
    size_t slots; /* power of two, or 0 before the first word */
    size_t used;
};

#define WC_HASH_START 0xcbf29ce484222325ull

/* One more letter (either case) of a word into its hash: FNV-1a. */
static inline uint64_t wc_hash_letter(uint64_t hash, uint8_t letter)
{
    return (hash ^ (letter | 0x20)) * 0x100000001b3ull;
}

/* Add `count` to the word `text` (letters of either case) with hash `hash`. 0, or -1: no memory, nothing changed. */
int wc_table_add(struct wc_table *table, uint64_t hash, const char *text, size_t bytes, uint64_t count);

/* Unmap the slots. The words stay in the arena. */
void wc_table_free(struct wc_table *table);
