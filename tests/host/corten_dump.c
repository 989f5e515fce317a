/* States written down and compared. See corten_dump.h. Reads tables as the MMU would, not through the core's
 * functions, so that it sees what is there and not what the core makes of it. */
#include "corten_dump.h"
#include <corten/space.h>
#include <corten/table.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void note(struct dump *d, const char *what, uint64_t where, uint64_t value)
{
    if (d->count == d->room) {
        d->room = d->room ? 2 * d->room : 4096;
        d->entry = realloc(d->entry, d->room * sizeof *d->entry);
        CHECK(d->entry != NULL, d->room, 0);
    }
    d->entry[d->count++] = (struct dump_entry){what, where, value};
}

static void note_page(struct dump *d, uint64_t va, paddr_t frame)
{
    const uint64_t *word = port_frame(frame);
    uint64_t sum = 1;
    for (unsigned i = 0; i < TN_PT_ENTRIES; i++)
        sum = (sum ^ word[i]) * 0x9e3779b97f4a7c15ull + (sum >> 29);
    note(d, "content of the page", va, sum);
}

/* The words of a table that has some: those of valid entries do not count and may be anything. */
static void note_word(struct dump *d, uint64_t va, uint64_t pte, uint64_t word)
{
    if (pte & TN_PTE_V)
        return;
    note(d, "word", va, word);
    if (word_kind(word) == CT_HELD)
        note_page(d, va, pte_table(word));
}

static void note_table(struct dump *d, paddr_t table, uint64_t base, bool root)
{
    const struct ct_desc *desc = port_desc(table);
    unsigned level = desc->level, entries = root ? TN_PT_ENTRIES / 2 : TN_PT_ENTRIES;
    note(d, "table", base, table.v | level);
    note(d, "queue lock", base, desc->tail);
    note(d, "readers-writer lock", base, desc->rw);
    note(d, "stale or pending", base, desc->stale | (uint64_t)desc->pending << 8);
    note(d, "fill", base, desc->fill);
    note(d, "page of words", base, desc->meta);
    for (unsigned i = 0; i < entries; i++) {
        uint64_t va = base + ((uint64_t)i << level_shift(level)), pte = pte_read(table, i);
        if (pte)
            note(d, "entry", va, pte);
        if (desc->meta)
            note_word(d, va, pte, desc_words(desc)[i]);
        if (tn_pte_is_link(pte))
            note_table(d, pte_table(pte), va, false);
        else if (tn_pte_is_leaf(pte))
            note_page(d, va, pte_table(pte));
    }
}

static void note_share(struct dump *d, unsigned worker, const struct ct_share *share)
{
    note(d, "frames held, by worker", worker, (uint64_t)share->frames);
    note(d, "tables held, by worker", worker, (uint64_t)share->tables);
    note(d, "pages of words held, by worker", worker, (uint64_t)share->meta);
    note(d, "next address of the arena, by worker", worker, share->bump);
    for (unsigned i = 0; i < share->free_count; i++) {
        note(d, "freed range, by worker", worker, share->free[i].start);
        note(d, "freed range's bytes, by worker", worker, share->free[i].bytes);
    }
}

void dump_take(struct dump *d, const struct ct_space *s)
{
    uint64_t frames, tables;
    int64_t budget = s->budget;
    d->count = 0;
    note_table(d, s->root, 0, true);
    for (unsigned i = 0; i < WORKERS; i++) {
        budget += s->share[i].credit;
        note_share(d, i, &s->share[i]);
    }
    note(d, "budget left, with all credit", 0, (uint64_t)budget);
    note(d, "lock of the budget", 0, s->stealing);
    port_free(&frames, &tables);
    note(d, "free frames", 0, frames);
    note(d, "free tables", 0, tables);
}

void dump_drop(struct dump *d)
{
    free(d->entry);
    *d = (struct dump){0};
}

const char *dump_difference(const struct dump *before, const struct dump *after)
{
    static char text[200];
    for (size_t i = 0; i < before->count || i < after->count; i++) {
        static const struct dump_entry nothing = {"nothing", 0, 0};
        const struct dump_entry *a = i < before->count ? &before->entry[i] : &nothing;
        const struct dump_entry *b = i < after->count ? &after->entry[i] : &nothing;
        if (strcmp(a->what, b->what) == 0 && a->where == b->where && a->value == b->value)
            continue;
        snprintf(text, sizeof text, "%s at %#" PRIx64 ": %#" PRIx64 "; now %s at %#" PRIx64 ": %#" PRIx64, a->what,
                 a->where, a->value, b->what, b->where, b->value);
        return text;
    }
    return NULL;
}
