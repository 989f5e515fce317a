/* Taking tables apart: shared by cursor_mark() and ct_space_destroy(). Stamps. */
#pragma once
#include <corten/cursor.h>
#include <corten/table.h>

/* Empties a table and all below it (frames freed, words freed, entries cleared, in the batch), marks them stale and
 * puts them on c->removed. The table is owned and has been entered. */
void ct_table_strip(struct ct_cursor *c, paddr_t table);

/* Takes `child` out of entry `index` of parent and strips it. */
void ct_table_unlink(struct ct_cursor *c, paddr_t parent, unsigned index, paddr_t child);

/* Words in the range of a locked cursor that carry its stamp get that of `generation` instead; so do others that have it from
 * before, which costs their users a flush too many at worst. */
void ct_mark_restamp(struct ct_cursor *c, uint64_t generation);
