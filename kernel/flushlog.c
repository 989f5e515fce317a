/* The log of each hart's TLB. See flushlog.h.
 *
 * since[asid] = tick at which the hart first loaded the space after its last flush of it; 0, or before `everything`: it holds
 * nothing of it. A translation taken back at tick w may be in the TLB only if since <= w and no flush of its address began
 * after w. Flushes of addresses stand in a ring; what has fallen out of it counts as having covered everything (benefit of
 * the doubt, so that the check has no false alarms).
 */
#include "flushlog.h"

#if TENON_DEBUG
#include "bootmem.h"
#include "csr.h"
#include "mmu.h"
#include "panic.h"
#include "platform.h"

#define ASIDS 1024 /* spaces with a greater ASID count as `many` */
#define RANGES 128
#define PROMISES (3 * FLUSH_RING) /* what the box holds, what is just being served, and room */

struct flushed {
    uint64_t began;
    struct flush_request r;
};

struct log {
    uint32_t busy;
    uint32_t range_next, promise_count;
    uint64_t everything; /* when the last flush of everything began */
    uint64_t loaded;     /* ASID */
    uint64_t forgotten;  /* the last flush that fell out of the ring */
    uint64_t absence;    /* ASID + 1 that must be flushed before user code runs; 0: none */
    bool shared;         /* a space without an ASID was loaded and not flushed since */
    bool loaded_any;
    struct flushed range[RANGES], promise[PROMISES];
    uint64_t since[ASIDS];
};

static struct log *logs;
static uint64_t clock_ticks;

void flushlog_init(void)
{
    logs = bootmem_alloc(platform.hart_count * sizeof(struct log), CACHE_LINE);
    clock_ticks = 1;
}

uint64_t flushlog_tick(void)
{
    return __atomic_fetch_add(&clock_ticks, 1, __ATOMIC_SEQ_CST);
}

static struct log *log_open(const struct hart *h)
{
    struct log *l = &logs[h->index];
    while (exchange_acquire(&l->busy, 1) != 0) /* pairs with: log_close */
        cpu_relax();
    return l;
}

static void log_close(struct log *l)
{
    store_release(&l->busy, 0); /* pairs with: log_open */
}

static bool is_whole(struct flush_request r)
{
    return r.pages == 0 || r.pages > FLUSH_PAGES_MAX;
}

void flushlog_loads(struct hart *h, uint64_t satp)
{
    struct log *l = log_open(h);
    uint64_t asid = satp >> SATP_ASID_SHIFT & SATP_ASID_MASK;
    l->loaded = asid;
    if (satp != kernel_satp) {
        l->loaded_any = true;
        l->shared |= asid == 0;
        if (asid < ASIDS && l->since[asid] <= l->everything)
            l->since[asid] = flushlog_tick();
    }
    log_close(l);
}

void flushlog_did(struct flush_request r, uint64_t began)
{
    struct log *l = log_open(hart_self());
    if (r.asid == 0) {
        l->everything = began;
        l->shared = false;
        if (l->loaded < ASIDS)
            l->since[l->loaded] = l->loaded == 0 ? 0 : began + 1;
    } else if (is_whole(r)) {
        if (r.asid < ASIDS)
            l->since[r.asid] = l->loaded == r.asid ? began + 1 : 0;
    } else {
        struct flushed *slot = &l->range[l->range_next++ % RANGES];
        l->forgotten = slot->began > l->forgotten ? slot->began : l->forgotten;
        *slot = (struct flushed){began, r};
    }
    if (r.asid == 0 || (is_whole(r) && r.asid + 1 == l->absence))
        l->absence = 0;
    log_close(l);
}

static bool covers(const struct flushed *f, const struct stale *s)
{
    if (f->began <= s->when)
        return false;
    if (f->r.asid == 0)
        return true;
    if (f->r.asid != s->asid || s->many)
        return false;
    return is_whole(f->r) || (!s->is_link && s->va - f->r.va.v < f->r.pages * TN_PAGE_BYTES);
}

static bool any_covers(const struct flushed *f, uint32_t count, const struct stale *s)
{
    for (uint32_t i = 0; i < count; i++)
        if (covers(&f[i], s))
            return true;
    return false;
}

/* The hart has flushed it, or cannot have seen it. Log open. */
static bool is_clean(const struct log *l, const struct stale *s)
{
    if (l->everything > s->when || !l->loaded_any)
        return true;
    if (s->many || s->asid >= ASIDS)
        return false;
    uint64_t since = l->since[s->asid];
    if (since <= l->everything || since > s->when)
        return true;
    return !s->is_link && (l->forgotten > s->when || any_covers(l->range, RANGES, s));
}

int flushlog_holder(const struct stale *s)
{
    int holder = -1;
    for (uint32_t i = 0; i < hart_count && holder < 0; i++) {
        struct log *l = log_open(hart_at(i));
        if (!is_clean(l, s) && !any_covers(l->promise, l->promise_count, s))
            holder = (int)i;
        log_close(l);
    }
    return holder;
}

int flushlog_asid_holder(uint64_t asid)
{
    int holder = -1;
    for (uint32_t i = 0; i < hart_count && holder < 0 && asid < ASIDS; i++) {
        struct log *l = log_open(hart_at(i));
        struct stale s = {.when = l->since[asid], .asid = (uint16_t)asid, .is_link = true};
        if (l->since[asid] > l->everything && !any_covers(l->promise, l->promise_count, &s))
            holder = (int)i;
        log_close(l);
    }
    return holder;
}

/* What was promised has been done since. Log open. */
static bool is_kept(const struct log *l, const struct flushed *p)
{
    bool whole = is_whole(p->r);
    for (uint64_t page = 0; page < (whole ? 1 : p->r.pages); page++) {
        struct stale s = {.when = p->began,
                          .va = p->r.va.v + page * TN_PAGE_BYTES,
                          .asid = (uint16_t)p->r.asid,
                          .many = p->r.asid == 0,
                          .is_link = whole};
        if (!is_clean(l, &s))
            return false;
    }
    return true;
}

/* A hart that wakes and sleeps again keeps promises without leaving its idle loop: they make room. */
static void drop_kept(struct log *l)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->promise_count; i++)
        if (!is_kept(l, &l->promise[i]))
            l->promise[kept++] = l->promise[i];
    l->promise_count = kept;
}

void flushlog_promise(struct hart *to, struct flush_request r)
{
    struct log *l = log_open(to);
    if (l->promise_count == PROMISES)
        drop_kept(l);
    if (l->promise_count == PROMISES) { /* more than the box holds: it becomes everything */
        l->promise_count = 0;
        r = (struct flush_request){0, {0}, 0};
    }
    l->promise[l->promise_count++] = (struct flushed){flushlog_tick(), r};
    log_close(l);
}

void flushlog_idle_over(struct hart *h)
{
    struct log *l = log_open(h);
    for (uint32_t i = 0; i < l->promise_count; i++)
        if (!is_kept(l, &l->promise[i]))
            panic("flush account: hart %u leaves its idle loop without the flush of asid %lu, %lu pages at 0x%lx",
                  h->index, l->promise[i].r.asid, l->promise[i].r.pages, l->promise[i].r.va.v);
    l->promise_count = 0;
    log_close(l);
}

void flushlog_saw_absence(uint64_t asid)
{
    struct log *l = log_open(hart_self());
    l->absence = asid + 1;
    log_close(l);
}

void flushlog_check_entry(struct hart *h)
{
    const struct log *l = &logs[h->index];
    if (l->absence != 0)
        panic("flush account: user code went on without a flush of asid %lu, whose entry had been invalid",
              l->absence - 1);
    if (l->shared)
        panic("flush account: user code ran in a space without an ASID before the one before it was flushed");
}
#endif
