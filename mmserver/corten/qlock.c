/* Queue lock, contended paths. See qlock.h. */
#include <corten/qlock.h>

struct node {
    uint64_t next; /* the waiter behind this one */
    uint64_t wait; /* 1 until the lock is handed over */
};

static uint64_t await_next(uint64_t *next)
{
    uint64_t n;
    while ((n = atomic_load_acquire(next)) == 0) /* pairs with: enqueue */
        port_relax();
    return n;
}

/* Stands in the queue behind prev (a node, or the lock itself) until the lock is handed over. */
static void enqueue(struct ct_desc *d, uint64_t prev, struct node *n)
{
    uint64_t *prev_next = prev == (uint64_t)(uintptr_t)d ? &d->next : &((struct node *)(uintptr_t)prev)->next;
    atomic_store_release(prev_next, (uint64_t)(uintptr_t)n); /* pairs with: await_next */
    while (atomic_load_acquire(&n->wait))                    /* pairs with: ct_qlock_unlock_slow */
        port_relax();
}

/* Now holder: the node leaves the queue, whatever is behind it becomes the lock's first waiter. */
static void leave(struct ct_desc *d, struct node *n)
{
    uint64_t behind = atomic_load_acquire(&n->next); /* pairs with: enqueue */
    if (behind == 0) {
        uint64_t tail = (uint64_t)(uintptr_t)n;
        atomic_store_relaxed(&d->next, 0);
        /* Release: `next` = 0 must be seen before somebody puts himself there. Pairs with: ct_qlock_lock_slow. */
        if (atomic_cas_acqrel(&d->tail, &tail, (uint64_t)(uintptr_t)d))
            return;
        behind = await_next(&n->next);
    }
    atomic_store_relaxed(&d->next, behind);
}

void ct_qlock_lock_slow(struct ct_desc *d, uint64_t node[2])
{
    struct node *n = (struct node *)node;
    for (;;) {
        uint64_t prev = atomic_load_relaxed(&d->tail);
        if (prev == 0) {
            if (atomic_cas_acquire(&d->tail, &prev, (uint64_t)(uintptr_t)d)) /* pairs with: qlock_unlock */
                return;
            continue;
        }
        atomic_store_relaxed(&n->next, 0);
        atomic_store_relaxed(&n->wait, 1);
        /* Release: the node's fields before it can be found. Acquire: prev's, before its `next` is written. */
        if (!atomic_cas_acqrel(&d->tail, &prev, (uint64_t)(uintptr_t)n))
            continue;
        enqueue(d, prev, n);
        leave(d, n);
        return;
    }
}

void ct_qlock_unlock_slow(struct ct_desc *d)
{
    struct node *first = (struct node *)(uintptr_t)await_next(&d->next);
    atomic_store_release(&first->wait, 0); /* pairs with: enqueue */
}
