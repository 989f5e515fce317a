/* Building and writing batches. See batch.h. */
#include <corten/batch.h>
#include <corten/flush.h>
#include <corten/stock.h>

#define LIST_MAX 8 /* a run of so many consecutive frames still becomes a list when a scattered one follows */

static uint64_t *batch_word(struct tn_pt_batch *b, uint32_t i)
{
    return (uint64_t *)b + i;
}

/* A new run at the end, with room for so many words. */
static inline struct tn_pt_run *new_run(struct ct_cursor *c, paddr_t table, tn_cptr_t object, struct shape shape,
                                        uint32_t words)
{
    struct ct_worker *w = c->worker;
    struct tn_pt_batch *b = w->batch;
    if (ct_unlikely(b->runs == TN_PT_RUNS_MAX || w->words_used + words > w->batch_words))
        ct_batch_write(c);
    struct tn_pt_run *run = &b->run[b->runs];
    atomic_store_relaxed(&b->runs, b->runs + 1);
    run_set(run, port_desc(table)->cap, object, shape, 0);
    return run;
}

/* Frees what a clearing run took out. */
static unsigned free_old(struct ct_cursor *c, const uint64_t *old, unsigned count, uint64_t generation)
{
    unsigned freed = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!tn_pte_is_leaf(old[i]) || (old[i] & PTE_BORROWED))
            continue;
        ct_limbo_put(c->worker, c->space, pte_table(old[i]), generation);
        freed++;
    }
    return freed;
}

void ct_batch_write(struct ct_cursor *c)
{
    struct ct_worker *w = c->worker;
    struct tn_pt_batch *b = w->batch;
    unsigned entries = 0, freed = 0;
    __atomic_thread_fence(
        __ATOMIC_RELEASE); /* what new tables hold, before they are linked. pairs with: pte_read_acquire */
    uint32_t runs = b->runs;
    port_pt_write(w->index, b);
    uint64_t generation = w->writes_old ? generation_now(c->space) : 0;
    for (uint32_t i = 0; i < runs; i++) {
        const struct tn_pt_run *run = &b->run[i];
        entries += run->count;
        if (run->flags & TN_PT_OLD)
            freed += free_old(c, batch_word(b, run->out), run->count, generation);
    }
    if (freed) {
        share_add(&c->share->frames, -(int64_t)freed);
        space_uncharge(w, c->space, freed);
    }
    share_count(c->share, MM_PT_WRITES, entries);
    share_count(c->share, MM_PT_BATCHES, 1);
    w->words_used = CT_BATCH_WORDS_FIRST;
    w->writes_old = false;
}

void ct_batch_clear(struct ct_cursor *c, paddr_t table, unsigned first, unsigned count, bool free)
{
    struct shape shape = run_shape(first, count, TN_PT_CLEAR, 0, 0, free ? TN_PT_OLD : 0);
    struct tn_pt_run *run = new_run(c, table, 0, shape, free ? count : 0);
    if (free) {
        run->out = c->worker->words_used;
        c->worker->words_used += count;
        c->worker->writes_old = true;
    }
}

void ct_batch_link(struct ct_cursor *c, paddr_t table, unsigned index, paddr_t child)
{
    new_run(c, table, port_desc(child)->cap, run_shape(index, 1, TN_PT_LINK, 0, 0, 0), 0);
}

/* Whether an entry can be added to the run: same table, capability and rights, next index. */
static bool run_continues(const struct tn_pt_run *run, tn_cptr_t table, tn_cptr_t cap, unsigned index, unsigned rights,
                          unsigned soft)
{
    return (run->op == TN_PT_MAP || run->op == TN_PT_MAP_LIST) && run->table == table && run->object == cap &&
           run->first + run->count == index && run->rights == rights && run->soft == soft;
}

/* A run of consecutive frames becomes a list, whose words stand last in the batch. */
static bool run_to_list(struct ct_worker *w, struct tn_pt_run *run)
{
    if (run->op == TN_PT_MAP_LIST)
        return w->words_used < w->batch_words;
    if (run->count > LIST_MAX || w->words_used + run->count + 1u > w->batch_words)
        return false;
    run->op = TN_PT_MAP_LIST;
    run->in = w->words_used;
    for (unsigned i = 0; i < run->count; i++)
        *batch_word(w->batch, w->words_used++) = run->page + i;
    return true;
}

/* Adds the entry to the last run, if it fits. */
static bool extend_run(struct ct_worker *w, paddr_t table, unsigned index, tn_cptr_t cap, uint64_t page,
                       unsigned rights, unsigned soft)
{
    struct tn_pt_run *run = &w->batch->run[w->batch->runs - 1];
    if (!run_continues(run, port_desc(table)->cap, cap, index, rights, soft))
        return false;
    if (run->op != TN_PT_MAP || run->page + run->count != page) {
        if (!run_to_list(w, run))
            return false;
        *batch_word(w->batch, w->words_used++) = page;
    }
    run->count++;
    return true;
}

void ct_batch_map(struct ct_cursor *c, paddr_t table, unsigned index, tn_cptr_t cap, uint64_t page, unsigned rights,
                  unsigned soft)
{
    if (c->worker->batch->runs && extend_run(c->worker, table, index, cap, page, rights, soft))
        return;
    new_run(c, table, cap, run_shape(index, 1, TN_PT_MAP, rights, soft, 0), 0)->page = page;
}

void ct_batch_protect(struct ct_cursor *c, paddr_t table, unsigned first, unsigned count, tn_cptr_t cap,
                      unsigned rights, unsigned soft)
{
    new_run(c, table, cap, run_shape(first, count, TN_PT_PROTECT, rights, soft, 0), 0);
}
