/* Records: words with counts on their way from map to reduce. Blocks of pages, written once, read once, then unmapped.
 * */
#pragma once
#include "table.h"

struct wc_record_block;

struct wc_records {
    struct wc_record_block *first, *last;
};

/* Append `word` to the list. 0, or -1: no memory. */
int wc_records_add(struct wc_records *records, const struct wc_word *word, const struct wc_pages *pages);

/* Add all words of the list to `table`; unmap each block once it is read. 0, or -1: no memory; the rest stays. */
int wc_records_drain(struct wc_records *records, struct wc_table *table, const struct wc_pages *pages);

/* Unmap what is left. */
void wc_records_free(struct wc_records *records, const struct wc_pages *pages);
