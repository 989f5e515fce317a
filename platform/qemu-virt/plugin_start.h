/* The start of a plug-in: does it fit this QEMU, and what was it told? What is wrong goes to stderr, with the plug-in's name. */
#pragma once
#include "plugin.h"

/* `set` returns false where the value makes no sense. The setters below take the type that stands behind them. */
struct plugin_option {
    const char *name; /* with its '=' */
    bool (*set)(const char *value, void *to);
    void *to;
};

bool plugin_number(const char *value, void *to); /* uint64_t; decimal, or hexadecimal after 0x */
bool plugin_file(const char *value, void *to);   /* FILE *, opened to write to */
bool plugin_text(const char *value, void *to);   /* char *, a copy */

/* false: refused, and said why. */
bool plugin_start(const char *plugin, const qemu_info_t *info, int harts_max, int argc, char **argv,
                  const struct plugin_option *options, size_t count);

/* For qemu_plugin_install(): says why and returns what QEMU takes for a refusal. */
int plugin_refuse(const char *plugin, const char *why);
