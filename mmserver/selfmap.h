/* The server's own address space: windows over physical memory, stacks, the initrd.
 *
 * Tables of level 1 stand under the one that init made; those of level 0 under them. All of them are made at the start,
 * except those over views of table chunks, which come with the chunk (tables.c).
 */
#pragma once
#include <stdint.h>
#include <tenon/ptbatch.h>

/* Write `count` (at most SELF_RUNS_MAX) runs now, through the caller's IPC buffer `ipc`, whose batch the core may be
 * building: what is overwritten is put back. A refusal is a bug of the server. */
#define SELF_RUNS_MAX 16
void self_write(struct tn_ipc_buffer *ipc, const struct tn_pt_run *run, unsigned count);

/* Tables of level 1 over [address, address + bytes). At the start. 0: no memory. */
int self_cover_large(struct tn_ipc_buffer *ipc, uint64_t address, uint64_t bytes);

/* The same and tables of level 0 as well. At the start, once the frame pool works. */
int self_cover(struct tn_ipc_buffer *ipc, uint64_t address, uint64_t bytes);

/* Table of level 1, or 0, over the address, which has been covered. */
tn_cptr_t self_table_large(uint64_t address);
tn_cptr_t self_table(uint64_t address);

/* Map `pages` of `frame` from page `page` on at a covered address; splits the range at the tables. */
void self_map(struct tn_ipc_buffer *ipc, uint64_t address, tn_cptr_t frame, uint64_t page, uint64_t pages,
              unsigned rights);
