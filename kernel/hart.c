/* Harts: the array of them, and each one's short memory of what it did. */
#include "hart.h"
#include "csr.h"

struct hart *harts;
uint32_t hart_count;

void hart_event(const char *what, uint64_t a, uint64_t b)
{
    struct hart *h = hart_self();
    h->events[h->event_next++ % EVENT_RING] = (struct event){csr_read(time), what, a, b};
}
