/* Whole requests, each one transaction, and the last of its request where CT_RIDE is given (worker.h, "Riding"). Between ct_worker_begin() and ct_worker_end(). Addresses and lengths come from
 * clients unchecked: everything is checked here. */
#pragma once
#include <corten/cursor.h>

enum ct_flags {
    CT_RIDE = 1,       /* all: writes may be left in the batch (worker.h, "Riding") */
    CT_FIXED = 2,      /* ct_map: exactly there, replacing what is there */
    CT_NO_REPLACE = 4, /* ct_map: exactly there, CT_EXISTS if anything is there */
    CT_POPULATE = 8,   /* ct_map: with frames, as far as there are any */
};

/* A page fault: a touch of the byte at va that needs `rights` (TN_READ, TN_WRITE or TN_EXEC, one of them).
 * CT_OK: the page is there now, the client may try again. CT_NOT_MAPPED, CT_DENIED (also guards; *page, if not NULL,
 * says what is there), CT_NO_MEMORY, CT_QUOTA, CT_RANGE (not a user address). */
enum ct_status ct_fault(struct ct_worker *w, struct ct_space *s, vaddr_t va, unsigned rights, unsigned flags,
                        struct ct_page *page) CT_MUST_CHECK;

/* The same where ct_config.around_pages is more than 1: pages beside it in its aligned group of so many, which are alike
 * and not there yet, come with it (around.c). Never rides. */
enum ct_status ct_fault_around(struct ct_worker *w, struct ct_space *s, vaddr_t va, unsigned rights,
                               struct ct_page *page) CT_MUST_CHECK;

/* Map bytes (rounded up to pages) with status `word` at `hint`. Without CT_FIXED or CT_NO_REPLACE the hint is used
 * where it is not 0 and free, any other free range otherwise. *out: where. CT_RANGE: bytes 0 or too many, or a fixed
 * address that is misaligned or not all user's. CT_EXISTS, CT_NO_ROOM, CT_NO_MEMORY, CT_QUOTA. */
enum ct_status ct_map(struct ct_worker *w, struct ct_space *s, vaddr_t hint, uint64_t bytes, ct_word_t word,
                      unsigned flags, vaddr_t *out) CT_MUST_CHECK;

/* Unmap bytes (rounded up) from va (page-aligned). Holes are no error. CT_RANGE, CT_NO_MEMORY, CT_QUOTA (splitting a
 * large mark may need a table). */
enum ct_status ct_unmap(struct ct_worker *w, struct ct_space *s, vaddr_t va, uint64_t bytes,
                        unsigned flags) CT_MUST_CHECK;

/* Change the rights of bytes (rounded up) from va (page-aligned). bytes 0: CT_OK. Errors of cursor_protect(). */
enum ct_status ct_protect(struct ct_worker *w, struct ct_space *s, vaddr_t va, uint64_t bytes, unsigned rights,
                          unsigned flags) CT_MUST_CHECK;
