/* Three files of the core with faults under a switch. See corten_broken.h. Linked in the place of the three; while no
 * switch is on, each macro is the function that it stands for. */
#include "corten_broken.h"
#include <corten/batch.h>
#include <corten/cursor_in.h>
#include <corten/flush.h>
#include <corten/lock.h>
#include <corten/map.h>
#include <corten/request.h>
#include <corten/reserve.h>
#include <corten/stock.h>

enum broken corten_broken;

#define UNLESS(fault, undoing) (corten_broken == (fault) ? (void)0 : (undoing))

#define ct_stock_put(w, frame) UNLESS(BROKEN_RESERVE_FRAME, ct_stock_put((w), (frame)))
#define space_uncharge(w, s, n) UNLESS(BROKEN_RESERVE_CHARGE, space_uncharge((w), (s), (n)))
#include <corten/reserve.c>
#undef ct_stock_put
#undef space_uncharge

#define stock_untake_zeroed(w, frame) UNLESS(BROKEN_FAULT_FRAME, stock_untake_zeroed((w), (frame)))
#define space_uncharge(w, s, n) UNLESS(BROKEN_FAULT_CHARGE, space_uncharge((w), (s), (n)))
#include <corten/fault.c>
#undef stock_untake_zeroed
#undef space_uncharge

#define space_uncharge(w, s, n) UNLESS(BROKEN_MAP_CHARGE, space_uncharge((w), (s), (n)))
#include <corten/map.c>
