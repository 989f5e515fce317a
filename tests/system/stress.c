/* Threads on all harts map, touch, protect and unmap at random; every byte that is read is checked.
 *
 * usage: stress [SEED [ROUNDS]]
 *
 *     own ranges      each thread keeps a few; they are filled with words that name thread, range and page
 *     handed ranges   one thread maps and fills, another checks and unmaps
 *     shared range    mapped over again and again (MAP_FIXED) and protected by all threads while all read and write it:
 *                     since a request is one transaction, it is never found unmapped, and each page is either zero
 *                     or names itself
 */
#include <errno.h>
#include <sys/mman.h>
#include <tenon/mm.h>
#include <tenon/thread.h>
#include "check.h"

#define THREADS_MAX 64
#define RANGES 12
#define RANGE_PAGES_MAX 96
#define SHARED_PAGES 64
#define HANDED 8

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

struct range {
    uint64_t low, pages, tag; /* pages 0: none */
};

static uint64_t seed, rounds;
static uint64_t *shared;
static struct range handed[HANDED]; /* under handed_mutex */
static struct tn_mutex handed_mutex;

static uint64_t word_of(const struct range *r, uint64_t page)
{
    return r->tag * 0x9e3779b97f4a7c15ull ^ (r->low + page * PAGE);
}

static uint64_t *page_at(const struct range *r, uint64_t page)
{
    return (uint64_t *)(r->low + page * PAGE);
}

static void range_fill(const struct range *r, uint64_t from, uint64_t pages)
{
    for (uint64_t i = from; i < from + pages; i++) {
        page_at(r, i)[0] = page_at(r, i)[PAGE / 8 - 1] = word_of(r, i);
    }
}

static void range_check(const struct range *r, uint64_t from, uint64_t pages)
{
    for (uint64_t i = from; i < from + pages; i++) {
        EXPECT(page_at(r, i)[0] == word_of(r, i));
        EXPECT(page_at(r, i)[PAGE / 8 - 1] == word_of(r, i));
        EXPECT(page_at(r, i)[100] == 0);
    }
}

static int range_map(struct range *r, uint64_t *state)
{
    uint64_t random = check_random(state), pages = 1 + random % RANGE_PAGES_MAX;
    int populate = random >> 20 & 7 ? 0 : MAP_POPULATE;
    int64_t low = mm_map(0, pages * PAGE, RW, ANON | populate);

    if (!EXPECT(low > 0)) {
        return -1;
    }
    *r = (struct range){.low = (uint64_t)low, .pages = pages, .tag = random};
    return 0;
}

static void range_unmap(struct range *r)
{
    EXPECT_EQUAL(mm_unmap(r->low, r->pages * PAGE), 0);
    r->pages = 0;
}

/* Make part of the range read-only, read it, and make it writable again. */
static void range_protect(const struct range *r, uint64_t from, uint64_t pages)
{
    EXPECT_EQUAL(mm_protect(r->low + from * PAGE, pages * PAGE, PROT_READ), 0);
    range_check(r, from, pages);
    EXPECT_EQUAL(mm_protect(r->low + from * PAGE, pages * PAGE, PROT_NONE), 0);
    EXPECT_EQUAL(mm_protect(r->low + from * PAGE, pages * PAGE, RW), 0);
    range_fill(r, from, pages);
}

/* Replace the middle: it is zero, the rest is as it was. */
static void range_replace(const struct range *r, uint64_t from, uint64_t pages)
{
    uint64_t low = r->low + from * PAGE;

    EXPECT_EQUAL(mm_map(low, pages * PAGE, RW, ANON | MAP_FIXED), (int64_t)low);
    for (uint64_t i = from; i < from + pages; i++) {
        EXPECT(page_at(r, i)[0] == 0 && page_at(r, i)[PAGE / 8 - 1] == 0);
    }
    range_fill(r, from, pages);
    range_check(r, 0, r->pages);
}

static void range_step(struct range *r, uint64_t *state)
{
    uint64_t random = check_random(state);

    if (r->pages == 0) {
        if (range_map(r, state) == 0) {
            range_fill(r, 0, r->pages);
        }
        return;
    }
    uint64_t from = (random >> 8) % r->pages, pages = 1 + (random >> 24) % (r->pages - from);
    switch (random % 8) {
    case 0:
    case 1:
        range_check(r, 0, r->pages);
        range_unmap(r);
        break;
    case 2:
    case 3:
        range_protect(r, from, pages);
        break;
    case 4:
        range_replace(r, from, pages);
        break;
    default:
        range_check(r, from, pages);
        break;
    }
}

/* Unmap the middle of a new range and map it again where it was. Others may move into the hole, so it is not kept. */
static void punch_step(uint64_t *state)
{
    struct range r;

    if (range_map(&r, state) != 0) {
        return;
    }
    range_fill(&r, 0, r.pages);
    uint64_t from = check_random(state) % r.pages;
    uint64_t pages = 1 + check_random(state) % (r.pages - from);
    uint64_t low = r.low + from * PAGE;
    EXPECT_EQUAL(mm_unmap(low, pages * PAGE), 0);
    range_check(&r, 0, from);
    range_check(&r, from + pages, r.pages - from - pages);
    int64_t again = mm_map(low, pages * PAGE, RW, ANON | MAP_FIXED_NOREPLACE);
    if (again == (int64_t)low) {
        range_fill(&r, from, pages);
        range_check(&r, 0, r.pages);
        range_unmap(&r);
    } else {
        EXPECT_EQUAL(again, -EEXIST); /* another thread was given the hole: give back what is left around it */
        uint64_t after = r.pages - from - pages;
        EXPECT_EQUAL(mm_unmap(r.low, from * PAGE), from != 0 ? 0 : -EINVAL);
        EXPECT_EQUAL(mm_unmap(low + pages * PAGE, after * PAGE), after != 0 ? 0 : -EINVAL);
    }
}

/* Put a filled range up for others, or take one, check it and unmap it. */
static void handed_step(uint64_t *state)
{
    struct range r = {.pages = 0}, *slot = &handed[check_random(state) % HANDED];

    tn_mutex_lock(&handed_mutex);
    r = *slot;
    slot->pages = 0;
    tn_mutex_unlock(&handed_mutex);
    if (r.pages != 0) {
        range_check(&r, 0, r.pages);
        range_unmap(&r);
        return;
    }
    if (range_map(&r, state) != 0) {
        return;
    }
    range_fill(&r, 0, r.pages);
    tn_mutex_lock(&handed_mutex);
    struct range other = *slot;
    *slot = r;
    tn_mutex_unlock(&handed_mutex);
    if (other.pages != 0) {
        range_check(&other, 0, other.pages);
        range_unmap(&other);
    }
}

static void shared_step(uint64_t *state)
{
    uint64_t random = check_random(state);
    uint64_t page = random % SHARED_PAGES, pages = 1 + (random >> 16) % (SHARED_PAGES - page);
    uint64_t low = (uint64_t)shared + page * PAGE;

    switch (random >> 40 & 3) {
    case 0:
        EXPECT_EQUAL(mm_map(low, pages * PAGE, RW, ANON | MAP_FIXED), (int64_t)low);
        break;
    case 1:
        EXPECT_EQUAL(mm_protect(low, pages * PAGE, random >> 50 & 1 ? RW : RW | PROT_EXEC), 0);
        break;
    default:
        for (uint64_t i = page; i < page + pages; i++) {
            uint64_t *word = &shared[i * PAGE / 8 + 7];
            uint64_t value = tn_load_relaxed(word);
            EXPECT(value == 0 || value == (i ^ 0x7e57));
            tn_store_relaxed(word, i ^ 0x7e57);
        }
        break;
    }
}

static void *thread_run(void *argument)
{
    uint64_t state = (seed + (uint64_t)argument * 7919) | 1;
    struct range own[RANGES] = {{.pages = 0}};

    for (uint64_t i = 0; i < rounds; i++) {
        uint64_t what = check_random(&state) % 16;
        if (what < 9) {
            range_step(&own[check_random(&state) % RANGES], &state);
        } else if (what < 10) {
            punch_step(&state);
        } else if (what < 12) {
            handed_step(&state);
        } else {
            shared_step(&state);
        }
    }
    for (unsigned i = 0; i < RANGES; i++) {
        if (own[i].pages != 0) {
            range_check(&own[i], 0, own[i].pages);
            range_unmap(&own[i]);
        }
    }
    return NULL;
}

static void test_stress(void)
{
    struct tn_thread *thread[THREADS_MAX];
    unsigned threads = 2 * tn_start_info()->harts < THREADS_MAX ? 2 * tn_start_info()->harts : THREADS_MAX - 1;
    int64_t low = mm_map(0, SHARED_PAGES * PAGE, RW, ANON);

    EXPECT(low > 0);
    shared = (uint64_t *)low;
    for (uint64_t i = 0; i < threads; i++) {
        EXPECT_EQUAL(tn_thread_create(&thread[i], thread_run, (void *)i, TN_HART_ANY, 0), 0);
    }
    for (unsigned i = 0; i < threads; i++) {
        EXPECT_EQUAL(tn_thread_join(thread[i], NULL), 0);
    }
    for (unsigned i = 0; i < HANDED; i++) {
        if (handed[i].pages != 0) {
            range_check(&handed[i], 0, handed[i].pages);
            range_unmap(&handed[i]);
        }
    }
    EXPECT_EQUAL(mm_unmap((uint64_t)low, SHARED_PAGES * PAGE), 0);
}

/* What all this has mapped is unmapped: only what libipc and the program itself need is left. */
static void test_nothing_left(void)
{
    uint64_t counter[MM_COUNTERS];

    EXPECT(mm_stat(counter, MM_COUNTERS) > 0);
    printf("# stress: %" PRIu64 " faults, %" PRIu64 " transactions\n", counter[MM_FAULTS], counter[MM_TRANSACTIONS]);
    printf("# stress: %" PRIu64 " frames left of %" PRIu64 "\n", counter[MM_FRAMES_NOW], counter[MM_FRAMES_PEAK]);
    EXPECT(counter[MM_TRANSACTIONS] > rounds);
    EXPECT(counter[MM_FRAMES_NOW] < 64 && counter[MM_FRAMES_PEAK] > 64);
}

int main(int argc, char **argv)
{
    seed = check_argument(argc, argv, 1, 1);
    rounds = check_argument(argc, argv, 2, 1500);
    check_begin("stress");
    printf("# stress: seed %" PRIu64 ", %" PRIu64 " rounds\n", seed, rounds);
    check_case("random ranges", test_stress);
    check_case("statistics", test_nothing_left);
    return check_end();
}
