/* The pools of 4 KiB frames behind the workers' stocks, one a worker, so that workers whose clients take about as much as
 * they give back share nothing. Filled with chunks of 2 MiB, each mapped in the server's linear map by one leaf. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <corten/types.h>
#include <tenon/message.h>

/* Room for chunks at physical addresses low .. high - 1; takes the first. 0: too little memory. `ipc` is the
 * caller's. */
int frames_init(struct tn_ipc_buffer *ipc, uint64_t low, uint64_t high);

/* At the start, by one thread: zeroed memory in one physical piece, a multiple of 64 bytes long, aligned to 64 (to 4
 * KiB if longer than that); it stays for ever. NULL: too little memory. */
void *frames_heap(uint64_t bytes);

/* The server starts to serve: what the heap has left of its last page is not used. */
void frames_heap_end(void);

/* As port_frames_get and port_frames_put, for the worker that calls and whose buffer `ipc` is. Take the lock of its pool;
 * get: where that is empty, also those of others, one after the other. */
unsigned frames_get(struct tn_ipc_buffer *ipc, unsigned worker, paddr_t *out, unsigned want, bool *zeroed);
void frames_put(unsigned worker, const paddr_t *in, unsigned count);

/* Whether the frame is one of the pools', in a stock or given out. */
bool frames_has(paddr_t frame);

uint64_t frames_free_pages(void);
