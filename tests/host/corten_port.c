/* The core's port over plain memory. See corten_port.h.
 *
 * Capabilities: a table's is its physical address | 1 << 40; a chunk's is its physical address | 1 << 41.
 */
#include "corten_port.h"
#include "corten_tlb.h"
#include <corten/flushsite.h>
#include <corten/table.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define CAP_TABLE (1ull << 40)
#define CAP_CHUNK (1ull << 41)
#define CHUNKS ((PHYS_FRAMES_BYTES + PHYS_TABLES_BYTES) >> PORT_CHUNK_BITS)
#define FRAMES_COUNT (PHYS_FRAMES_BYTES >> 12)
#define TABLES_COUNT (PHYS_TABLES_BYTES >> 12)
#define SPACES 3
#define BATCH_BYTES (4 * 4096 - 1024)

struct port_layout port_layout;
uint64_t port_writes, port_flushes;
void (*port_before_write)(void);
void (*port_on_failure)(void), (*port_before_failure)(void);

static unsigned char *memory;
static unsigned char *descs;
static tn_cptr_t chunk_caps[CHUNKS];
static struct ct_worker workers[WORKERS];
static uint64_t batches[WORKERS][BATCH_BYTES / 8] __attribute__((aligned(64)));
static void *spaces[SPACES];

/* Pools, under one lock: the port's own. */
static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t frame_pool[FRAMES_COUNT], table_pool[CT_LEVELS_MAX][TABLES_COUNT], table_fresh;
static uint64_t frame_count, table_count[CT_LEVELS_MAX], frame_total;
static uint64_t frames_left, tables_left, requests, fail_first, fail_last;
static unsigned fail_worker = ~0u; /* ~0: any */

void port_fail(const char *what, uint64_t a, uint64_t b)
{
    fprintf(stderr, "corten: FAILED: %s: %#llx %#llx\n", what, (unsigned long long)a, (unsigned long long)b);
    fflush(stderr);
    abort();
}

void port_panic(const char *what, uint64_t value)
{
    port_fail(what, value, 0);
}

void port_relax(void)
{
    sched_yield();
}

uint64_t test_seed(const char *program)
{
    const char *given = getenv("SEED");
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t seed = given && *given ? strtoull(given, NULL, 0) : (uint64_t)t.tv_nsec ^ (uint64_t)t.tv_sec << 20;
    seed += seed == 0;
    fprintf(stderr, "# seed %llu; again: SEED=%llu %s\n", (unsigned long long)seed, (unsigned long long)seed, program);
    return seed;
}

static void *map_memory(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(p != MAP_FAILED, bytes, 0);
    return p;
}

/*--- A machine ---*/

static void pools_reset(void)
{
    frame_count = 0;
    for (uint64_t i = FRAMES_COUNT; i-- > BORROWED_PAGES;)
        frame_pool[frame_count++] = PHYS_BASE + (i << 12);
    frame_total = frame_count;
    memset(table_count, 0, sizeof table_count);
    table_fresh = 0;
    port_limit(~0ull, ~0ull);
    port_fail_from(~0ull);
    port_fail_worker(~0u);
}

unsigned port_around = 1;

void port_start(unsigned levels, enum ct_protocol protocol, enum ct_flush_policy flush)
{
    size_t phys_bytes = PHYS_FRAMES_BYTES + PHYS_TABLES_BYTES;
    if (!memory) {
        memory = map_memory(phys_bytes);
        descs = map_memory(phys_bytes / 64);
    }
    memset(memory, 0, phys_bytes);
    memset(memory + ((uint64_t)BORROWED_PAGES << 12), 0xa5, FRAMES_COUNT / 2 << 12); /* half of the frames are dirty */
    memset(descs, 0, phys_bytes / 64);
    for (uint64_t i = 0; i < CHUNKS; i++)
        chunk_caps[i] = (PHYS_BASE + (i << PORT_CHUNK_BITS)) | CAP_CHUNK;
    port_layout = (struct port_layout){
        .view_base = (uintptr_t)memory - PHYS_BASE,
        .frame_base = (uintptr_t)memory - PHYS_BASE,
        .desc_base = (uintptr_t)descs - PHYS_BASE / 64,
        .chunk_cap = chunk_caps,
        .chunk_first = PHYS_BASE >> PORT_CHUNK_BITS,
    };
    pools_reset();
    tlb_reset();
    struct ct_config config = {.levels = levels,
                               .workers = WORKERS,
                               .protocol = protocol,
                               .flush = flush,
                               .arena_low = {1ull << 32},
                               .arena_high = {1ull << 36},
                               .around_pages = port_around};
    const char *leave_out = getenv("TENON_LEAVE_OUT_FLUSH"); /* flush_tests.py: the account below has to notice */
    CHECK(leave_out == NULL || ct_flush_leave_out(leave_out), 0, 0);
    CHECK(ct_init(&config) == CT_OK, levels, 0);
    for (unsigned i = 0; i < WORKERS; i++)
        ct_worker_init(&workers[i], i, (struct tn_pt_batch *)batches[i], BATCH_BYTES);
    for (unsigned i = 0; i < SPACES; i++) {
        free(spaces[i]);
        spaces[i] = NULL;
    }
}

struct ct_worker *port_worker(unsigned index)
{
    return &workers[index];
}

struct ct_space *port_space_storage(unsigned index)
{
    if (!spaces[index]) {
        spaces[index] = aligned_alloc(64, ct_space_bytes());
        memset(spaces[index], 0, ct_space_bytes());
    }
    return spaces[index];
}

struct ct_space *port_space(struct ct_worker *w, unsigned index, uint64_t quota_pages)
{
    struct ct_space *s = port_space_storage(index);
    uint64_t handle = index + 1 == s->handle ? index + 1 + SPACES : index + 1; /* another one in each life */
    ct_worker_begin(w);
    CHECK(ct_space_create(w, s, handle, quota_pages) == CT_OK, index, 0);
    ct_worker_end(w);
    tlb_root(s->root.v, handle, ct_config.levels - 1);
    return s;
}

void port_space_end(struct ct_worker *w, struct ct_space *s)
{
    enum ct_status st;
    do {
        ct_worker_begin(w);
        st = ct_space_destroy(w, s);
        ct_worker_end(w);
    } while (st == CT_MORE);
    CHECK(st == CT_OK, st, 0);
    uint64_t stat[MM_COUNTERS];
    ct_space_stat(s, stat);
    CHECK(stat[MM_FRAMES_NOW] == 0, stat[MM_FRAMES_NOW], 0);
    CHECK(stat[MM_TABLES_NOW] == 1, stat[MM_TABLES_NOW], 0);
    CHECK(stat[MM_META_NOW] == 0, stat[MM_META_NOW], 0);
    int64_t pages = s->budget;
    for (unsigned i = 0; i < WORKERS; i++)
        pages += s->share[i].credit;
    CHECK(s->quota_pages == 0 || pages == (int64_t)s->quota_pages, pages, s->quota_pages);
    ct_worker_begin(w);
    ct_space_release(w, s);
    ct_worker_end(w);
}

void port_check_nothing_lost(void)
{
    for (unsigned i = 0; i < WORKERS; i++)
        CHECK(ct_worker_drain(&workers[i]) == 0, i, 0);
    CHECK(frame_count == frame_total, frame_count, frame_total);
    uint64_t tables = 0;
    for (unsigned level = 0; level < CT_LEVELS_MAX; level++)
        tables += table_count[level];
    CHECK(tables == table_fresh, tables, table_fresh);
}

/*--- Memory ---*/

void port_limit(uint64_t frames, uint64_t tables)
{
    frames_left = frames;
    tables_left = tables;
}

void port_fail_from(uint64_t n)
{
    requests = 0;
    fail_first = n;
    fail_last = ~0ull;
}

void port_fail_only(uint64_t n)
{
    requests = 0;
    fail_first = fail_last = n;
}

void port_fail_worker(unsigned index)
{
    fail_worker = index;
}

uint64_t port_requests(void)
{
    return requests;
}

void port_free(uint64_t *frames, uint64_t *tables)
{
    *frames = frame_count;
    *tables = TABLES_COUNT - table_fresh;
    for (unsigned level = 0; level < CT_LEVELS_MAX; level++)
        *tables += table_count[level];
    for (unsigned i = 0; i < WORKERS; i++) {
        const struct ct_worker *w = &workers[i];
        *frames += ct_worker_free_frames(w);
        *tables += w->limbo_open.count + w->limbo_sealed.count + w->limbo_passed.count;
        for (unsigned level = 0; level < CT_LEVELS_MAX; level++)
            *tables += w->tables_count[level];
    }
}

static bool fails(uint64_t number)
{
    return number >= fail_first && number <= fail_last;
}

/* A request is about to be made. The number is the worker's own where it matters here. */
static void before_request(unsigned worker)
{
    if (port_before_failure && worker == fail_worker && fails(requests))
        port_before_failure();
}

/* One request; false: it is to fail. */
static bool may_allocate(unsigned worker)
{
    if (fail_worker != ~0u && worker != fail_worker)
        return true;
    uint64_t number = requests++;
    bool may = !fails(number);
    if (!may && port_on_failure)
        port_on_failure();
    return may;
}

unsigned port_frames_get(unsigned worker, paddr_t *out, unsigned want, bool *zeroed)
{
    unsigned n = 0;
    before_request(worker);
    pthread_mutex_lock(&pool_lock);
    if (may_allocate(worker)) {
        for (; n < want && frame_count && frames_left; n++) {
            out[n].v = frame_pool[--frame_count];
            frames_left -= frames_left != ~0ull;
        }
    }
    pthread_mutex_unlock(&pool_lock);
    *zeroed = false;
    return n;
}

void port_frames_put(unsigned worker, const paddr_t *in, unsigned n)
{
    (void)worker;
    for (unsigned i = 0; i < n; i++)
        tlb_frame_reused(in[i].v);
    pthread_mutex_lock(&pool_lock);
    for (unsigned i = 0; i < n; i++)
        frame_pool[frame_count++] = in[i].v;
    pthread_mutex_unlock(&pool_lock);
}

static void check_table_is_clean(paddr_t table)
{
    for (unsigned i = 0; i < TN_PT_ENTRIES; i++)
        CHECK(atomic_load_relaxed(&port_view(table)[i]) == 0, table.v, i);
}

unsigned port_tables_get(unsigned worker, unsigned level, paddr_t *out, unsigned want)
{
    unsigned n = 0;
    before_request(worker);
    pthread_mutex_lock(&pool_lock);
    if (may_allocate(worker)) {
        for (; n < want && tables_left; n++) {
            if (table_count[level]) {
                out[n].v = table_pool[level][--table_count[level]];
            } else if (table_fresh < TABLES_COUNT) {
                out[n].v = PHYS_BASE + PHYS_FRAMES_BYTES + (table_fresh++ << 12);
                ct_table_adopt(out[n], level, out[n].v | CAP_TABLE);
            } else {
                break;
            }
            tables_left -= tables_left != ~0ull;
            check_table_is_clean(out[n]);
        }
    }
    pthread_mutex_unlock(&pool_lock);
    return n;
}

void port_tables_put(unsigned worker, unsigned level, const paddr_t *in, unsigned n)
{
    (void)worker;
    pthread_mutex_lock(&pool_lock);
    for (unsigned i = 0; i < n; i++) {
        check_table_is_clean(in[i]);
        tlb_table_reused(in[i].v);
        table_pool[level][table_count[level]++] = in[i].v;
    }
    pthread_mutex_unlock(&pool_lock);
}

void port_zero(paddr_t frame)
{
    tlb_frame_reused(frame.v);
    memset(port_frame(frame), 0, 4096);
}

tn_cptr_t port_borrowed_cap(paddr_t frame, unsigned rights, uint64_t *page)
{
    *page = (frame.v - PHYS_BASE) >> 12;
    return (rights & TN_WRITE) ? 0 : BORROWED_CAP;
}

/*--- Entries ---*/

/* Rights that a Frame capability gives, where it begins, how many pages it has. */
static unsigned frame_cap(tn_cptr_t cap, uint64_t *base, uint64_t *count)
{
    if (cap == BORROWED_CAP) {
        *base = PHYS_BASE;
        *count = BORROWED_PAGES;
        return TN_READ | TN_EXEC;
    }
    CHECK(cap & CAP_CHUNK, cap, 0);
    *base = cap & ~CAP_CHUNK;
    *count = 512;
    return TN_READ | TN_WRITE | TN_EXEC;
}

static uint64_t leaf_of(const struct tn_pt_run *run, uint64_t page)
{
    uint64_t base, count;
    unsigned may = frame_cap(run->object, &base, &count);
    CHECK(page < count, page, run->object);
    CHECK((run->rights & ~may) == 0 && run->rights != 0, run->rights, may);
    CHECK((run->rights & (TN_READ | TN_WRITE)) != TN_WRITE, run->rights,
          may); /* execute alone is a right that entries can have */
    return (base + (page << 12)) >> 12 << TN_PTE_PPN_SHIFT | (uint64_t)run->rights << 1 | TN_PTE_V | TN_PTE_U |
           TN_PTE_A | ((run->rights & TN_WRITE) ? TN_PTE_D : 0) | (uint64_t)run->soft << TN_PTE_SOFT_SHIFT;
}

static uint64_t protected_leaf(const struct tn_pt_run *run, uint64_t old)
{
    if (!tn_pte_is_leaf(old))
        return old;
    uint64_t base = 0, count = 0;
    unsigned may = run->object ? frame_cap(run->object, &base, &count) : 0;
    bool gains = (run->rights & ~(old >> 1 & 7)) != 0;
    bool inside = tn_pte_paddr(old) - base < count << 12;
    CHECK(!gains || (inside && (run->rights & ~may) == 0), old, run->object); /* the kernel would leave it as it is */
    return (old & ~(TN_PTE_RWX | 3ull << TN_PTE_SOFT_SHIFT)) | (uint64_t)run->rights << 1 |
           (uint64_t)run->soft << TN_PTE_SOFT_SHIFT;
}

/* Tells the account what an exchange did; the core may only put leaves and links where nothing is. */
static void account(paddr_t table, unsigned i, uint64_t old, uint64_t new)
{
    if (tn_pte_is_leaf(old) && !(new &TN_PTE_V))
        tlb_leaf_gone(table.v, i, tn_pte_paddr(old));
    else if (tn_pte_is_leaf(old) && (old & ~new &TN_PTE_RWX))
        tlb_leaf_weaker(table.v, i);
    else if (tn_pte_is_link(old) && !(new &TN_PTE_V))
        tlb_link_gone(table.v, i, tn_pte_paddr(old));
    CHECK(!(old & TN_PTE_V) || !(new &TN_PTE_V) || tn_pte_paddr(old) == tn_pte_paddr(new), old, new);
    CHECK(!(tn_pte_is_leaf(old) && (new &TN_PTE_V)) || !((old ^ new) & 1ull << TN_PTE_SOFT_SHIFT), old, new);
}

static uint64_t entry_for(const struct tn_pt_run *run, const uint64_t *words, unsigned k, unsigned level)
{
    switch (run->op) {
    case TN_PT_MAP:
        CHECK(level == 0, level, 0);
        return leaf_of(run, run->page + k);
    case TN_PT_MAP_LIST:
        CHECK(level == 0, level, 0);
        return leaf_of(run, words[run->in + k]);
    case TN_PT_LINK:
        CHECK((run->object & CAP_TABLE) && run->count == 1, run->object, run->count);
        CHECK(port_desc((paddr_t){run->object & ~CAP_TABLE})->level + 1u == level, level, run->object);
        return (run->object & ~CAP_TABLE) >> 12 << TN_PTE_PPN_SHIFT | TN_PTE_V;
    default:
        CHECK(run->op == TN_PT_CLEAR, run->op, 0);
        return 0;
    }
}

static void write_entry(const struct tn_pt_run *run, uint64_t *words, unsigned k)
{
    paddr_t table = {run->table & ~CAP_TABLE};
    unsigned i = run->first + k, level = port_desc(table)->level;
    volatile uint64_t *entry = (volatile uint64_t *)&port_view(table)[i];
    uint64_t old, new;
    CHECK(level + 1 < ct_config.levels || i < 256, level, i); /* the kernel's half of a root */
    if (run->op == TN_PT_PROTECT) {
        old = __atomic_load_n(entry, __ATOMIC_RELAXED);
        new = protected_leaf(run, old);
    } else {
        new = entry_for(run, words, k, level);
        old = __atomic_load_n(entry, __ATOMIC_RELAXED);
    }
    if (run->op == TN_PT_LINK)
        tlb_link(table.v, i, tn_pte_paddr(new));
    else if (tn_pte_is_leaf(new) && run->op != TN_PT_PROTECT && !run->soft)
        tlb_leaf_new(table.v, i, tn_pte_paddr(new));
    uint64_t was = __atomic_exchange_n(entry, new, __ATOMIC_ACQ_REL);
    CHECK(was == old, was, old); /* somebody else wrote this entry: no isolation */
    account(table, i, old, new);
    if (run->flags & TN_PT_OLD)
        words[run->out + k] = old;
}

void port_pt_write(unsigned worker, struct tn_pt_batch *batch)
{
    CHECK((uint64_t *)batch == batches[worker], worker, 0);
    if (port_before_write) {
        void (*once)(void) = port_before_write;
        port_before_write = NULL;
        once();
    }
    CHECK(batch->runs >= 1 && batch->runs <= TN_PT_RUNS_MAX, batch->runs, 0);
    for (uint32_t r = 0; r < batch->runs; r++) {
        const struct tn_pt_run *run = &batch->run[r];
        uint32_t end = (run->op == TN_PT_MAP_LIST ? run->in : run->out) + run->count;
        CHECK(run->count && run->first + run->count <= TN_PT_ENTRIES, run->first, run->count);
        CHECK((run->op != TN_PT_MAP_LIST && !(run->flags & TN_PT_OLD)) || end * 8 <= BATCH_BYTES, end, run->op);
        CHECK(!(run->table & ~CAP_TABLE & 0xfff) && (run->table & CAP_TABLE), run->table, 0);
        for (unsigned k = 0; k < run->count; k++)
            write_entry(run, batches[worker], k);
    }
    __atomic_store_n(&batch->runs, 0, __ATOMIC_RELEASE); /* others may be looking: ride.c, ride_is_over */
    __atomic_fetch_add(&port_writes, 1, __ATOMIC_RELAXED);
}

void port_reply(struct ct_worker *w)
{
    if (ct_worker_rides(w))
        port_pt_write(w->index, w->batch);
}

unsigned port_flush(unsigned worker, uint64_t handle, vaddr_t va, uint64_t pages)
{
    (void)worker;
    uint64_t start = tlb_flush_start();
    sched_yield(); /* others get in between */
    tlb_flush_end(start, handle, va.v, pages);
    __atomic_fetch_add(&port_flushes, 1, __ATOMIC_RELAXED);
    return 1;
}
