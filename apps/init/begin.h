/* Steps 1 and 2 of init (main.c), for every program that stands in its place: memory, device tree, initrd, the
 * description, the watcher. */
#pragma once
#include "overlay.h"
#include <tenon/bootinfo.h>

/* Whatever is wrong ends the run with a line that says what. `system` stays where it is. */
void begin(struct system *system, struct cpio *initrd, const struct tn_bootinfo *info);
