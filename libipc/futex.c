/* Futex in user space (tenon/futex.h).
 *
 * Invariants: a node is in its bucket's queue if and only if its state is QUEUED, and both change under the bucket's
 * lock. Who sets WOKEN has read all it needs from the node before: the waiter's stack frame may be gone right after.
 * A notification may be signalled for a wait that is over already (late wake-up, deadline, reuse of a thread id), so
 * every wait on it looks at its own condition first and again.
 *
 * Locks: one spin lock a bucket; nothing is taken inside it, and no signal is sent under it.
 */
#include <errno.h>
#include <stddef.h>
#include <tenon/atomic.h>
#include <tenon/client.h>
#include <tenon/futex.h>
#include <tenon/invoke_stubs.h>
#include <tenon/thread.h>

#define BUCKET_BITS 6
#define SPINS 100       /* looks at a lock before the first yield */
#define YIELDS 64       /* yields before the first sleep */
#define SLEEP_TICKS 200 /* 20 us at 10 MHz: long enough for a holder of lower priority to get on */
#define WAKE_BATCH 16

enum node_state { NODE_QUEUED, NODE_WOKEN };

struct node {
    struct node *next, *previous; /* (b) */
    uint32_t *word;               /* constant while queued */
    tn_cptr_t ntfn;               /* constant while queued */
    uint32_t state;               /* enum node_state; written under (b), read by its owner without */
};

/* (b) = the bucket's lock. One cache line each, so that unrelated words do not meet. */
static struct bucket {
    struct tn_spinlock lock;
    struct node *first, *last; /* (b) */
} __attribute__((aligned(64))) buckets[1 << BUCKET_BITS];

static struct bucket *bucket_of(const uint32_t *word)
{
    uint64_t key = (uint64_t)word >> 2;
    return &buckets[key * 0x9e3779b97f4a7c15ull >> (64 - BUCKET_BITS)];
}

void tn_sleep_until(uint64_t deadline)
{
    tn_cptr_t ntfn = tn_self()->ntfn;

    while (tn_time() < deadline) {
        /* Refused or no notification: yielding until then is right too, only dearer. */
        if (tn_ntfn_deadline(ntfn, deadline) != TN_OK || tn_wait(ntfn) == 0) {
            tn_yield();
        }
    }
}

void tn_backoff(unsigned *step)
{
    unsigned n = (*step)++;

    if (n < SPINS) {
        __asm__ volatile("" ::: "memory");
    } else if (n < SPINS + YIELDS) {
        tn_yield();
    } else {
        tn_sleep_until(tn_time() + SLEEP_TICKS);
    }
}

void tn_spin_lock(struct tn_spinlock *lock)
{
    unsigned step = 0;

    /* pairs with: tn_spin_unlock */
    while (tn_exchange_acquire(&lock->held, 1) != 0) {
        while (tn_load_relaxed(&lock->held) != 0) {
            tn_backoff(&step);
        }
    }
}

void tn_spin_unlock(struct tn_spinlock *lock)
{
    tn_store_release(&lock->held, 0); /* pairs with: tn_spin_lock */
}

static void queue_append(struct bucket *b, struct node *n)
{
    n->next = NULL;
    n->previous = b->last;
    if (b->last != NULL) {
        b->last->next = n;
    } else {
        b->first = n;
    }
    b->last = n;
}

static void queue_remove(struct bucket *b, struct node *n)
{
    if (n->previous != NULL) {
        n->previous->next = n->next;
    } else {
        b->first = n->next;
    }
    if (n->next != NULL) {
        n->next->previous = n->previous;
    } else {
        b->last = n->previous;
    }
}

/* Give up waiting. 0: a waker was faster. */
static int node_cancel(struct bucket *b, struct node *n)
{
    int result = 0;

    tn_spin_lock(&b->lock);
    if (tn_load_relaxed(&n->state) == NODE_QUEUED) {
        queue_remove(b, n);
        result = -ETIMEDOUT;
    }
    tn_spin_unlock(&b->lock);
    return result;
}

/* Wait until the queued node `n` is woken, or the deadline. */
static int node_wait(struct bucket *b, struct node *n, uint64_t deadline)
{
    int timed = deadline != TN_FOREVER;
    int result = 0;

    /* pairs with: queue_take */
    while (tn_load_acquire(&n->state) == NODE_QUEUED) {
        if (timed && tn_time() >= deadline) {
            result = node_cancel(b, n);
            break;
        }
        if (timed && tn_ntfn_deadline(n->ntfn, deadline) != TN_OK) {
            tn_yield();
        } else if (tn_wait(n->ntfn) == 0) {
            tn_yield();
        }
    }
    if (timed) {
        (void)!tn_ntfn_deadline(n->ntfn, TN_FOREVER); /* one that fires late is a spurious wake-up, no more */
    }
    return result;
}

int tn_futex_wait(uint32_t *word, uint32_t expected, uint64_t deadline)
{
    struct bucket *b = bucket_of(word);
    struct node n = {.word = word, .ntfn = tn_self()->ntfn, .state = NODE_QUEUED};

    tn_spin_lock(&b->lock);
    /* Under the lock: a waker that changed the word before it took the lock is seen here; one that takes it after us
     * finds the node. */
    if (tn_load_relaxed(word) != expected) {
        tn_spin_unlock(&b->lock);
        return -EAGAIN;
    }
    queue_append(b, &n);
    tn_spin_unlock(&b->lock);
    return node_wait(b, &n, deadline);
}

/* Take up to `max` waiters of `word` out of the queue; their notifications go to `ntfn`. Returns how many. */
static unsigned queue_take(struct bucket *b, uint32_t *word, unsigned max, tn_cptr_t *ntfn)
{
    unsigned taken = 0;

    tn_spin_lock(&b->lock);
    for (struct node *n = b->first, *next; n != NULL && taken < max; n = next) {
        next = n->next;
        if (n->word == word) {
            queue_remove(b, n);
            ntfn[taken++] = n->ntfn;
            tn_store_release(&n->state, NODE_WOKEN); /* the last touch; pairs with: node_wait */
        }
    }
    tn_spin_unlock(&b->lock);
    return taken;
}

unsigned tn_futex_wake(uint32_t *word, unsigned count)
{
    struct bucket *b = bucket_of(word);
    tn_cptr_t ntfn[WAKE_BATCH];
    unsigned woken = 0, taken;

    do {
        unsigned max = count - woken < WAKE_BATCH ? count - woken : WAKE_BATCH;
        taken = max == 0 ? 0 : queue_take(b, word, max, ntfn);
        for (unsigned i = 0; i < taken; i++) {
            (void)!tn_signal(ntfn[i]); /* the thread may be gone by now: nobody left to wake */
        }
        woken += taken;
    } while (taken == WAKE_BATCH);
    return woken;
}
