/* wordcount: how often each word stands in the input file, counted by a thread on every hart.
 *
 * usage: wordcount [-n WORDS] [-t THREADS] [-c CHUNK_BYTES]
 *
 * Its memory comes straight from the memory manager and goes back between the phases, so that counting exercises
 * faults, mapping and unmapping on all harts. Exit status: 0, 1 out of memory or threads, 2 wrong arguments.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <tenon/mm.h>
#include <tenon/thread.h>
#include "job.h"

#define TOP_DEFAULT 20
#define THREADS_MAX 256

struct options {
    uint64_t top, threads, chunk_bytes;
};

static void *pages_map(size_t bytes)
{
    int64_t address = mm_map(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    return mm_is_error(address) ? NULL : (void *)address;
}

static void pages_unmap(void *address, size_t bytes)
{
    if (mm_unmap((uint64_t)address, bytes) != 0) {
        fprintf(stderr, "wordcount: unmapping %zu bytes at %p failed\n", bytes, address);
        abort();
    }
}

static const struct wc_pages pages = {pages_map, pages_unmap};

/* One worker of one phase. */
struct task {
    struct tn_thread *thread;
    struct wc_job *job;
    void (*work)(struct wc_job *job, unsigned index);
    unsigned index;
};

static void *task_run(void *argument)
{
    struct task *task = argument;

    task->work(task->job, task->index);
    return NULL;
}

/* The `n`th hart of the client's, counted around. */
static int hart_of(unsigned n)
{
    const struct tn_start *start = tn_start_info();
    unsigned left = n % start->harts;

    for (int hart = 0; hart < 128; hart++) {
        if (start->hart_mask[hart / 64] >> hart % 64 & 1 && left-- == 0) {
            return hart;
        }
    }
    return TN_HART_ANY;
}

/* Run `work` on all workers, each on its hart, and wait for them. 0, or an errno value: a thread could not be made. */
static int run_phase(struct wc_job *job, void (*work)(struct wc_job *, unsigned))
{
    static struct task task[THREADS_MAX];
    unsigned started = 0;
    int error = 0;

    while (started < job->workers && error == 0) {
        struct task *t = &task[started];
        *t = (struct task){.job = job, .work = work, .index = started};
        error = tn_thread_create(&t->thread, task_run, t, hart_of(started), 0);
        started += error == 0;
    }
    for (unsigned i = 0; i < started; i++) {
        (void)tn_thread_join(task[i].thread, NULL);
    }
    return error;
}

static void print_result(const struct wc_job *job)
{
    printf("wordcount: bytes %zu\n", job->bytes);
    printf("wordcount: lines %" PRIu64 "\n", job->lines);
    printf("wordcount: words %" PRIu64 "\n", job->words);
    printf("wordcount: distinct %" PRIu64 "\n", job->distinct);
    for (size_t i = 0; i < job->top.used; i++) {
        printf("wordcount: top %" PRIu64 " ", job->top.heap[i].count);
        fwrite(job->top.heap[i].text, 1, job->top.heap[i].bytes, stdout);
        putchar('\n');
    }
}

static void print_memory_system(void)
{
    static const struct {
        unsigned counter;
        const char *name;
    } shown[] = {
        {MM_FAULTS, "faults"},
        {MM_FAULTS_SPURIOUS, "spurious faults"},
        {MM_REQUESTS, "requests"},
        {MM_TRANSACTIONS, "transactions"},
        {MM_RETRIES, "retries"},
        {MM_PT_WRITES, "page-table writes"},
        {MM_PT_BATCHES, "page-table batches"},
        {MM_FLUSHES, "flushes"},
        {MM_REMOTE_FLUSHES, "remote flushes"},
        {MM_PAGES_ZEROED, "pages zeroed"},
        {MM_FRAMES_PEAK, "frames at most"},
        {MM_TABLES_PEAK, "tables at most"},
    };
    uint64_t counter[MM_COUNTERS];
    int64_t error = mm_stat(counter, MM_COUNTERS);

    if (mm_is_error(error)) {
        printf("wordcount: mm no statistics: %s\n", strerror(mm_errno_from_linux((int)-error)));
        return;
    }
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        printf("wordcount: mm %s %" PRIu64 "\n", shown[i].name, counter[shown[i].counter]);
    }
}

static int parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    char *end;

    *value = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *value >= least && *value <= most;
}

static int parse_options(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        int ok = 0;
        if (strcmp(argv[i], "-n") == 0) {
            ok = parse_number(value, 0, SIZE_MAX, &options->top);
        } else if (strcmp(argv[i], "-t") == 0) {
            ok = parse_number(value, 1, THREADS_MAX, &options->threads);
        } else if (strcmp(argv[i], "-c") == 0) {
            ok = parse_number(value, 1, SIZE_MAX, &options->chunk_bytes);
        }
        if (!ok) {
            return -1;
        }
    }
    return 0;
}

static int count(const struct tn_start *start, const struct options *options)
{
    static struct wc_job job;

    if (wc_begin(&job, (const void *)start->input, start->input_bytes, options->chunk_bytes, (unsigned)options->threads,
                 options->top, &pages) != 0) {
        fprintf(stderr, "wordcount: out of memory\n");
        return EXIT_FAILURE;
    }
    int error = run_phase(&job, wc_map);
    if (error == 0) {
        error = run_phase(&job, wc_reduce);
    }
    if (error != 0) {
        fprintf(stderr, "wordcount: no thread: %s\n", strerror(error));
    } else if (wc_finish(&job) != 0) {
        fprintf(stderr, "wordcount: out of memory\n");
        error = -1;
    } else {
        print_result(&job);
    }
    wc_end(&job);
    return error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A thread for each hart, as far as the client may have so many beside the main one. */
static uint64_t threads_default(const struct tn_start *start)
{
    uint64_t most = start->max_threads > 1 ? start->max_threads - 1 : 1;

    most = most < THREADS_MAX ? most : THREADS_MAX;
    return start->harts < most ? start->harts : most;
}

int main(int argc, char **argv)
{
    const struct tn_start *start = tn_start_info();
    struct options options = {.top = TOP_DEFAULT, .threads = threads_default(start), .chunk_bytes = WC_CHUNK_BYTES};

    if (parse_options(argc, argv, &options) != 0) {
        fprintf(stderr, "usage: wordcount [-n WORDS] [-t THREADS] [-c CHUNK_BYTES]\n");
        return 2;
    }
    if (start->input == 0) {
        fprintf(stderr, "wordcount: no input file was given (property `input`)\n");
        return 2;
    }
    int status = count(start, &options);
    print_memory_system();
    return status;
}
