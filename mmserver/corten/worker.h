/* Workers: the threads that run transactions, one a hart. All a worker writes on a hot path is its own: stocks of
 * frames and tables, what it has freed and not yet reused, its epoch, its batch.
 *
 * Epochs. One request is one epoch. A table that was unlinked may still be walked (without locks, protocol ADV) by
 * requests that were running then; it is reused only when each worker has since ended the request it was in, and
 * every translation that could lead into it has been flushed.
 *
 * Riding. A request (request.h) with CT_RIDE may leave its page-table writes in the batch, for TN_SYS_PT_REPLY_RECV to
 * write while it replies; ride.h says which, and what keeps the transaction isolated though its locks are gone. Rules for
 * the server: after CT_RIDE nothing but ct_worker_end() may come between the request and the system call; if ct_worker_rides() is false there is nothing to write (plain REPLY_RECV saves time); if something
 * else has to be done first, call ct_worker_settle(); if the kernel refuses the batch, call ct_worker_ride_refused().
 */
#pragma once
#include <corten/atomic.h>
#include <corten/config.h>
#include <corten/flushsite.h>
#include <corten/port.h>
#include <tenon/mm_protocol.h>

struct ct_space;
struct ct_desc;

#define CT_STOCK_FRAMES 128 /* frames of each sort (zero, unknown content) a worker keeps */
#define CT_STOCK_BULK 64    /* moved at once from or to the environment */
#define CT_STOCK_TABLES 16  /* tables of each level */
#define CT_LIMBO_FRAMES 512 /* freed frames that await a flush; full: flush now */
/* From here on one is worth starting. It takes a while, so it starts with room left for what comes meanwhile; the other
 * workers whose frames it covers need none of their own. */
#define CT_LIMBO_EARLY (CT_LIMBO_FRAMES / 4 * 3)

/* Least size of a batch: runs, and old entries of one whole table. An IPC buffer of two pages is enough, four are
 * better. */
#define CT_BATCH_WORDS_FIRST (1 + TN_PT_RUNS_MAX * 5)
#define CT_BATCH_BYTES_MIN ((CT_BATCH_WORDS_FIRST + TN_PT_ENTRIES) * 8)

struct ct_limbo_frame {
    uint64_t paddr;
    struct ct_space *space; /* whose flush number `generation` must be done */
    uint64_t generation;
};

struct ct_limbo_tables {
    uint64_t head; /* physical address of the first, linked through descriptors; 0: none */
    uint32_t count;
};

struct ct_worker {
    /* Written by this worker, read by every other that retires tables: a line of its own. */
    uint64_t epoch __attribute__((aligned(CT_LINE))); /* odd: in a request */

    /* Node of the queue lock this worker waits for: one, since it waits for one lock at a time. */
    uint64_t qnode[2] __attribute__((aligned(CT_LINE)));

    /* From here on private. */
    unsigned index __attribute__((aligned(CT_LINE)));
    uint32_t share_offset; /* of this worker's struct ct_share in a struct ct_space, bytes */
    struct tn_pt_batch *batch;
    uint32_t batch_words;  /* size of the batch in words */
    uint32_t words_used;   /* words of it used by lists and old values */
    bool writes_old;       /* a run of the batch asks for old values */
    bool around;           /* ct_config.around_pages > 1: the server calls ct_fault_around() */
    paddr_t ride;          /* table with a pending run that rides on the reply (ride.h); 0: none */
    paddr_t ride_frame;    /* MAP: what it maps */
    uint32_t ride_cleared; /* CLEAR: so many of the newest frames in limbo do not have their flush number yet */
    struct ct_space *ride_space;

    unsigned read_depth; /* RW: tables read-locked above the covering one of the cursor that is locked */
    struct ct_desc *read_locked[CT_LEVELS_MAX];
    uint64_t arena_low, arena_end; /* where ct_map() of this worker looks first (varange.h) */
    uint32_t zeroed_count, dirty_count;
    uint32_t tables_count[CT_LEVELS_MAX];
    struct ct_limbo_tables limbo_open;   /* unlinked tables: since the last seal, */
    struct ct_limbo_tables limbo_sealed; /* waiting for other workers' epochs, */
    struct ct_limbo_tables limbo_passed; /* waiting for a flush only */
    uint32_t limbo_first, limbo_count;   /* ring of frames */
    uint64_t retired[MM_COUNTERS];       /* counters of spaces that are gone */
    uint64_t zeroed[CT_STOCK_FRAMES];
    uint64_t dirty[CT_STOCK_FRAMES];
    uint64_t tables[CT_LEVELS_MAX][CT_STOCK_TABLES];
    struct ct_limbo_frame limbo[CT_LIMBO_FRAMES];
    uint64_t seal[CT_WORKERS_MAX]; /* every worker's epoch when limbo_sealed was sealed */
    enum ct_flush_site flush_site; /* who asked for the last flush; debug builds */
};

/* Before the worker's first request, by any thread. `batch` has batch_bytes (at least CT_BATCH_BYTES_MIN) and is where
 * port_pt_write() of this worker takes writes from. *w must never move or go away. */
void ct_worker_init(struct ct_worker *w, unsigned index, struct tn_pt_batch *batch, uint32_t batch_bytes);

/* A request begins: what rode on the last reply is written; enters an epoch. Must stand before any other call. */
void ct_ride_over(struct ct_worker *w);
static inline void ct_worker_begin(struct ct_worker *w)
{
    atomic_store_relaxed(&w->epoch, w->epoch + 1);
    atomic_fence_full(); /* pairs with: seal. Our odd epoch before any entry we read. */
    if (ct_unlikely(w->ride_cleared))
        ct_ride_over(w);
    w->ride.v = 0;
}

/* A request ends, no cursor is locked: leaves the epoch, makes what has become free usable. */
void ct_worker_tidy(struct ct_worker *w);
static inline void ct_worker_end(struct ct_worker *w)
{
    atomic_store_release(&w->epoch, w->epoch + 1); /* pairs with: seal_passed */
    if (ct_unlikely(w->limbo_open.count | w->limbo_sealed.count))
        ct_worker_tidy(w);
}

/* Between requests, for instance before waiting: zero up to max_pages frames of the stock ahead. Returns how many. */
unsigned ct_worker_zero_ahead(struct ct_worker *w, unsigned max_pages);

/* Between requests: flush all that awaits a flush and give every frame and table that nobody can see any more back to
 * the environment; stocks are empty afterwards. Tables that a running request of another worker may still see stay:
 * returns their number (call again later; each call that finds the others idle or moved on twice leaves 0). For tests
 * and for counting leaks. */
unsigned ct_worker_drain(struct ct_worker *w);

/* 4 KiB frames in the worker's stock and limbo (any thread may ask; exact when the worker is idle). */
uint64_t ct_worker_free_frames(const struct ct_worker *w);

/* Riding, see above. settle: write the batch now, with a kernel entry of its own. refused: the kernel did not accept
 * the batch; the page stays unmapped and its frame goes back. */
static inline bool ct_worker_rides(const struct ct_worker *w)
{
    return w->ride.v != 0;
}
void ct_worker_settle(struct ct_worker *w);
void ct_worker_ride_refused(struct ct_worker *w);

/* A frame for the caller to fill before cursor_map(): any content, or zero. CT_NO_MEMORY. Costs the client's budget
 * nothing until it is mapped. frame_put: one that was not mapped goes back. */
enum ct_status ct_frame_get(struct ct_worker *w, bool zeroed, paddr_t *frame) CT_MUST_CHECK;
void ct_frame_put(struct ct_worker *w, paddr_t frame);
