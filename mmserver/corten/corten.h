/* The CortenMM core: page tables plus one word of metadata an entry are the whole address space (SOSP'25, section 3).
 *
 *     request.h   whole requests: ct_fault, ct_map, ct_unmap, ct_protect         a server needs little more
 *     cursor.h    transactions: lock a range, then query, find_next, map, mark, protect, unmap, populate; unlock
 *     space.h     address spaces: create, destroy, quota, counters
 *     worker.h    the thread that runs transactions: stocks of frames and tables, epochs, the batch
 *     port.h      what the environment supplies
 *     types.h     statuses, page states
 *
 *     config.h    what is chosen at boot: ct_init()
 */
#pragma once
#include <corten/config.h>
#include <corten/cursor.h>
#include <corten/port.h>
#include <corten/request.h>
#include <corten/space.h>
#include <corten/types.h>
#include <corten/worker.h>
