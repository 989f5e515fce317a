/* Reader of flattened device trees; the contract is in boot/fdt.h.
 *
 * The structure block is a sequence of tokens, each 4-byte aligned:
 *
 *     BEGIN_NODE name\0 pad   PROP bytes name-offset value pad ...   child nodes ...   END_NODE   ...   END
 *
 * token_read() is the only function that reads the block. It checks that the token lies inside, so a walk ends at the
 * latest with the block, whatever the bytes are: every token is at least four bytes long. There are no locks; the tree
 * is only read.
 */
#include <boot/fdt.h>
#include <string.h>

enum { TOKEN_BEGIN = 1, TOKEN_END_NODE = 2, TOKEN_PROP = 3, TOKEN_NOP = 4, TOKEN_END = 9 };
enum { HEADER_BYTES = 40, MAGIC_WORD = 0xd00dfeed, VERSION = 17 };

struct token {
    uint32_t kind;
    uint32_t next;        /* offset of the token after it */
    uint32_t data_at;     /* PROP: offset of the value; BEGIN: of the name */
    uint32_t bytes;       /* PROP: of the value; BEGIN: of the name, terminator not counted */
    uint32_t name_offset; /* PROP: in the strings block */
};

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t be64(const uint8_t *p)
{
    return (uint64_t)be32(p) << 32 | be32(p + 4);
}

static const uint8_t *struct_block(const struct dt *t)
{
    return t->blob + t->struct_at;
}

/* The token at `at`; its length, but not a property's name, is checked. */
static int token_read(const struct dt *t, uint32_t at, struct token *k)
{
    uint64_t end = (uint64_t)at + 4;
    if (at % 4 != 0 || end > t->struct_bytes)
        return DT_TRUNCATED;
    *k = (struct token){.kind = be32(struct_block(t) + at)};
    if (k->kind == TOKEN_BEGIN) {
        const uint8_t *name = struct_block(t) + end;
        const uint8_t *zero = memchr(name, 0, t->struct_bytes - end);
        if (!zero)
            return DT_BAD_NAME;
        k->data_at = (uint32_t)end;
        k->bytes = (uint32_t)(zero - name);
        end += k->bytes + 1ull;
    } else if (k->kind == TOKEN_PROP) {
        if (end + 8 > t->struct_bytes)
            return DT_TRUNCATED;
        k->bytes = be32(struct_block(t) + end);
        k->name_offset = be32(struct_block(t) + end + 4);
        k->data_at = (uint32_t)end + 8;
        end += 8ull + k->bytes;
    } else if (k->kind != TOKEN_END_NODE && k->kind != TOKEN_NOP && k->kind != TOKEN_END) {
        return DT_BAD_TOKEN;
    }
    end = (end + 3) & ~3ull;
    if (end > t->struct_bytes)
        return DT_TRUNCATED;
    k->next = (uint32_t)end;
    return DT_OK;
}

/* The first token from `at` on that is not a NOP; `*at` becomes its offset. */
static int token_skip_nops(const struct dt *t, uint32_t *at, struct token *k)
{
    int error = token_read(t, *at, k);
    while (error == DT_OK && k->kind == TOKEN_NOP) {
        *at = k->next;
        error = token_read(t, *at, k);
    }
    return error;
}

/* The node's own token. A handle that names no node is NOT_FOUND. */
static int node_read(const struct dt *t, int node, struct token *k)
{
    if (node < 0 || token_read(t, (uint32_t)node, k) != DT_OK || k->kind != TOKEN_BEGIN)
        return DT_NOT_FOUND;
    return DT_OK;
}

/* A property's name, or NULL if it does not lie, terminated, in the strings block. */
static const char *prop_name(const struct dt *t, const struct token *k)
{
    if (k->name_offset >= t->strings_bytes)
        return NULL;
    const uint8_t *name = t->blob + t->strings_at + k->name_offset;
    return memchr(name, 0, t->strings_bytes - k->name_offset) ? (const char *)name : NULL;
}

static int bad(struct dt *t, int error, uint64_t at)
{
    t->bad_at = (uint32_t)at;
    return error;
}

static int block_is_inside(const struct dt *t, uint32_t at, uint32_t bytes, uint32_t align)
{
    return at >= HEADER_BYTES && at % align == 0 && (uint64_t)at + bytes <= t->total_bytes;
}

static int header_check(struct dt *t, const uint8_t *blob, size_t max_bytes)
{
    if (max_bytes < HEADER_BYTES)
        return bad(t, DT_TRUNCATED, 0);
    if (be32(blob) != MAGIC_WORD)
        return bad(t, DT_BAD_MAGIC, 0);
    t->total_bytes = be32(blob + 4);
    t->struct_at = be32(blob + 8);
    t->strings_at = be32(blob + 12);
    t->reserve_at = be32(blob + 16);
    t->boot_hart = be32(blob + 28);
    t->strings_bytes = be32(blob + 32);
    t->struct_bytes = be32(blob + 36);
    if (be32(blob + 20) < VERSION || be32(blob + 24) > VERSION)
        return bad(t, DT_BAD_VERSION, 20);
    if (t->total_bytes > max_bytes)
        return bad(t, DT_TRUNCATED, 4);
    if (t->total_bytes < HEADER_BYTES || t->total_bytes > DT_BLOB_BYTES_MAX)
        return bad(t, DT_BAD_HEADER, 4);
    if (!block_is_inside(t, t->struct_at, t->struct_bytes, 4))
        return bad(t, DT_BAD_HEADER, 8);
    if (!block_is_inside(t, t->strings_at, t->strings_bytes, 1))
        return bad(t, DT_BAD_HEADER, 12);
    if (!block_is_inside(t, t->reserve_at, 0, 8))
        return bad(t, DT_BAD_HEADER, 16);
    return DT_OK;
}

static int reservations_check(struct dt *t)
{
    for (uint64_t at = t->reserve_at; at + 16 <= t->total_bytes; at += 16, t->reserve_count++)
        if (be64(t->blob + at) == 0 && be64(t->blob + at + 8) == 0)
            return DT_OK;
    return bad(t, DT_BAD_RESERVATION, t->reserve_at);
}

/* What may follow what: `depth` is how many nodes are open, `props_allowed` that no child has come yet. */
static int grammar_step(struct dt *t, const struct token *k, uint32_t *depth, int *props_allowed, uint32_t *roots)
{
    switch (k->kind) {
    case TOKEN_BEGIN:
        if (*depth == DT_DEPTH_MAX || (*depth == 0 && ++*roots > 1))
            return DT_BAD_NESTING;
        if (*depth > 0 && k->bytes == 0)
            return DT_BAD_NAME;
        ++*depth;
        *props_allowed = 1;
        return DT_OK;
    case TOKEN_END_NODE:
        if (*depth == 0)
            return DT_BAD_NESTING;
        --*depth;
        *props_allowed = 0;
        return DT_OK;
    case TOKEN_PROP: {
        if (!*props_allowed)
            return DT_BAD_TOKEN;
        const char *name = prop_name(t, k);
        return name && *name ? DT_OK : DT_BAD_NAME;
    }
    default:
        return DT_OK;
    }
}

static int structure_check(struct dt *t)
{
    struct token k;
    uint32_t at = 0, depth = 0, roots = 0;
    int props_allowed = 0;
    do {
        int error = token_read(t, at, &k);
        if (error == DT_OK)
            error = grammar_step(t, &k, &depth, &props_allowed, &roots);
        if (error == DT_OK && k.kind == TOKEN_END && (depth != 0 || roots != 1))
            error = DT_BAD_NESTING;
        if (error != DT_OK)
            return bad(t, error, (uint64_t)t->struct_at + at);
        at = k.next;
    } while (k.kind != TOKEN_END);
    return DT_OK;
}

int dt_open(struct dt *t, const void *blob, size_t max_bytes)
{
    *t = (struct dt){.blob = blob};
    int error = header_check(t, blob, max_bytes);
    if (error == DT_OK)
        error = reservations_check(t);
    if (error == DT_OK)
        error = structure_check(t);
    return error;
}

const char *dt_strerror(int error)
{
    /* One string, not a table of pointers: this may run before the kernel's addresses are mapped. */
    const char *text = "no error\0not found\0not a device tree (bad magic number)\0unsupported version\0"
                       "header gives a block outside the blob\0truncated\0unknown or misplaced token\0bad name\0"
                       "badly nested nodes\0property has an unexpected length or content\0"
                       "memory reservation block is not terminated\0";
    if (error > DT_OK || error < DT_BAD_RESERVATION)
        return "unknown error";
    for (; error < 0; error++)
        text += strlen(text) + 1;
    return text;
}

int dt_root(const struct dt *t)
{
    struct token k;
    uint32_t at = 0;
    if (token_skip_nops(t, &at, &k) != DT_OK || k.kind != TOKEN_BEGIN)
        return DT_NOT_FOUND;
    return (int)at;
}

int dt_next(const struct dt *t, int node, int *depth)
{
    struct token k;
    if (node_read(t, node, &k) != DT_OK)
        return DT_NOT_FOUND;
    int deeper = 0;
    for (uint32_t at = k.next; token_read(t, at, &k) == DT_OK && k.kind != TOKEN_END; at = k.next) {
        if (k.kind == TOKEN_END_NODE)
            deeper--;
        if (k.kind == TOKEN_BEGIN) {
            if (depth)
                *depth += deeper + 1;
            return (int)at;
        }
    }
    return DT_NOT_FOUND;
}

int dt_first_child(const struct dt *t, int node)
{
    int deeper = 0;
    int next = dt_next(t, node, &deeper);
    return next >= 0 && deeper == 1 ? next : DT_NOT_FOUND;
}

int dt_next_sibling(const struct dt *t, int node)
{
    int deeper = 0;
    do {
        node = dt_next(t, node, &deeper);
    } while (node >= 0 && deeper > 0);
    return node >= 0 && deeper == 0 ? node : DT_NOT_FOUND;
}

int dt_parent(const struct dt *t, int node)
{
    int path[DT_DEPTH_MAX]; /* path[d]: the open node of depth d */
    int depth = 0;
    for (int n = dt_root(t); n >= 0 && n <= node; n = dt_next(t, n, &depth)) {
        if (depth < 0 || depth >= DT_DEPTH_MAX)
            return DT_NOT_FOUND;
        if (n == node)
            return depth > 0 ? path[depth - 1] : DT_NOT_FOUND;
        path[depth] = n;
    }
    return DT_NOT_FOUND;
}

const char *dt_name(const struct dt *t, int node)
{
    struct token k;
    return node_read(t, node, &k) == DT_OK ? (const char *)struct_block(t) + k.data_at : "";
}

/* Whether the node is called `name`, or is called `name` @ something and `name` has no unit address. */
static int name_matches(const struct dt *t, int node, const char *name, size_t name_bytes)
{
    struct token k;
    if (node_read(t, node, &k) != DT_OK || k.bytes < name_bytes)
        return 0;
    const char *own = (const char *)struct_block(t) + k.data_at;
    if (memcmp(own, name, name_bytes) != 0)
        return 0;
    return k.bytes == name_bytes || (own[name_bytes] == '@' && !memchr(name, '@', name_bytes));
}

int dt_find_child(const struct dt *t, int node, const char *name, size_t name_bytes)
{
    int child = name_bytes > 0 ? dt_first_child(t, node) : DT_NOT_FOUND;
    while (child >= 0 && !name_matches(t, child, name, name_bytes))
        child = dt_next_sibling(t, child);
    return child;
}

int dt_find_path(const struct dt *t, const char *path)
{
    if (*path != '/')
        return DT_NOT_FOUND;
    const char *end = path + strlen(path);
    int node = dt_root(t);
    while (node >= 0) {
        while (*path == '/')
            path++;
        if (path == end)
            break;
        const char *slash = memchr(path, '/', (size_t)(end - path));
        size_t bytes = (size_t)((slash ? slash : end) - path);
        node = dt_find_child(t, node, path, bytes);
        path += bytes;
    }
    return node;
}

int dt_find_compatible(const struct dt *t, int after, const char *compatible)
{
    int node = after == DT_NONE ? dt_root(t) : dt_next(t, after, NULL);
    while (node >= 0 && !dt_is_compatible(t, node, compatible))
        node = dt_next(t, node, NULL);
    return node;
}

int dt_find_phandle(const struct dt *t, uint32_t phandle)
{
    for (int node = dt_root(t); node >= 0; node = dt_next(t, node, NULL)) {
        uint32_t own;
        if (dt_u32(t, node, "phandle", &own) == DT_OK && own == phandle)
            return node;
        if (dt_u32(t, node, "linux,phandle", &own) == DT_OK && own == phandle)
            return node;
    }
    return DT_NOT_FOUND;
}

/* The property that starts at `at`, if one does. */
static int prop_at(const struct dt *t, uint32_t at, struct dt_prop *p)
{
    struct token k;
    if (token_skip_nops(t, &at, &k) != DT_OK || k.kind != TOKEN_PROP)
        return DT_NOT_FOUND;
    const char *name = prop_name(t, &k);
    if (!name)
        return DT_NOT_FOUND;
    *p = (struct dt_prop){.name = name, .data = struct_block(t) + k.data_at, .bytes = k.bytes, .next = k.next};
    return DT_OK;
}

int dt_prop_first(const struct dt *t, int node, struct dt_prop *p)
{
    struct token k;
    return node_read(t, node, &k) == DT_OK ? prop_at(t, k.next, p) : DT_NOT_FOUND;
}

int dt_prop_next(const struct dt *t, struct dt_prop *p)
{
    return prop_at(t, p->next, p);
}

int dt_prop(const struct dt *t, int node, const char *name, struct dt_prop *p)
{
    struct dt_prop q;
    for (int error = dt_prop_first(t, node, &q); error == DT_OK; error = dt_prop_next(t, &q)) {
        if (strcmp(q.name, name) == 0) {
            *p = q;
            return DT_OK;
        }
    }
    return DT_NOT_FOUND;
}
