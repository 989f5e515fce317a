/* Map, shuffle and reduce of a word count (job.h).
 *
 * The order between phases is the caller's: the join of the map threads orders their records before the reduce threads
 * start. The counters that hand out work are relaxed: only their uniqueness matters.
 */
#include <string.h>
#include "job.h"
#include "records.h"

#define PARTITIONS_PER_WORKER 2 /* so that one heavy partition does not leave the other workers idle */

static int is_letter(uint8_t c)
{
    return (uint8_t)((c | 0x20) - 'a') < 26;
}

static int has_failed(struct wc_job *job)
{
    return (int)__atomic_load_n(&job->failed, __ATOMIC_RELAXED);
}

static void set_failed(struct wc_job *job)
{
    __atomic_store_n(&job->failed, 1, __ATOMIC_RELAXED);
}

int wc_begin(struct wc_job *job, const void *text, size_t bytes, size_t chunk_bytes, unsigned workers, size_t top_count,
             const struct wc_pages *pages)
{
    unsigned partitions = 1;

    while (partitions < PARTITIONS_PER_WORKER * workers) {
        partitions *= 2;
    }
    *job = (struct wc_job){.text = text,
                           .bytes = bytes,
                           .chunk_bytes = chunk_bytes,
                           .workers = workers,
                           .partitions = partitions,
                           .top_count = top_count,
                           .pages = pages};
    job->arena.pages = pages;
    size_t worker_bytes = workers * sizeof *job->worker;
    job->worker_map_bytes = wc_page_align(worker_bytes + (size_t)workers * partitions * sizeof(struct wc_records));
    job->worker = pages->map(job->worker_map_bytes);
    if (job->worker == NULL) {
        return -1;
    }
    for (unsigned i = 0; i < workers; i++) {
        job->worker[i].arena.pages = pages;
        job->worker[i].out = (struct wc_records *)((char *)job->worker + worker_bytes) + (size_t)i * partitions;
    }
    return 0;
}

/* Count the words that begin in [from, end) of the text; they may reach past the end. */
static int scan_words(const struct wc_job *job, size_t from, size_t end, struct wc_table *table, uint64_t *words)
{
    const uint8_t *text = job->text;
    size_t i = from;

    if (i > 0 && is_letter(text[i - 1])) {
        while (i < end && is_letter(text[i])) { /* the rest of a word that belongs to an earlier chunk */
            i++;
        }
    }
    while (i < end) {
        size_t begin = i;
        uint64_t hash = WC_HASH_START;
        for (; i < job->bytes && is_letter(text[i]); i++) {
            hash = wc_hash_letter(hash, text[i]);
        }
        if (i == begin) {
            i++;
        } else {
            ++*words;
            if (wc_table_add(table, hash, (const char *)text + begin, i - begin, 1) != 0) {
                return -1;
            }
        }
    }
    return 0;
}

static uint64_t count_lines(const uint8_t *text, size_t bytes)
{
    uint64_t lines = 0;

    for (size_t i = 0; i < bytes; i++) {
        lines += text[i] == '\n';
    }
    return lines;
}

/* The partition is taken from other bits than the table's index, or each table would be filled in one corner. */
static unsigned partition_of(const struct wc_job *job, uint64_t hash)
{
    return (unsigned)(hash >> 48) & (job->partitions - 1);
}

/* Shuffle: the chunk's words into the records of their partitions. */
static int emit_words(const struct wc_job *job, struct wc_worker *worker, const struct wc_table *table)
{
    for (size_t i = 0; i < table->slots; i++) {
        const struct wc_word *w = &table->slot[i];
        if (w->count != 0 && wc_records_add(&worker->out[partition_of(job, w->hash)], w, job->pages) != 0) {
            return -1;
        }
    }
    return 0;
}

static int map_chunk(const struct wc_job *job, struct wc_worker *worker, size_t from, size_t end)
{
    struct wc_arena arena = {.pages = job->pages};
    struct wc_table table = {.pages = job->pages, .arena = &arena};
    uint64_t words = 0;

    int error = scan_words(job, from, end, &table, &words);
    if (error == 0) {
        error = emit_words(job, worker, &table);
    }
    worker->words += words;
    worker->lines += count_lines(job->text + from, end - from);
    wc_table_free(&table);
    wc_arena_free(&arena);
    return error;
}

void wc_map(struct wc_job *job, unsigned index)
{
    while (!has_failed(job)) {
        uint64_t chunk = __atomic_fetch_add(&job->next_chunk, 1, __ATOMIC_RELAXED);
        if (chunk > job->bytes / job->chunk_bytes || chunk * job->chunk_bytes >= job->bytes) {
            return;
        }
        size_t from = chunk * job->chunk_bytes;
        size_t left = job->bytes - from;
        if (map_chunk(job, &job->worker[index], from, from + (left < job->chunk_bytes ? left : job->chunk_bytes)) !=
            0) {
            set_failed(job);
        }
    }
}

static int reduce_partition(struct wc_job *job, struct wc_worker *worker, unsigned partition)
{
    struct wc_table table = {.pages = job->pages, .arena = &worker->arena};
    int error = 0;

    for (unsigned i = 0; i < job->workers && error == 0; i++) {
        error = wc_records_drain(&job->worker[i].out[partition], &table, job->pages);
    }
    if (error == 0) {
        worker->distinct += table.used;
        for (size_t i = 0; i < table.slots; i++) {
            if (table.slot[i].count != 0) {
                wc_top_offer(&worker->top, &table.slot[i]);
            }
        }
    }
    wc_table_free(&table);
    return error;
}

/* No more words than this can stand in the text: each has a letter, and something else between it and the next. */
static size_t top_capacity(const struct wc_job *job)
{
    size_t most = job->bytes / 2 + 1;

    return job->top_count < most ? job->top_count : most;
}

void wc_reduce(struct wc_job *job, unsigned index)
{
    struct wc_worker *worker = &job->worker[index];

    if (wc_top_init(&worker->top, top_capacity(job), &worker->arena) != 0) {
        set_failed(job);
    }
    while (!has_failed(job)) {
        uint64_t partition = __atomic_fetch_add(&job->next_partition, 1, __ATOMIC_RELAXED);
        if (partition >= job->partitions) {
            return;
        }
        if (reduce_partition(job, worker, (unsigned)partition) != 0) {
            set_failed(job);
        }
    }
}

int wc_finish(struct wc_job *job)
{
    if (has_failed(job) || wc_top_init(&job->top, top_capacity(job), &job->arena) != 0) {
        return -1;
    }
    for (unsigned i = 0; i < job->workers; i++) {
        const struct wc_worker *worker = &job->worker[i];
        job->lines += worker->lines;
        job->words += worker->words;
        job->distinct += worker->distinct;
        for (size_t k = 0; k < worker->top.used; k++) {
            wc_top_offer(&job->top, &worker->top.heap[k]);
        }
    }
    wc_top_sort(&job->top);
    return 0;
}

void wc_end(struct wc_job *job)
{
    for (unsigned i = 0; i < job->workers; i++) {
        for (unsigned p = 0; p < job->partitions; p++) {
            wc_records_free(&job->worker[i].out[p], job->pages);
        }
        wc_arena_free(&job->worker[i].arena);
    }
    wc_arena_free(&job->arena);
    job->pages->unmap(job->worker, job->worker_map_bytes);
}
