/* Records between map and reduce (records.h). A list has one user at a time; the join between the phases hands it over.
 * */
#include <string.h>
#include "records.h"

#define BLOCK_BYTES (32u << 10)

struct wc_record_block {
    struct wc_record_block *next;
    size_t bytes; /* of the mapping */
    size_t used;  /* of the mapping, this header included */
};

struct record {
    uint64_t hash, count;
    size_t bytes;
    char text[];
};

static size_t record_bytes(size_t text_bytes)
{
    return (sizeof(struct record) + text_bytes + 7) & ~(size_t)7;
}

static struct wc_record_block *block_new(size_t record, const struct wc_pages *pages)
{
    size_t bytes = wc_page_align(sizeof(struct wc_record_block) + record);

    bytes = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    struct wc_record_block *block = pages->map(bytes);
    if (block != NULL) {
        *block = (struct wc_record_block){.bytes = bytes, .used = sizeof *block};
    }
    return block;
}

int wc_records_add(struct wc_records *records, const struct wc_word *word, const struct wc_pages *pages)
{
    size_t bytes = record_bytes(word->bytes);
    struct wc_record_block *block = records->last;

    if (block == NULL || block->bytes - block->used < bytes) {
        block = block_new(bytes, pages);
        if (block == NULL) {
            return -1;
        }
        *(records->last != NULL ? &records->last->next : &records->first) = block;
        records->last = block;
    }
    struct record *r = (struct record *)((char *)block + block->used);
    r->hash = word->hash;
    r->count = word->count;
    r->bytes = word->bytes;
    memcpy(r->text, word->text, word->bytes);
    block->used += bytes;
    return 0;
}

static void drop_first(struct wc_records *records, const struct wc_pages *pages)
{
    struct wc_record_block *block = records->first;

    records->first = block->next;
    if (records->first == NULL) {
        records->last = NULL;
    }
    pages->unmap(block, block->bytes);
}

int wc_records_drain(struct wc_records *records, struct wc_table *table, const struct wc_pages *pages)
{
    while (records->first != NULL) {
        struct wc_record_block *block = records->first;
        for (size_t at = sizeof *block; at < block->used;) {
            struct record *r = (struct record *)((char *)block + at);
            if (wc_table_add(table, r->hash, r->text, r->bytes, r->count) != 0) {
                return -1;
            }
            at += record_bytes(r->bytes);
        }
        drop_first(records, pages);
    }
    return 0;
}

void wc_records_free(struct wc_records *records, const struct wc_pages *pages)
{
    while (records->first != NULL) {
        drop_first(records, pages);
    }
}
