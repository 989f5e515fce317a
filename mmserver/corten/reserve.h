/* What an operation will need, taken before it changes anything, so that it cannot fail half-way: tables stay in the
 * worker's stock, frames for words are set aside, all are charged to the space. Also the two things made of it: new
 * tables and pages of words.
 */
#pragma once
#include <corten/cursor.h>
#include <corten/table.h>

/* An upper bound of what an operation needs. */
struct ct_need {
    unsigned tables[CT_LEVELS_MAX]; /* by level */
    unsigned words;                 /* pages of words */
};

/* CT_OK, CT_NO_MEMORY, CT_QUOTA (nothing is taken then). */
enum ct_status ct_reserve_take(struct ct_cursor *c, const struct ct_need *need) CT_MUST_CHECK;

/* What was not needed goes back. */
void ct_reserve_drop(struct ct_cursor *c);

/* Adds what pushing the mark at va's entry down needs, where `va` is an edge of a range that gets `word` inside of the
 * locked range: a table at each level at which va is not aligned, and words in each of these and in those that exist.
 * */
void ct_need_edge(struct ct_cursor *c, uint64_t va, uint64_t word, struct ct_need *need);

/* A table under entry `index` of `parent`, which is invalid: owned, filled with the entry's word, link in the batch. */
paddr_t ct_table_make(struct ct_cursor *c, paddr_t parent, unsigned index);

/* Give the table its page of words, each `fill`. */
void ct_words_make(struct ct_cursor *c, struct ct_desc *d);
void ct_words_free(struct ct_cursor *c, struct ct_desc *d);

/* The word of an entry; the page of words is made if the entry's differs from `fill`. */
static inline void word_write(struct ct_cursor *c, struct ct_desc *d, unsigned i, uint64_t word)
{
    if (d->meta == 0) {
        if (d->fill == word)
            return;
        ct_words_make(c, d);
    }
    desc_words(d)[i] = word;
}
