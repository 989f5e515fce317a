/* What fault.c and around.c share: the parts of a page fault between locking and unlocking. */
#pragma once
#include <corten/cursor.h>
#include <corten/table.h>

/* The fault at the position of c, whose range, the page or its group, is locked; unlocks. `frame`: zeroed, 0: there was
 * none. Errors of ct_fault(). */
enum ct_status ct_fault_serve(struct ct_cursor *c, paddr_t frame, unsigned rights, struct ct_page *page) CT_MUST_CHECK;

/* Puts `frame`, which is charged, at the position, and frames of the stock beside it in the locked range, as around.c
 * says. `leaf`: the table of the group, `word`: that of the position, whose translation is flushed where it has to be. */
void ct_around_map(struct ct_cursor *c, paddr_t leaf, uint64_t word, paddr_t frame);
