/* What the timing model must show, whatever Tenon does: counters and locks that share a line or do not.
 *
 *     private_counter   a counter a hart: as fast on many harts as on one
 *     shared_counter    one counter: gets slower with every hart
 *     lock_tas          one lock, test-and-set: gets slower with every hart
 *     lock_mcs          one lock, a queue whose waiters spin on lines of their own: hardly
 *
 * For the locks a critical section adds to two counters, which are checked afterwards. Called by main.c.
 */
#include "control.h"
#include "hart.h"
#include <stddef.h>

#define WARM_UP 32u
#define MEASURED 128u

struct queue_node {
    struct queue_node *next;
    uint32_t wait;
} __attribute__((aligned(LINE_BYTES)));

struct line {
    uint64_t value __attribute__((aligned(LINE_BYTES)));
};

static struct line private_counter[HARTS_MAX];
static struct line shared_counter;
static struct line guarded[2];
static struct line tas_lock;
static struct queue_node *mcs_tail __attribute__((aligned(LINE_BYTES)));
static struct queue_node mcs_node[HARTS_MAX];

static void count(uint64_t *value)
{
    __atomic_fetch_add(value, 1, __ATOMIC_RELAXED);
}

static void add_private(unsigned index)
{
    count(&private_counter[index].value);
}

static void add_shared(unsigned index)
{
    (void)index;
    count(&shared_counter.value);
}

/* Not atomic: the lock must guard it. */
static void critical_section(void)
{
    volatile uint64_t *a = &guarded[0].value, *b = &guarded[1].value;

    *a = *a + 1;
    *b = *b + 1;
}

static void with_tas(unsigned index)
{
    (void)index;
    while (__atomic_exchange_n(&tas_lock.value, 1, __ATOMIC_ACQUIRE) != 0) /* pairs with: the release below */
        relax();
    critical_section();
    __atomic_store_n(&tas_lock.value, 0, __ATOMIC_RELEASE); /* pairs with: the acquire above */
}

static void mcs_lock(struct queue_node *n)
{
    n->next = NULL;
    n->wait = 1;
    struct queue_node *before = __atomic_exchange_n(&mcs_tail, n, __ATOMIC_ACQ_REL); /* pairs with: mcs_unlock */
    if (before == NULL)
        return;
    __atomic_store_n(&before->next, n, __ATOMIC_RELEASE);    /* pairs with: mcs_unlock */
    while (__atomic_load_n(&n->wait, __ATOMIC_ACQUIRE) != 0) /* pairs with: mcs_unlock */
        relax();
}

static void mcs_unlock(struct queue_node *n)
{
    struct queue_node *behind = __atomic_load_n(&n->next, __ATOMIC_ACQUIRE), *last = n; /* pairs with: mcs_lock */

    if (behind == NULL) {
        if (__atomic_compare_exchange_n(&mcs_tail, &last, NULL, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            return;                                                            /* pairs with: mcs_lock */
        while ((behind = __atomic_load_n(&n->next, __ATOMIC_ACQUIRE)) == NULL) /* pairs with: mcs_lock */
            relax();
    }
    __atomic_store_n(&behind->wait, 0, __ATOMIC_RELEASE); /* pairs with: mcs_lock */
}

static void with_mcs(unsigned index)
{
    mcs_lock(&mcs_node[index]);
    critical_section();
    mcs_unlock(&mcs_node[index]);
}

/* `total`: what the counters must hold afterwards, all harts' operations together; NULL: the hart's own counter. */
static bool measure(const char *name, unsigned index, void (*operation)(unsigned index), uint64_t *total)
{
    for (unsigned i = 0; i < 2; i++)
        guarded[i].value = 0;
    barrier();
    mark_track();
    for (unsigned i = 0; i < WARM_UP; i++)
        operation(index);
    barrier();
    mark_begin();
    for (unsigned i = 0; i < MEASURED; i++)
        operation(index);
    mark_end();
    mark_untrack();
    barrier();
    uint64_t want = (WARM_UP + MEASURED) * (total ? (uint64_t)harts : 1);
    uint64_t have = total ? *total : private_counter[index].value;
    if (have != want) {
        say("scale: %s: counted %lu instead of %lu\n", name, have, want);
        return false;
    }
    barrier(); /* all have looked */
    if (index == 0)
        say("region %s operations %u remote-flushes 0\n", name, MEASURED);
    return true;
}

bool control_run(unsigned index)
{
    return measure("private_counter", index, add_private, NULL) &&
           measure("shared_counter", index, add_shared, &shared_counter.value) &&
           measure("lock_tas", index, with_tas, &guarded[1].value) &&
           measure("lock_mcs", index, with_mcs, &guarded[1].value);
}
