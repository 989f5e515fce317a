// uses: apps/wordcount/job.c apps/wordcount/records.c apps/wordcount/table.c apps/wordcount/top.c apps/wordcount/memory.c
/* Word count (apps/wordcount) against a naive count, over pthreads.
 *
 * The naive side keeps every word of the text in one sorted array; it shares no code with what it checks. Texts are
 * made from a seed: TENON_SEED=n in the environment repeats a run. Every case checks that all mapped memory was
 * unmapped, and one lets each mapping fail in turn.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <cmocka.h>
#include "../../apps/wordcount/job.h"

static uint64_t mapped_bytes;
static int64_t maps_left = INT64_MAX; /* mappings that succeed before all others fail */

static void *test_map(size_t bytes)
{
    assert_int_equal(bytes % WC_PAGE_BYTES, 0);
    if (__atomic_fetch_sub(&maps_left, 1, __ATOMIC_RELAXED) <= 0) {
        return NULL;
    }
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    __atomic_fetch_add(&mapped_bytes, bytes, __ATOMIC_RELAXED);
    return map;
}

static void test_unmap(void *address, size_t bytes)
{
    __atomic_fetch_sub(&mapped_bytes, bytes, __ATOMIC_RELAXED);
    assert_int_equal(munmap(address, bytes), 0);
}

static const struct wc_pages pages = {test_map, test_unmap};

/* Random numbers: xorshift64*. */
static uint64_t random_state;

static uint64_t random_below(uint64_t end)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (random_state * 0x2545f4914f6cdd1dull >> 11) % end;
}

/* The naive count. */
struct naive {
    char **word; /* every occurrence, sorted */
    size_t words, lines, distinct;
    struct naive_entry {
        const char *word;
        size_t count;
    } * entry; /* in output order */
};

static int letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_count(const void *a, const void *b)
{
    const struct naive_entry *x = a, *y = b;
    if (x->count != y->count) {
        return x->count > y->count ? -1 : 1;
    }
    return strcmp(x->word, y->word);
}

static void naive_split(struct naive *n, const unsigned char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        n->lines += text[i] == '\n';
        if (!letter(text[i]) || (i > 0 && letter(text[i - 1]))) {
            continue;
        }
        size_t end = i;
        while (end < bytes && letter(text[end])) {
            end++;
        }
        char *copy = calloc(1, end - i + 1);
        for (size_t k = i; k < end; k++) {
            copy[k - i] = (char)(text[k] >= 'A' && text[k] <= 'Z' ? text[k] - 'A' + 'a' : text[k]);
        }
        n->word[n->words++] = copy;
    }
}

static struct naive naive_count(const unsigned char *text, size_t bytes)
{
    struct naive n = {.word = calloc(bytes + 1, sizeof(char *))};

    naive_split(&n, text, bytes);
    qsort(n.word, n.words, sizeof *n.word, by_text);
    n.entry = calloc(n.words + 1, sizeof *n.entry);
    for (size_t i = 0; i < n.words; i++) {
        if (i == 0 || strcmp(n.word[i], n.word[i - 1]) != 0) {
            n.entry[n.distinct++].word = n.word[i];
        }
        n.entry[n.distinct - 1].count++;
    }
    qsort(n.entry, n.distinct, sizeof *n.entry, by_count);
    return n;
}

static void naive_free(struct naive *n)
{
    for (size_t i = 0; i < n->words; i++) {
        free(n->word[i]);
    }
    free(n->word);
    free(n->entry);
}

/* The count under test, a pthread for each worker. */
struct task {
    pthread_t thread;
    struct wc_job *job;
    unsigned index;
    void (*work)(struct wc_job *job, unsigned index);
};

static void *task_run(void *argument)
{
    struct task *t = argument;
    t->work(t->job, t->index);
    return NULL;
}

static void run_phase(struct wc_job *job, void (*work)(struct wc_job *, unsigned))
{
    struct task task[16];

    for (unsigned i = 0; i < job->workers; i++) {
        task[i] = (struct task){.job = job, .index = i, .work = work};
        assert_int_equal(pthread_create(&task[i].thread, NULL, task_run, &task[i]), 0);
    }
    for (unsigned i = 0; i < job->workers; i++) {
        pthread_join(task[i].thread, NULL);
    }
}

/* 0: counted (the caller calls wc_end). -1: out of memory, and everything is unmapped. */
static int count(struct wc_job *job, const void *text, size_t bytes, size_t chunk, unsigned workers, size_t top)
{
    if (wc_begin(job, text, bytes, chunk, workers, top, &pages) != 0) {
        return -1;
    }
    run_phase(job, wc_map);
    run_phase(job, wc_reduce);
    if (wc_finish(job) != 0) {
        wc_end(job);
        return -1;
    }
    return 0;
}

static void check(const void *text, size_t bytes, size_t chunk, unsigned workers, size_t top)
{
    struct naive n = naive_count(text, bytes);
    struct wc_job job;

    assert_int_equal(count(&job, text, bytes, chunk, workers, top), 0);
    assert_int_equal(job.lines, n.lines);
    assert_int_equal(job.words, n.words);
    assert_int_equal(job.distinct, n.distinct);
    assert_int_equal(job.top.used, top < n.distinct ? top : n.distinct);
    for (size_t i = 0; i < job.top.used; i++) {
        assert_int_equal(job.top.heap[i].count, n.entry[i].count);
        assert_int_equal(job.top.heap[i].bytes, strlen(n.entry[i].word));
        assert_memory_equal(job.top.heap[i].text, n.entry[i].word, job.top.heap[i].bytes);
    }
    wc_end(&job);
    assert_int_equal(mapped_bytes, 0);
    naive_free(&n);
}

static void check_string(const char *text)
{
    /* An exact copy without terminator, so that the sanitizer sees a read past the end. */
    size_t bytes = strlen(text);
    char *copy = malloc(bytes + (bytes == 0));
    memcpy(copy, text, bytes);
    for (size_t chunk = 1; chunk <= bytes + 1; chunk++) {
        check(copy, bytes, chunk, 2, 100);
    }
    free(copy);
}

static void test_small(void **state)
{
    (void)state;
    check_string("");
    check_string("a");
    check_string("\n");
    check_string(" 1 2 3 ");
    check_string("Aa aA AA\naa b");
    check_string("one two  three;two,three THREE\n\nThreE's end");
    check_string("@[`{AZaz@"); /* the neighbours of the letters in ASCII */
    check_string("abc ab a abcd");
}

static void test_top_order(void **state)
{
    (void)state;
    const char *text = "b a c b a c d e aa aa ab ab z";
    for (size_t top = 0; top < 12; top++) {
        check(text, strlen(text), 3, 3, top);
    }
}

static void fill_text(unsigned char *text, size_t bytes, unsigned kind)
{
    for (size_t i = 0; i < bytes; i++) {
        switch (kind) {
        case 0: /* anything */
            text[i] = (unsigned char)random_below(256);
            break;
        case 1: /* few letters, short words, many repeats */
            text[i] = (unsigned char)"abAB  \n."[random_below(8)];
            break;
        default: /* long words that straddle chunks */
            text[i] = (unsigned char)(random_below(3000) == 0 ? 0 : 'a' + random_below(2));
            break;
        }
    }
}

static void test_random(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        size_t bytes = random_below(60000);
        unsigned char *text = malloc(bytes + 1);
        fill_text(text, bytes, round % 3);
        check(text, bytes, 1 + random_below(9000), 1 + (unsigned)random_below(8), random_below(50));
        free(text);
    }
}

static void test_long_word(void **state)
{
    (void)state;
    size_t bytes = 3u << 20;
    unsigned char *text = malloc(bytes);

    memset(text, 'Q', bytes);
    check(text, bytes, WC_CHUNK_BYTES, 4, 20);
    text[bytes / 2] = 0xff;
    text[bytes - 1] = '\n';
    check(text, bytes, WC_CHUNK_BYTES, 4, 20);
    free(text);
}

static void test_many_distinct(void **state)
{
    (void)state;
    size_t bytes = 0;
    char *text = malloc(8 * 200000);

    for (unsigned i = 0; i < 200000; i++) {
        for (unsigned v = i, k = 0; k < 5; k++, v /= 26) {
            text[bytes++] = (char)('a' + v % 26);
        }
        text[bytes++] = '\n';
    }
    check(text, bytes, WC_CHUNK_BYTES, 4, 1000);
    free(text);
}

/* Each mapping fails in turn, and all after it: an error, nothing left mapped. */
static void test_no_memory(void **state)
{
    (void)state;
    unsigned char text[5000];
    struct wc_job job;
    int error;

    fill_text(text, sizeof text, 0);
    for (int64_t n = 0;; n++) {
        maps_left = n;
        error = count(&job, text, sizeof text, 700, 3, 10);
        maps_left = INT64_MAX;
        if (error == 0) {
            wc_end(&job);
            break;
        }
        assert_int_equal(mapped_bytes, 0);
    }
    assert_int_equal(mapped_bytes, 0);
}

int main(void)
{
    const char *seed = getenv("TENON_SEED");
    random_state = seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
    random_state |= 1;
    printf("# seed %llu (repeat: TENON_SEED=%llu build/host/plain/test_wordcount)\n", (unsigned long long)random_state,
           (unsigned long long)random_state);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),     cmocka_unit_test(test_top_order),     cmocka_unit_test(test_random),
        cmocka_unit_test(test_long_word), cmocka_unit_test(test_many_distinct), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
