/* Word count as map, shuffle and reduce, without threads of its own: whoever calls gives each worker a thread.
 *
 *     text  | chunk | chunk | chunk | ...            taken one by one by the workers (map)
 *             |
 *             v  table of the chunk's words; its memory is unmapped after each chunk
 *     worker 0: records for partition 0, 1, ...      a word's hash says its partition (shuffle)
 *     worker 1: records for partition 0, 1, ...
 *             |
 *             v  partitions are taken one by one; their records are unmapped when read (reduce)
 *     counts, and the N most frequent words of each worker, merged at the end
 *
 * A word is a maximal run of ASCII letters, in lower case. It belongs to the chunk in which it begins. A line is a
 * newline character, as wc -l counts.
 *
 * Workers share nothing they write but the two counters that hand out work and the flag `failed`, each on a cache line
 * of its own.
 */
#pragma once
#include "table.h"
#include "top.h"

#define WC_CHUNK_BYTES (16u << 10)

struct wc_records; /* a list of words and counts for one partition */

struct wc_worker {
    uint64_t lines, words, distinct;
    struct wc_records
        *out; /* one list a partition; written by this worker, read in reduce by whoever has the partition */
    struct wc_arena arena; /* words of the partitions it reduced */
    struct wc_top top;
} __attribute__((aligned(64)));

struct wc_job {
    /* constant while workers run */
    const uint8_t *text;
    size_t bytes, chunk_bytes;
    unsigned workers, partitions; /* partitions: a power of two */
    size_t top_count;
    const struct wc_pages *pages;
    struct wc_worker *worker;
    size_t worker_map_bytes;
    /* results, after wc_finish */
    struct wc_arena arena;
    uint64_t lines, words, distinct;
    struct wc_top top;
    /* shared by running workers */
    uint64_t next_chunk __attribute__((aligned(64)));
    uint64_t next_partition __attribute__((aligned(64)));
    uint32_t failed __attribute__((aligned(64)));
};

/* Prepare a count of `text`. 0, or -1: no memory (nothing to clean up). `workers` at least 1, `chunk_bytes` too. */
int wc_begin(struct wc_job *job, const void *text, size_t bytes, size_t chunk_bytes, unsigned workers, size_t top_count,
             const struct wc_pages *pages);

/* Work of worker `index`: all map workers must have returned before the first reduce worker starts. A worker that finds
 * no memory sets job->failed; the others then stop as well. */
void wc_map(struct wc_job *job, unsigned index);
void wc_reduce(struct wc_job *job, unsigned index);

/* Merge after all reduce workers have returned. 0, or -1: something had failed, or no memory now. */
int wc_finish(struct wc_job *job);

/* Unmap everything, failed or not. */
void wc_end(struct wc_job *job);
