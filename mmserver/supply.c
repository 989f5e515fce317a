/* Filling a space; see supply.h. Called by process.c and elf_load.c. */
#include "supply.h"
#include <string.h>

#define COPY_AT_ONCE 16 /* pages filled before they are mapped in one transaction */
#define LEND_AT_ONCE 512

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What of [data_at, data_at + data_bytes) lies on the page at `address` goes to `frame`, which is zero. */
static void page_fill(uint8_t *frame, uint64_t address, uint64_t data_at, const uint8_t *data, uint64_t data_bytes)
{
    uint64_t from = address > data_at ? address : data_at;
    uint64_t to = least(address + TN_PAGE_BYTES, data_at + data_bytes);

    if (from < to) {
        memcpy(frame + (from - address), data + (from - data_at), to - from);
    }
}

/* Map frame[0 .. n) at `low`; those that are not mapped stay the caller's. *mapped: how many are. */
static enum ct_status map_frames(struct worker *w, struct client *c, uint64_t low, const paddr_t *frame, unsigned n,
                                 unsigned rights, unsigned *mapped)
{
    struct ct_cursor cursor;
    enum ct_status status = cursor_lock(&w->ct, c->space, (vaddr_t){low}, (vaddr_t){low + n * TN_PAGE_BYTES}, &cursor);

    *mapped = 0;
    if (status != CT_OK) {
        return status;
    }
    while (*mapped < n && status == CT_OK) {
        status = cursor_map(&cursor, frame[*mapped], rights);
        if (status == CT_OK) {
            ++*mapped;
        }
    }
    cursor_unlock(&cursor);
    return status;
}

enum ct_status supply_copy(struct worker *w, struct client *c, uint64_t low, uint64_t bytes, unsigned rights,
                           uint64_t data_at, const void *data, uint64_t data_bytes)
{
    enum ct_status status = CT_OK;

    for (uint64_t done = 0; done < bytes && status == CT_OK; done += COPY_AT_ONCE * TN_PAGE_BYTES) {
        paddr_t frame[COPY_AT_ONCE];
        unsigned want = (unsigned)least(COPY_AT_ONCE, (bytes - done) / TN_PAGE_BYTES), n = 0, mapped = 0;
        ct_worker_begin(&w->ct);
        for (; n < want && status == CT_OK; n++) {
            status = ct_frame_get(&w->ct, true, &frame[n]);
            if (status != CT_OK) {
                break;
            }
            page_fill(port_frame(frame[n]), low + done + n * TN_PAGE_BYTES, data_at, data, data_bytes);
        }
        if (status == CT_OK) {
            status = map_frames(w, c, low + done, frame, n, rights, &mapped);
        }
        while (n > mapped) {
            ct_frame_put(&w->ct, frame[--n]);
        }
        ct_worker_end(&w->ct);
    }
    return status;
}

enum ct_status supply_mark(struct worker *w, struct client *c, uint64_t low, uint64_t bytes, ct_word_t word)
{
    struct ct_cursor cursor;

    ct_worker_begin(&w->ct);
    enum ct_status status = cursor_lock(&w->ct, c->space, (vaddr_t){low}, (vaddr_t){low + bytes}, &cursor);
    if (status == CT_OK) {
        status = cursor_mark(&cursor, bytes, word);
        cursor_unlock(&cursor);
    }
    ct_worker_end(&w->ct);
    return status;
}

enum ct_status supply_initrd(struct worker *w, struct client *c, uint64_t low, uint64_t page, uint64_t pages)
{
    enum ct_status status = CT_OK;

    for (uint64_t done = 0; done < pages && status == CT_OK; done += LEND_AT_ONCE) {
        struct ct_cursor cursor;
        uint64_t n = least(LEND_AT_ONCE, pages - done), at = low + done * TN_PAGE_BYTES;
        ct_worker_begin(&w->ct);
        status = cursor_lock(&w->ct, c->space, (vaddr_t){at}, (vaddr_t){at + n * TN_PAGE_BYTES}, &cursor);
        if (status == CT_OK) {
            for (uint64_t i = 0; i < n && status == CT_OK; i++) {
                uint64_t number = page + done + i;
                status = cursor_map_borrowed(&cursor, (paddr_t){server.initrd_paddr + number * TN_PAGE_BYTES},
                                             TN_SERVER_INITRD, number, TN_READ);
            }
            cursor_unlock(&cursor);
        }
        ct_worker_end(&w->ct);
    }
    return status;
}
