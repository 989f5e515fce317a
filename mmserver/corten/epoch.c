/* Epochs and retired tables. See epoch.h. */
#include <corten/epoch.h>
#include <corten/flush.h>
#include <corten/stock.h>

#define PASSED_MAX 32 /* tables kept waiting for somebody else's flush; more: flush */

static void push(struct ct_limbo_tables *list, paddr_t table)
{
    port_desc(table)->limbo_next = list->head;
    list->head = table.v;
    list->count++;
}

void ct_epoch_retire(struct ct_worker *w, struct ct_space *s, paddr_t table, uint64_t generation)
{
    struct ct_desc *d = port_desc(table);
    d->space = s;
    d->generation = generation;
    push(&w->limbo_open, table);
}

static void seal(struct ct_worker *w)
{
    atomic_fence_full(); /* pairs with: ct_worker_begin */
    for (unsigned i = 0; i < ct_config.workers; i++) {
        struct ct_worker *other = ct_worker_at(i);
        w->seal[i] = other ? atomic_load_acquire(&other->epoch) : 0;
    }
    w->limbo_sealed = w->limbo_open;
    w->limbo_open = (struct ct_limbo_tables){0, 0};
}

/* Every worker that was in a request at sealing has ended it. */
static bool seal_passed(const struct ct_worker *w)
{
    for (unsigned i = 0; i < ct_config.workers; i++) {
        if (!(w->seal[i] & 1))
            continue;
        if (atomic_load_acquire(&ct_worker_at(i)->epoch) == w->seal[i]) /* pairs with: ct_worker_end */
            return false;
    }
    return true;
}

/* Tables that only a flush keeps: those whose flush is done go to the stock, the others stay. */
static void release_passed(struct ct_worker *w, bool force)
{
    struct ct_limbo_tables list = w->limbo_passed;
    w->limbo_passed = (struct ct_limbo_tables){0, 0};
    while (list.head) {
        paddr_t table = {list.head};
        struct ct_desc *d = port_desc(table);
        list.head = d->limbo_next;
        if (force && !generation_is_done(d->space, d->generation))
            ct_space_flush(w, d->space, CT_FLUSH_TABLES);
        if (generation_is_done(d->space, d->generation))
            ct_stock_put_table(w, table);
        else
            push(&w->limbo_passed, table);
    }
}

bool ct_epoch_reclaim(struct ct_worker *w)
{
    if (w->limbo_passed.count == 0)
        return false;
    release_passed(w, true);
    return true;
}

unsigned ct_epoch_advance(struct ct_worker *w, bool force)
{
    if (w->limbo_sealed.count && seal_passed(w)) {
        while (w->limbo_sealed.head) {
            paddr_t table = {w->limbo_sealed.head};
            w->limbo_sealed.head = port_desc(table)->limbo_next;
            push(&w->limbo_passed, table);
        }
        w->limbo_sealed.count = 0;
        release_passed(w, force || w->limbo_passed.count >= PASSED_MAX);
    }
    if (w->limbo_sealed.count == 0 && w->limbo_open.count)
        seal(w);
    if (force && w->limbo_passed.count)
        release_passed(w, true);
    return w->limbo_sealed.count + w->limbo_open.count;
}
