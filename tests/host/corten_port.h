/* The core's port over plain memory, for tests: physical memory is one block of host memory, page-table writes are
 * atomic exchanges checked as strictly as the kernel does and more, and translations that may still be cached are kept
 * account of (corten_tlb.h). Any violation prints what and aborts: it is a bug of the core.
 */
#pragma once
#include <corten/corten.h>
#include <stddef.h>

#define PHYS_BASE 0x80000000ull
#define PHYS_FRAMES_BYTES (64ull << 20) /* chunks of frames, then chunks of tables */
#define PHYS_TABLES_BYTES (16ull << 20)
#define BORROWED_PAGES 64 /* the first frames are nobody's: to be mapped borrowed, READ and EXEC */
#define BORROWED_CAP 0xb0ull
#define WORKERS 4

/* A fresh machine and ct_init(), with fault-around of port_around pages (1 unless a test says otherwise); workers 0 .. WORKERS - 1 are in port_worker(). */
extern unsigned port_around;
void port_start(unsigned levels, enum ct_protocol protocol, enum ct_flush_policy flush);
struct ct_worker *port_worker(unsigned index);

/* A space in storage number `index` (0 .. 2), made by worker w; with another handle each time. */
struct ct_space *port_space(struct ct_worker *w, unsigned index, uint64_t quota_pages);

/* That storage, zeroed when it is asked for first after port_start(). */
struct ct_space *port_space_storage(unsigned index);

/* Takes the space apart and releases it. */
void port_space_end(struct ct_worker *w, struct ct_space *s);

/* Drains all workers and checks that every frame and table is back: nothing leaked. */
void port_check_nothing_lost(void);

/* Frames (tables) that can still be handed out: n; ~0: all there are. */
void port_limit(uint64_t frames, uint64_t tables);

/* From now on the n-th (0 = next) request for frames or tables, and all after it, give nothing. ~0: none fails. */
void port_fail_from(uint64_t n);

/* The same, but only the n-th fails. */
void port_fail_only(uint64_t n);

/* From now on only this worker's requests count and fail; ~0: those of all, as after port_start(). */
void port_fail_worker(unsigned index);

/* Called before each request that fails, by the worker that makes it, without the pools' lock. NULL: nothing. */
extern void (*port_before_failure)(void);

/* Requests since one of the two was called last, and what is called at each that fails (NULL: nothing), with the pools'
 * lock held. */
uint64_t port_requests(void);
extern void (*port_on_failure)(void);

/* Frames and tables that belong to no space: in the pools, and in the stocks and limbo of all workers. Nothing runs. */
void port_free(uint64_t *frames, uint64_t *tables);

/* The kernel writes what rides on the worker's reply (TN_SYS_PT_REPLY_RECV). */
void port_reply(struct ct_worker *w);

/* Called once, before the next batch is written: what others may do at the worst moment. NULL: nothing. */
extern void (*port_before_write)(void);

/* Calls so far. */
extern uint64_t port_writes, port_flushes;

_Noreturn void port_fail(const char *what, uint64_t a, uint64_t b);
#define CHECK(condition, a, b) ((condition) ? (void)0 : port_fail(#condition, (uint64_t)(a), (uint64_t)(b)))

/* Numbers that repeat: xorshift64*. The seed is SEED of the environment or else the time, and is printed with the
 * command that repeats the run. */
uint64_t test_seed(const char *program);
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1dull;
}
static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
    return (random_next(state) >> 11) % n;
}
