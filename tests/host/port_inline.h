/* The inline part of the core's port: on the host there is none, all is in corten_port.c. */
#pragma once
#include <corten/types.h>

void port_zero(paddr_t frame);
void port_relax(void);
