/* Address spaces: making, taking apart, counting. See space.h. */
#include <corten/batch.h>
#include <corten/cursor_in.h>
#include <corten/epoch.h>
#include <corten/flush.h>
#include <corten/mark.h>
#include <corten/reserve.h>
#include <corten/ride.h>
#include <corten/stock.h>

#define UNLIMITED (INT64_MAX / 4)
#define DESTROY_LEAVES 16 /* leaf tables taken apart in one step of ct_space_destroy() */

uint64_t ct_space_bytes(void)
{
    return sizeof(struct ct_space) + ct_config.workers * sizeof(struct ct_share);
}

static uint64_t peak_mask(void)
{
    uint64_t every = 16;
    while (every < 16ull * ct_config.workers)
        every *= 2;
    return every - 1;
}

enum ct_status ct_space_create(struct ct_worker *w, struct ct_space *s, uint64_t handle, uint64_t quota_pages)
{
    unsigned level = ct_config.levels - 1;
    if (!stock_has_tables(w, level, 1))
        return CT_NO_MEMORY;
    if (s->done == 0)
        s->started = s->done = 1; /* the first life of this storage; generation 0 is done for ever */
    paddr_t root = ct_stock_take_table(w, level);
    struct ct_desc *d = port_desc(root);
    d->stale = 0;
    d->meta = 0;
    d->fill = CT_NONE;
    atomic_store_relaxed(&d->pending, 0);
    for (unsigned i = 0; i < ct_config.workers; i++)
        s->share[i] = (struct ct_share){0};
    s->handle = handle;
    s->quota_pages = quota_pages;
    s->budget = quota_pages && quota_pages < UNLIMITED ? (int64_t)quota_pages : UNLIMITED;
    s->stealing = 0;
    s->peak_mask = peak_mask();
    s->root = root;
    return CT_OK;
}

/* The first link of a table, below `limit`; limit if there is none. */
static unsigned first_link(paddr_t table, unsigned limit)
{
    unsigned i = 0;
    while (i < limit && !tn_pte_is_link(pte_read(table, i)))
        i++;
    return i;
}

/* Unlinks the first table that has no links itself, somewhere under the root. false: the root has no link left. */
static bool unlink_one(struct ct_cursor *c)
{
    paddr_t parent = c->space->root;
    unsigned index = first_link(parent, TN_PT_ENTRIES / 2); /* the other half is the kernel's */
    if (index == TN_PT_ENTRIES / 2)
        return false;
    for (;;) {
        paddr_t child = table_enter(c, pte_read(parent, index));
        unsigned below = port_desc(child)->level ? first_link(child, TN_PT_ENTRIES) : TN_PT_ENTRIES;
        if (below == TN_PT_ENTRIES) {
            ct_table_unlink(c, parent, index, child);
            batch_settle(c);
            return true;
        }
        parent = child;
        index = below;
    }
}

enum ct_status ct_space_destroy(struct ct_worker *w, struct ct_space *s)
{
    struct ct_cursor c;
    cursor_open(w, s, 0, ct_user_end(), &c);
    c.exclusive = true;
    bool more = true;
    for (unsigned n = 0; more && n < DESTROY_LEAVES; n++)
        more = unlink_one(&c);
    if (!more) {
        struct ct_desc *d = port_desc(s->root);
        ct_words_free(&c, d);
        d->fill = CT_NONE;
    }
    ct_cursor_commit(&c);
    if (more)
        return CT_MORE;
    /* Frames of a clear that rode and is not numbered yet may still ask the space for its numbers: its storage stays. */
    ct_space_flush(w, s, CT_FLUSH_DESTROY);
    return CT_OK;
}

void ct_space_release(struct ct_worker *w, struct ct_space *s)
{
    uint64_t out[MM_COUNTERS];
    ct_space_stat(s, out);
    for (unsigned i = 0; i < MM_FRAMES_NOW; i++)
        counter_add(&w->retired[i], out[i]);
    port_desc(s->root)->stale = 1;
    ct_epoch_retire(w, s, s->root, 0);
    s->root.v = 0;
    for (unsigned i = 0; i < ct_config.workers; i++)
        s->share[i] = (struct ct_share){0};
}

void ct_space_look_for_peak(struct ct_space *s, struct ct_share *share)
{
    int64_t frames = 0, tables = 0;
    for (unsigned i = 0; i < ct_config.workers; i++) {
        frames += atomic_load_relaxed(&s->share[i].frames);
        tables += atomic_load_relaxed(&s->share[i].tables);
    }
    if (frames > share->frames_peak)
        atomic_store_relaxed(&share->frames_peak, frames);
    if (tables > share->tables_peak)
        atomic_store_relaxed(&share->tables_peak, tables);
}

void ct_share_stat(const struct ct_space *s, unsigned worker, uint64_t out[MM_COUNTERS])
{
    const struct ct_share *share = &s->share[worker];
    for (unsigned i = 0; i < MM_COUNTERS; i++)
        out[i] = atomic_load_relaxed(&share->count[i]);
    out[MM_FRAMES_NOW] = (uint64_t)atomic_load_relaxed(&share->frames);
    out[MM_TABLES_NOW] = (uint64_t)atomic_load_relaxed(&share->tables);
    out[MM_META_NOW] = (uint64_t)atomic_load_relaxed(&share->meta);
    out[MM_FRAMES_PEAK] = (uint64_t)atomic_load_relaxed(&share->frames_peak);
    out[MM_TABLES_PEAK] = (uint64_t)atomic_load_relaxed(&share->tables_peak);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void ct_space_stat(struct ct_space *s, uint64_t out[MM_COUNTERS])
{
    for (unsigned i = 0; i < MM_COUNTERS; i++)
        out[i] = 0;
    for (unsigned worker = 0; worker < ct_config.workers; worker++) {
        uint64_t one[MM_COUNTERS];
        ct_share_stat(s, worker, one);
        for (unsigned i = 0; i < MM_COUNTERS; i++) {
            bool peak = i == MM_FRAMES_PEAK || i == MM_TABLES_PEAK;
            out[i] = peak ? larger(out[i], one[i]) : out[i] + one[i];
        }
    }
    out[MM_TABLES_NOW] += 1; /* the root */
    out[MM_TABLES_PEAK] = larger(out[MM_TABLES_PEAK] + 1, out[MM_TABLES_NOW]);
    out[MM_FRAMES_PEAK] = larger(out[MM_FRAMES_PEAK], out[MM_FRAMES_NOW]);
}
