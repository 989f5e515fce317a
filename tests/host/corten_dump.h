/* Everything that a request may change, written down so that two states can be compared: each table of a space with its
 * descriptor, entries, words and locks; the content of each page; the accounting; the hints where to map next; how much
 * is free outside of the space. What is left out is statistics, how many flushes there were, and where free memory
 * stands (pool or stock) and free budget (rest or credit): a request that fails may move it.
 */
#pragma once
#include "corten_port.h"

struct dump_entry {
    const char *what;
    uint64_t where; /* address of the first byte concerned, or an index */
    uint64_t value;
};

struct dump {
    struct dump_entry *entry;
    size_t count, room;
};

/* Nothing runs on the space. dump_drop() gives the memory back. */
void dump_take(struct dump *d, const struct ct_space *s);
void dump_drop(struct dump *d);

/* The first difference as a text that is valid until the next call; NULL: they are alike. */
const char *dump_difference(const struct dump *before, const struct dump *after);
