/* init's first steps; see begin.h. */
#include "begin.h"
#include "finish.h"
#include "memory.h"
#include "scratch.h"
#include "watch.h"

static void open_inputs(const struct tn_bootinfo *info, struct dt *tree, struct cpio *initrd)
{
    int error = dt_open(tree, (const void *)TN_INIT_DTB, info->dtb_bytes);

    if (error != DT_OK) {
        fail("device tree: %s at offset %u", dt_strerror(error), tree->bad_at);
    }
    finish_init(tree);
    error = cpio_open(initrd, (const void *)TN_INIT_INITRD, info->initrd_bytes);
    if (error != CPIO_OK) {
        fail("initrd: %s at offset %lu", cpio_strerror(error), initrd->bad_at);
    }
}

void begin(struct system *system, struct cpio *initrd, const struct tn_bootinfo *info)
{
    struct dt tree;

    memory_init(info);
    scratch_init(info->levels);
    open_inputs(info, &tree, initrd);
    overlay_read(system, &tree, initrd, info->harts);
    watch_start(system);
}
