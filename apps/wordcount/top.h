/* The N most frequent words of those offered: a heap with the least of them on top.
 *
 * Order: more frequent first, equal counts by byte order of the word (a prefix before what it begins).
 */
#pragma once
#include "table.h"

struct wc_top {
    struct wc_word *heap;
    size_t used, capacity;
};

/* Does `a` come before `b` in the output? */
int wc_word_before(const struct wc_word *a, const struct wc_word *b);

/* Room for `capacity` words, from `arena`. 0, or -1: no memory. */
int wc_top_init(struct wc_top *top, size_t capacity, struct wc_arena *arena);

/* Take `word` in, and put the last one out if there are too many. The text is not copied. */
void wc_top_offer(struct wc_top *top, const struct wc_word *word);

/* Turn the heap into an array in output order. No offers afterwards. */
void wc_top_sort(struct wc_top *top);
