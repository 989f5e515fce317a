/* Making the leaf table for a page: shared by map.c and fault.c. */
#pragma once
#include <corten/cursor.h>

/* Makes the tables from *table, which is of this level (> 0) and has no link at the position, down to level 0; *table
 * is then that leaf. CT_NO_MEMORY, CT_QUOTA. */
enum ct_status ct_leaf_make(struct ct_cursor *c, paddr_t *table, unsigned level) CT_MUST_CHECK;
