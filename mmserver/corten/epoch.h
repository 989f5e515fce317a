/* Epochs of workers, and unlinked tables that wait for them.
 *
 * A worker's epoch is odd while it serves a request. A walk without locks happens only then, so a table that was
 * unlinked can be seen only by requests that began before: begin() makes the epoch odd, full fence, then reads
 * entries; who retires clears the entry, full fence, then reads the epochs. Either he sees the other's odd epoch, or
 * the other sees the cleared entry.
 *
 * Retired tables go into the open list. When no list is sealed, the open one is sealed: every worker's epoch is noted.
 * When each that was odd has changed, no one can see the sealed tables any more; they join those that only wait for a
 * flush (flush.h) and go back to the stock with it.
 */
#pragma once
#include <corten/space.h>
#include <corten/table.h>

/* Worker with that index, or NULL if there is none yet. */
struct ct_worker *ct_worker_at(unsigned index);

/* A table that was unlinked and marked stale; all its entries are clear. generation: flush that must be done. */
void ct_epoch_retire(struct ct_worker *w, struct ct_space *s, paddr_t table, uint64_t generation);

/* Moves on what can move. force: flush where only a flush is missing. Returns the number of tables that wait for
 * epochs. Outside any request of this worker, whose own epoch would keep them. */
unsigned ct_epoch_advance(struct ct_worker *w, bool force);

/* Memory is short: flush for the tables that wait for nothing else. false: there are none. Anywhere. */
bool ct_epoch_reclaim(struct ct_worker *w);
