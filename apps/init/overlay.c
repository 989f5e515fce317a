/* Reading /tenon; see overlay.h. Pointers in the plans lead into the device tree and the initrd, which stay. */
#include "overlay.h"
#include "finish.h"
#include "print.h"
#include <string.h>

#define USER_END (1ull << 38) /* programs must fit into the smallest address space there is */
#define DEFAULT_SERVER "mmserver"
#define AROUND_PAGES_MAX 64u

struct reader {
    const struct dt *tree;
    const struct cpio *initrd;
    unsigned harts;
    struct system *system;
};

static const char *const server_properties[] = {"compatible",         "program", "protocol", "flush", "memory-bytes",
                                                "fault-around-pages", NULL};
static const char *const client_properties[] = {"compatible",  "program",     "args",          "input",  "harts",
                                                "quota-bytes", "max-threads", "kill-after-ms", "expect", NULL};
static const char *const common_properties[] = {"status",      "phandle", "reg", "#address-cells",
                                                "#size-cells", "name",    NULL};

static int is_one_of(const char *name, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(name, *list) == 0) {
            return 1;
        }
    }
    return 0;
}

static void check_properties(const struct reader *r, int node, const char *const *known)
{
    struct dt_prop p;

    for (int more = dt_prop_first(r->tree, node, &p); more == DT_OK; more = dt_prop_next(r->tree, &p)) {
        if (!is_one_of(p.name, known) && !is_one_of(p.name, common_properties)) {
            fail("%s: unknown property '%s'", dt_name(r->tree, node), p.name);
        }
    }
}

/* A string that must be there, unless there is a default. */
static const char *need_string(const struct reader *r, int node, const char *name, const char *absent)
{
    struct dt_prop p;

    if (dt_prop(r->tree, node, name, &p) != DT_OK) {
        if (absent == NULL) {
            fail("%s: property '%s' is missing", dt_name(r->tree, node), name);
        }
        return absent;
    }
    const char *value = dt_string(r->tree, node, name, 0);
    if (value == NULL || p.bytes != strlen(value) + 1) {
        fail("%s: %s: must be one string", dt_name(r->tree, node), name);
    }
    return value;
}

static uint64_t optional_u64(const struct reader *r, int node, const char *name, uint64_t limit)
{
    uint64_t value = 0;
    int error = dt_u64(r->tree, node, name, &value);

    if (error == DT_NOT_FOUND) {
        return 0;
    }
    if (error != DT_OK || value == 0 || value > limit) {
        fail("%s: %s: must be a number from 1 to %lu", dt_name(r->tree, node), name, limit);
    }
    return value;
}

/* Index of `value` among the words of `choices`, separated by blanks. */
static unsigned choice(const char *where, const char *what, const char *value, const char *first, const char *second)
{
    if (strcmp(value, first) == 0) {
        return 0;
    }
    if (strcmp(value, second) != 0) {
        fail("%s: %s '%s': must be %s or %s", where, what, value, first, second);
    }
    return 1;
}

/* ---- boot arguments ---- */

static int word_is(const char *word, size_t length, const char *name)
{
    return length > strlen(name) && memcmp(word, name, strlen(name)) == 0;
}

/* A decimal number; ~0: it is none. */
static uint64_t boot_number(const char *text)
{
    uint64_t number = 0;
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 9 || text[digits] != 0) {
        return ~0ull;
    }
    for (; *text != 0; text++) {
        number = number * 10 + (uint64_t)(*text - '0');
    }
    return number;
}

static uint32_t around_pages(const char *where, uint64_t pages)
{
    if (pages == 0 || pages > AROUND_PAGES_MAX || (pages & (pages - 1)) != 0) {
        fail("%s: fault-around pages: must be a power of two up to %u", where, AROUND_PAGES_MAX);
    }
    return (uint32_t)pages;
}

static void boot_argument(struct system *s, const char *word, size_t length)
{
    char value[32];
    const char *equals = memchr(word, '=', length);
    size_t n = equals != NULL ? length - (size_t)(equals + 1 - word) : 0;

    int ours = word_is(word, length, "mm=") || word_is(word, length, "flush=") || word_is(word, length, "around=") ||
               word_is(word, length, "leave-out-flush=");
    if (equals == NULL || n >= sizeof value || !ours) {
        return; /* the kernel's */
    }
    memcpy(value, equals + 1, n);
    value[n] = 0;
    for (uint32_t i = 0; i < s->servers; i++) {
        if (word[0] == 'l') {
            strncpy(s->server[i].leave_out_flush, value, TN_SERVER_FLUSH_NAME - 1);
        } else if (word[0] == 'm') {
            s->server[i].protocol =
                choice("boot arguments", "mm", value, "user-adv", "user-rw") ? SERVER_PROTOCOL_RW : SERVER_PROTOCOL_ADV;
        } else if (word[0] == 'a') {
            s->server[i].around_pages = around_pages("boot arguments", boot_number(value));
        } else {
            s->server[i].flush =
                choice("boot arguments", "flush", value, "lazy", "now") ? SERVER_FLUSH_NOW : SERVER_FLUSH_LAZY;
        }
    }
}

static void read_boot_arguments(const struct reader *r)
{
    int chosen = dt_find_path(r->tree, "/chosen");
    const char *word = chosen < 0 ? NULL : dt_string(r->tree, chosen, "bootargs", 0);

    while (word != NULL && *word != 0) {
        size_t length = strcspn(word, " ");
        boot_argument(r->system, word, length);
        word += length + strspn(word + length, " ");
    }
}

/* ---- programs and files ---- */

static void need_program(const struct reader *r, const char *node, const char *name, struct elf *elf)
{
    struct cpio_file file;

    if (cpio_find(r->initrd, name, &file) != CPIO_OK) {
        fail("%s: program '%s': not in the initrd", node, name);
    }
    int error = elf_open(elf, file.data, file.bytes, USER_END);
    if (error != ELF_OK) {
        fail("%s: program '%s': %s", node, name, elf_strerror(error));
    }
}

static void need_file(const struct reader *r, const char *node, const char *name)
{
    struct cpio_file file;

    if (cpio_find(r->initrd, name, &file) != CPIO_OK) {
        fail("%s: input '%s': not in the initrd", node, name);
    }
}

/* ---- clients ---- */

static void text_add(struct client_plan *c, const char *string)
{
    size_t bytes = strlen(string) + 1;

    if (bytes > sizeof c->spawn.text - c->spawn.text_bytes) {
        fail("%s: program, input and arguments: together longer than %lu bytes", c->node, sizeof c->spawn.text);
    }
    memcpy(c->spawn.text + c->spawn.text_bytes, string, bytes);
    c->spawn.text_bytes += (uint32_t)bytes;
}

static void read_arguments(const struct reader *r, int node, struct client_plan *c)
{
    struct dt_prop p;
    const char *argument;

    text_add(c, c->program); /* argv[0] */
    c->spawn.argc = 1;
    if (dt_prop(r->tree, node, "args", &p) != DT_OK) {
        return;
    }
    for (uint32_t i = 0; (argument = dt_string(r->tree, node, "args", i)) != NULL; i++) {
        text_add(c, argument);
        c->spawn.argc++;
    }
    if (c->spawn.argc == 1 && p.bytes != 0) {
        fail("%s: args: must be a list of strings", c->node);
    }
}

static void read_harts(const struct reader *r, int node, struct client_plan *c)
{
    struct dt_prop p;
    uint32_t hart;

    if (dt_prop(r->tree, node, "harts", &p) != DT_OK) {
        return;
    }
    if (p.bytes == 0 || p.bytes % 4 != 0) {
        fail("%s: harts: must be a list of hart indexes", c->node);
    }
    for (uint32_t i = 0; dt_cell(&p, i, &hart) == DT_OK; i++) {
        if (hart >= r->harts || hart >= 128) {
            fail("%s: harts: there is no hart %u; the system has %u", c->node, hart, r->harts);
        }
        c->spawn.hart_mask[hart / 64] |= 1ull << (hart % 64);
    }
}

static void read_expect(const struct reader *r, int node, struct client_plan *c)
{
    const char *expect = need_string(r, node, "expect", "exit 0");

    c->expect = MM_END_EXIT;
    if (strcmp(expect, "fault") == 0) {
        c->expect = MM_END_FAULT;
    } else if (strcmp(expect, "killed") == 0) {
        c->expect = MM_END_KILLED;
    } else {
        const char *digit = expect + strlen("exit ");
        size_t digits = strncmp(expect, "exit ", 5) == 0 ? strspn(digit, "0123456789") : 0;
        if (digits == 0 || digits > 9 || digit[digits] != 0) {
            fail("%s: expect '%s': must be \"exit N\", \"fault\" or \"killed\"", c->node, expect);
        }
        for (; *digit != 0; digit++) {
            c->expect_status = c->expect_status * 10 + (uint64_t)(*digit - '0');
        }
    }
}

static void read_client(const struct reader *r, int node, struct client_plan *c)
{
    struct elf elf;

    check_properties(r, node, client_properties);
    c->node = dt_name(r->tree, node);
    c->program = need_string(r, node, "program", NULL);
    const char *input = need_string(r, node, "input", "");
    need_program(r, c->node, c->program, &elf);
    if (input[0] != 0) {
        need_file(r, c->node, input);
    }
    text_add(c, c->program);
    text_add(c, input);
    read_arguments(r, node, c);
    read_harts(r, node, c);
    read_expect(r, node, c);
    c->spawn.quota_bytes = optional_u64(r, node, "quota-bytes", 1ull << 56);
    c->spawn.max_threads = optional_u64(r, node, "max-threads", 1024);
    c->kill_after_ms = (uint32_t)optional_u64(r, node, "kill-after-ms", 1ull << 31);
    c->spawn_words = (unsigned)((offsetof(struct mm_spawn, text) + c->spawn.text_bytes + 7) / 8);
}

/* ---- servers ---- */

/* The number behind '@' in a node's name; nodes without one come last. */
static uint64_t unit_address(const char *name)
{
    const char *digit = strchr(name, '@');
    uint64_t address = 0;

    if (digit == NULL) {
        return ~0ull;
    }
    for (digit++; *digit != 0; digit++) {
        uint64_t value = *digit >= 'a' ? (uint64_t)(*digit - 'a' + 10) : (uint64_t)(*digit - '0');
        address = address * 16 + value;
    }
    return address;
}

/* By unit address: merging an overlay turns the order of its nodes round. Bytes of one plan: `bytes`; its first member
 * is the name. */
static void sort_plans(void *plans, uint32_t count, size_t bytes, void *spare)
{
    uint8_t *base = plans;

    for (uint32_t i = 1; i < count; i++) {
        memcpy(spare, base + i * bytes, bytes);
        uint64_t address = unit_address(*(const char *const *)spare);
        uint32_t k = i;
        while (k > 0 && unit_address(*(const char *const *)(base + (k - 1) * bytes)) > address) {
            memcpy(base + k * bytes, base + (k - 1) * bytes, bytes);
            k--;
        }
        memcpy(base + k * bytes, spare, bytes);
    }
}

static void read_clients(const struct reader *r, int node, struct server_plan *s)
{
    static struct client_plan spare;
    struct system *system = r->system;

    s->first_client = system->clients;
    for (int child = dt_first_child(r->tree, node); child >= 0; child = dt_next_sibling(r->tree, child)) {
        if (!dt_is_compatible(r->tree, child, "tenon,client")) {
            fail("%s/%s: not compatible with \"tenon,client\"", s->node, dt_name(r->tree, child));
        }
        if (!dt_is_enabled(r->tree, child)) {
            continue;
        }
        if (system->clients == CLIENTS_MAX) {
            fail("%s/%s: more than %u clients", s->node, dt_name(r->tree, child), CLIENTS_MAX);
        }
        read_client(r, child, &system->client[system->clients++]);
        s->clients++;
    }
    sort_plans(&system->client[s->first_client], s->clients, sizeof spare, &spare);
}

static void read_server(const struct reader *r, int node, struct server_plan *s)
{
    check_properties(r, node, server_properties);
    s->node = dt_name(r->tree, node);
    s->program = need_string(r, node, "program", DEFAULT_SERVER);
    s->protocol = choice(s->node, "protocol", need_string(r, node, "protocol", "adv"), "adv", "rw")
                      ? SERVER_PROTOCOL_RW
                      : SERVER_PROTOCOL_ADV;
    s->flush = choice(s->node, "flush", need_string(r, node, "flush", "lazy"), "lazy", "now") ? SERVER_FLUSH_NOW
                                                                                              : SERVER_FLUSH_LAZY;
    s->memory_bytes = optional_u64(r, node, "memory-bytes", 1ull << 56);
    uint64_t around = optional_u64(r, node, "fault-around-pages", AROUND_PAGES_MAX);
    s->around_pages = around_pages(s->node, around != 0 ? around : 1);
    need_program(r, s->node, s->program, &s->elf);
    read_clients(r, node, s);
}

void overlay_read(struct system *system, const struct dt *tree, const struct cpio *initrd, unsigned harts)
{
    static struct server_plan spare;
    const struct reader r = {tree, initrd, harts, system};
    int tenon = dt_find_path(tree, "/tenon");

    if (tenon < 0) {
        fail("device tree: no node /tenon: no system is described");
    }
    for (int node = dt_first_child(tree, tenon); node >= 0; node = dt_next_sibling(tree, node)) {
        if (!dt_is_compatible(tree, node, "tenon,memserver")) {
            fail("%s: not compatible with \"tenon,memserver\"", dt_name(tree, node));
        }
        if (!dt_is_enabled(tree, node)) {
            continue;
        }
        if (system->servers == SERVERS_MAX) {
            fail("%s: more than %u memory servers", dt_name(tree, node), SERVERS_MAX);
        }
        read_server(&r, node, &system->server[system->servers++]);
    }
    sort_plans(system->server, system->servers, sizeof spare, &spare);
    if (system->clients == 0) {
        fail("device tree: /tenon: no client");
    }
    read_boot_arguments(&r);
}
