/* The side of memory that only the frame itself uses. */
#pragma once
#include "check.h"

extern uint32_t kt_slot_buffers;                            /* Frame of all IPC buffers */
uint8_t *kt_buffer_page(unsigned page);                     /* where the main program sees page `page` of it */
uint32_t kt_pool_object(unsigned type, unsigned size_bits); /* lasts for ever; before the first test only */
/* Makes one Frame of the device Untyped that holds `paddr`, for kt_device_frame(); before the first test only. */
void kt_device_claim(uint64_t paddr);
/* Maps a device's page over an unused page of the buffers' window; NULL if no device Untyped holds it. */
void *kt_map_device(uint64_t paddr, unsigned window_index);
#define KT_WINDOW_FINISHER 511
