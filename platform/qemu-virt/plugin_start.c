/* See plugin_start.h. */
#include "plugin_start.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int qemu_plugin_version = PLUGIN_API_VERSION;

int plugin_refuse(const char *plugin, const char *why)
{
    fprintf(stderr, "%s: %s\n", plugin, why);
    return -1;
}

bool plugin_number(const char *value, void *to)
{
    char *end;
    int base = strncmp(value, "0x", 2) == 0 ? 16 : 10;

    *(uint64_t *)to = strtoull(value, &end, base);
    return *end == '\0' && end != value;
}

bool plugin_file(const char *value, void *to)
{
    FILE *file = fopen(value, "w");

    *(FILE **)to = file;
    return file != NULL;
}

bool plugin_text(const char *value, void *to)
{
    char *copy = strdup(value);

    *(char **)to = copy;
    return copy != NULL;
}

static bool set_option(const char *argument, const struct plugin_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(options[i].name);
        if (strncmp(argument, options[i].name, length) == 0)
            return options[i].set(argument + length, options[i].to);
    }
    return false;
}

bool plugin_start(const char *plugin, const qemu_info_t *info, int harts_max, int argc, char **argv,
                  const struct plugin_option *options, size_t count)
{
    if (info->version.min > PLUGIN_API_VERSION || info->version.cur < PLUGIN_API_VERSION) {
        fprintf(stderr, "%s: made for version 1 of QEMU's interface for plug-ins, which this QEMU does not speak\n",
                plugin);
        return false;
    }
    if (!info->system_emulation || strcmp(info->target_name, "riscv64") != 0 || info->system.smp_vcpus > harts_max) {
        fprintf(stderr, "%s: made for qemu-system-riscv64 with %d hart%s at most\n", plugin, harts_max,
                harts_max == 1 ? "" : "s");
        return false;
    }
    for (int i = 0; i < argc; i++) {
        if (!set_option(argv[i], options, count)) {
            fprintf(stderr, "%s: '%s' is unknown, or its value cannot be used\n", plugin, argv[i]);
            return false;
        }
    }
    return true;
}
