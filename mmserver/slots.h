/* Empty slots of the server's root CNode, handed out upwards; they never come back. */
#pragma once
#include <stdint.h>

void slots_init(uint32_t first, uint64_t end);

/* `count` consecutive slots, 0 if there are not so many. Any worker, any time. */
uint32_t slots_take(uint32_t count);
