/* Word table (table.h). Linear probing: neighbouring slots share cache lines and pages. */
#include "table.h"

#define SLOTS_FIRST 512u

/* FNV's low bits are its weakest; the table's index takes high ones mixed in. */
static size_t slot_first(const struct wc_table *table, uint64_t hash)
{
    return (size_t)(hash ^ hash >> 32) & (table->slots - 1);
}

static int table_grow(struct wc_table *table)
{
    struct wc_table old = *table;
    size_t slots = old.slots == 0 ? SLOTS_FIRST : 2 * old.slots;
    struct wc_word *slot = table->pages->map(wc_page_align(slots * sizeof *slot));

    if (slot == NULL) {
        return -1;
    }
    table->slot = slot;
    table->slots = slots;
    for (size_t i = 0; i < old.slots; i++) {
        if (old.slot[i].count != 0) {
            size_t to = slot_first(table, old.slot[i].hash);
            while (slot[to].count != 0) {
                to = (to + 1) & (slots - 1);
            }
            slot[to] = old.slot[i];
        }
    }
    wc_table_free(&old);
    return 0;
}

static int same_word(const char *lower, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (lower[i] != (text[i] | 0x20)) {
            return 0;
        }
    }
    return 1;
}

/* The slot of the word, or the empty one where it belongs. */
static struct wc_word *table_find(const struct wc_table *table, uint64_t hash, const char *text, size_t bytes)
{
    size_t i = slot_first(table, hash);

    while (table->slot[i].count != 0) {
        const struct wc_word *w = &table->slot[i];
        if (w->hash == hash && w->bytes == bytes && same_word(w->text, text, bytes)) {
            break;
        }
        i = (i + 1) & (table->slots - 1);
    }
    return &table->slot[i];
}

int wc_table_add(struct wc_table *table, uint64_t hash, const char *text, size_t bytes, uint64_t count)
{
    if (2 * (table->used + 1) > table->slots && table_grow(table) != 0) {
        return -1;
    }
    struct wc_word *w = table_find(table, hash, text, bytes);
    if (w->count == 0) {
        char *copy = wc_arena_alloc(table->arena, bytes);
        if (copy == NULL) {
            return -1;
        }
        for (size_t i = 0; i < bytes; i++) {
            copy[i] = (char)(text[i] | 0x20);
        }
        *w = (struct wc_word){.hash = hash, .text = copy, .bytes = bytes};
        table->used++;
    }
    w->count += count;
    return 0;
}

void wc_table_free(struct wc_table *table)
{
    if (table->slots != 0) {
        table->pages->unmap(table->slot, wc_page_align(table->slots * sizeof *table->slot));
    }
    table->slot = NULL;
    table->slots = table->used = 0;
}
