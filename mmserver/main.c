/* The server's start, in order:
 *
 *  1. check the start page                         5. initrd into the own space
 *  2. slots, share of memory                       6. core, clients' records
 *  3. linear map of frames, frame pool, heap       7. workers, Gate
 *  4. windows over tables, table pool              8. tell init; become the worker of hart 0
 *
 * One thread runs here, on init's stack and IPC buffer. What cannot be done for lack of memory is told to init, which
 * ends the run with a line that says so. */
#include "client.h"
#include "frames.h"
#include "layout.h"
#include "panic.h"
#include "selfmap.h"
#include "share.h"
#include "slots.h"
#include "tables.h"
#include <corten/flushsite.h>
#include <tenon/invoke_stubs.h>

struct server server;

static struct tn_ipc_buffer *const ipc = (struct tn_ipc_buffer *)TN_SERVER_IPC_BUFFER;

static _Noreturn void start_failed(enum server_failure why, uint64_t detail)
{
    (void)!tn_send(TN_SERVER_READY, tn_info(SERVER_FAILED, 0, 2), why, detail, 0, 0);
    server_panic("init did not end the run, failure", why);
}

/* 0, or which check failed. */
static unsigned start_check(const struct server_start *start)
{
    if (start->magic != TN_SERVER_START_MAGIC) {
        return 1;
    }
    if (start->harts == 0 || start->harts > TN_HARTS_MAX) {
        return 2;
    }
    if (start->levels < 3 || start->levels > CT_LEVELS_MAX) {
        return 3;
    }
    if (start->untyped_count == 0 || start->untyped_count > TN_SERVER_UNTYPED_MAX) {
        return 4;
    }
    for (uint32_t i = 0; i < start->untyped_count; i++) {
        const struct server_untyped *u = &start->untyped[i];
        if (u->size_bits < TN_PAGE_BITS || u->size_bits > TN_UNTYPED_BITS_MAX ||
            u->paddr + (1ull << u->size_bits) > TN_SERVER_PADDR_END) {
            return 5;
        }
    }
    return 0;
}

/* Physical range that has all chunks of the share; false: there is none. */
static bool chunk_range(const struct server_start *start, uint64_t *low, uint64_t *high)
{
    *low = ~0ull;
    *high = 0;
    for (uint32_t i = 0; i < start->untyped_count; i++) {
        const struct server_untyped *u = &start->untyped[i];
        uint64_t end = u->paddr + (1ull << u->size_bits);
        if (u->size_bits < CHUNK_BITS) {
            continue;
        }
        *low = u->paddr < *low ? u->paddr : *low;
        *high = end > *high ? end : *high;
    }
    return *high != 0;
}

/* Step 5. */
static bool initrd_map(const struct server_start *start)
{
    uint64_t pages = (start->initrd_bytes + TN_PAGE_BYTES - 1) / TN_PAGE_BYTES;
    unsigned bits;

    if (pages == 0) {
        return true;
    }
    server_must(tn_frame_address(TN_SERVER_INITRD, &server.initrd_paddr, &bits), "initrd's address");
    if (!self_cover(ipc, TN_SERVER_INITRD_BASE, pages * TN_PAGE_BYTES)) {
        return false;
    }
    self_map(ipc, TN_SERVER_INITRD_BASE, TN_SERVER_INITRD, 0, pages, TN_READ);
    server.initrd = (const uint8_t *)TN_SERVER_INITRD_BASE;
    return true;
}

/* Step 6, the core. */
static bool core_init(const struct server_start *start)
{
    uint64_t user_end = 1ull << (11 + 9 * start->levels);
    const struct ct_config config = {
        .levels = start->levels,
        .workers = start->harts,
        .protocol = start->protocol == SERVER_PROTOCOL_RW ? CT_PROTOCOL_RW : CT_PROTOCOL_ADV,
        .flush = start->flush == SERVER_FLUSH_NOW ? CT_FLUSH_NOW : CT_FLUSH_LAZY,
        .arena_low = {CLIENT_ARENA_LOW},
        .arena_high = {client_arena_high(user_end)},
        .around_pages = start->around_pages,
    };

    (void)ct_flush_leave_out(start->leave_out_flush); /* a name that is none of ours is one of the kernel's */
    return ct_init(&config) == CT_OK;
}

static bool memory_init(const struct server_start *start)
{
    uint64_t low, high;

    slots_init(TN_SERVER_FIRST_FREE, 1ull << start->cnode_bits);
    share_init(start);
    port_layout.view_base = TN_SERVER_VIEWS;
    port_layout.frame_base = TN_SERVER_FRAMES;
    port_layout.desc_base = TN_SERVER_DESCS;
    return chunk_range(start, &low, &high) && frames_init(ipc, low, high) && tables_init(ipc, low, high);
}

/* Step 8. */
static void tell_init(void)
{
    uint32_t slot = slots_take(1);

    if (slot == 0) {
        start_failed(SERVER_NO_MEMORY, 0);
    }
    server_must(tn_cnode_copy(TN_SERVER_CNODE, slot, server.gate, TN_WRITE | TN_GRANT), "administrator's Gate");
    ipc->caps[0] = slot;
    server_must(tn_send(TN_SERVER_READY, tn_info(SERVER_READY, 1, 0), 0, 0, 0, 0), "init does not listen");
}

_Noreturn void server_main(const struct server_start *start)
{
    unsigned bad = start_check(start);

    if (bad != 0) {
        start_failed(SERVER_BAD_START, bad);
    }
    server.start = start;
    server.harts = start->harts;
    if (!memory_init(start) || !initrd_map(start)) {
        start_failed(SERVER_NO_MEMORY, share_free_pages() * TN_PAGE_BYTES);
    }
    if (!core_init(start)) {
        start_failed(SERVER_BAD_START, 6);
    }
    if (!clients_init() || !workers_make(ipc)) {
        start_failed(SERVER_NO_MEMORY, share_free_pages() * TN_PAGE_BYTES);
    }
    frames_heap_end();
    workers_start();
    tell_init();
    worker_main(server.worker[0]);
}
