/* Bounded check of the core's operations: mark, unmap, protect, populate, map and push-down, on every range of one table
 * and on every small combination of page states, against a specification that knows nothing of tables.
 *
 * The specification is a list of extents. A walk of the real tables (entries, words, descriptors) gives the list that is
 * there, and checks on its way that the tree is well formed: levels, links, entries' bits, kinds of words, no table,
 * frame or page of words in two places, and counters, budget and stocks that add up. Then for each case:
 *
 *     list before --specification of the operation--> list wanted  ==  list after the real operation
 *
 * so that exactly the range's pages have changed, and an operation that fails has changed nothing. The real code runs
 * (mmserver/corten, one worker) over a port of plain memory; its state is put back after each case, since all writes to
 * entries go through the port and are logged. (Port, walk, specification and families stand in one file, since they share
 * that state.)
 *
 *     one_table windows|ranges|push|edges [part of-parts]     ends with the number of cases, or aborts with the first that is wrong
 */
#include <corten/corten.h>
#include <corten/reserve.h>
#include <corten/stock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES 2048u /* the first 16 are borrowed */
#define BORROWED 16u
#define TABLES 96u
#define PHYS 0x80000000ull
#define TABLES_AT (PHYS + FRAMES * 4096ull)
#define BORROWED_CAP 7u
#define EXTENTS_MAX 4096
#define RW (TN_READ | TN_WRITE)
#define QUOTA 100000u

struct port_layout port_layout;

static uint64_t memory[FRAMES + TABLES][512] __attribute__((aligned(4096)));
static unsigned char descs[(FRAMES + TABLES) * 64] __attribute__((aligned(64)));
static tn_cptr_t chunk_caps[FRAMES / 512];
static uint64_t batch[(CT_BATCH_BYTES_MIN + 4096) / 8] __attribute__((aligned(64)));
static char text[200]; /* the case that runs */

_Noreturn static void wrong(const char *what, uint64_t a, uint64_t b)
{
    fflush(stdout);
    fprintf(stderr, "one_table: %s: %#llx %#llx in case: %s\n", what, (unsigned long long)a, (unsigned long long)b,
            text);
    abort();
}
#define CHECK(condition, a, b) ((condition) ? (void)0 : wrong(#condition, (uint64_t)(a), (uint64_t)(b)))

/*--- Port ---*/

/* What is put back after a case, entries of tables and pages of words aside. */
static struct state {
    struct ct_worker worker;
    union {
        struct ct_space space;
        unsigned char bytes[4096];
    };
    uint64_t frames[FRAMES], tables[CT_LEVELS_MAX][TABLES];
    uint32_t frame_count, table_count[CT_LEVELS_MAX], table_fresh;
} now __attribute__((aligned(64))), saved;
static unsigned char saved_descs[TABLES * 64];

struct undo {
    uint64_t *entry, old;
};
static struct undo undo[1 << 14];
static uint32_t undo_count;

static uint64_t *entry_of(uint64_t table, unsigned i)
{
    return &memory[(table - PHYS) / 4096][i];
}
static void write_entry(uint64_t table, unsigned i, uint64_t value)
{
    CHECK(undo_count < sizeof undo / sizeof *undo, undo_count, 0);
    undo[undo_count++] = (struct undo){entry_of(table, i), *entry_of(table, i)};
    *entry_of(table, i) = value;
}
static bool is_table(uint64_t paddr)
{
    return paddr >= TABLES_AT && paddr < TABLES_AT + TABLES * 4096ull && paddr % 4096 == 0;
}

void port_panic(const char *what, uint64_t value)
{
    wrong(what, value, 0);
}
void port_relax(void)
{
    wrong("waits", 0, 0);
}
void port_zero(paddr_t frame)
{
    (void)frame;
}
unsigned port_flush(unsigned worker, uint64_t handle, vaddr_t va, uint64_t pages)
{
    (void)worker, (void)handle, (void)va, (void)pages;
    return 0;
}
unsigned port_frames_get(unsigned worker, paddr_t *out, unsigned want, bool *zeroed)
{
    (void)worker;
    unsigned n = 0;
    while (n < want && now.frame_count)
        out[n++].v = now.frames[--now.frame_count];
    *zeroed = false;
    return n;
}
void port_frames_put(unsigned worker, const paddr_t *in, unsigned n)
{
    (void)worker;
    while (n)
        now.frames[now.frame_count++] = in[--n].v;
}
unsigned port_tables_get(unsigned worker, unsigned level, paddr_t *out, unsigned want)
{
    (void)worker;
    unsigned n = 0;
    for (want = want < 4 ? want : 4; n < want; n++) {
        if (now.table_count[level]) {
            out[n].v = now.tables[level][--now.table_count[level]];
        } else {
            CHECK(now.table_fresh < TABLES, now.table_fresh, 0);
            out[n].v = TABLES_AT + 4096ull * now.table_fresh++;
            ct_table_adopt(out[n], level, out[n].v);
        }
    }
    return n;
}
void port_tables_put(unsigned worker, unsigned level, const paddr_t *in, unsigned n)
{
    (void)worker;
    while (n)
        now.tables[level][now.table_count[level]++] = in[--n].v;
}
tn_cptr_t port_borrowed_cap(paddr_t frame, unsigned rights, uint64_t *page)
{
    *page = (frame.v - PHYS) / 4096;
    return (rights & TN_WRITE) ? 0 : BORROWED_CAP;
}

static uint64_t leaf_bits(uint64_t frame, unsigned rights, unsigned soft)
{
    return frame / 4 + 256ull * soft + 2ull * rights + ((rights & TN_WRITE) ? TN_PTE_D : 0) + TN_PTE_A + TN_PTE_U +
           TN_PTE_V;
}
static uint64_t frame_of(const struct tn_pt_run *run, uint64_t page)
{
    bool borrowed = run->object == BORROWED_CAP;
    CHECK(borrowed ? page < BORROWED && !(run->rights & TN_WRITE) : run->object >= PHYS && page < 512, run->object,
          page);
    return (borrowed ? PHYS : run->object) + page * 4096;
}

/* As the kernel would: a value that is not allowed ends the test. */
static uint64_t value_of(const struct tn_pt_run *run, unsigned k, unsigned level, uint64_t old)
{
    switch (run->op) {
    case TN_PT_MAP:
    case TN_PT_MAP_LIST:
        CHECK(level == 0 && !(old & TN_PTE_V) && (run->rights & TN_READ), level, old);
        return leaf_bits(frame_of(run, run->op == TN_PT_MAP ? run->page + k : batch[run->in + k]), run->rights,
                         run->soft);
    case TN_PT_LINK:
        CHECK(is_table(run->object) && port_desc((paddr_t){run->object})->level + 1u == level && !(old & TN_PTE_V),
              run->object, old);
        return run->object / 4 + TN_PTE_V;
    case TN_PT_PROTECT:
        if (!tn_pte_is_leaf(old))
            return old;
        if (run->rights & ~pte_rights(old)) {
            uint64_t base = run->object == BORROWED_CAP ? PHYS : run->object;
            CHECK(run->object && tn_pte_paddr(old) - base < 512 * 4096, run->object, old);
        }
        return leaf_bits(tn_pte_paddr(old), run->rights, run->soft);
    default:
        CHECK(run->op == TN_PT_CLEAR, run->op, 0);
        return 0;
    }
}
void port_pt_write(unsigned worker, struct tn_pt_batch *b)
{
    (void)worker;
    CHECK(b->runs >= 1 && b->runs <= TN_PT_RUNS_MAX, b->runs, 0);
    for (uint32_t r = 0; r < b->runs; r++) {
        const struct tn_pt_run *run = &b->run[r];
        CHECK(is_table(run->table) && run->count >= 1 && run->first + run->count <= 512u, run->table, run->count);
        for (unsigned k = 0; k < run->count; k++) {
            unsigned i = run->first + k;
            uint64_t old = *entry_of(run->table, i);
            write_entry(run->table, i, value_of(run, k, port_desc((paddr_t){run->table})->level, old));
            if (run->flags & TN_PT_OLD)
                batch[run->out + k] = old;
        }
    }
}

/*--- What is there ---*/

struct extent {
    uint64_t low, high; /* pages */
    uint64_t frame;     /* of MAPPED and HELD, which have extents of one page */
    uint8_t kind, rights, borrowed;
};
struct list {
    unsigned count;
    struct extent at[EXTENTS_MAX];
};

static void append(struct list *list, struct extent e)
{
    struct extent *last = &list->at[list->count - 1];
    if (e.kind == CT_NONE || e.low == e.high)
        return;
    if (list->count && !e.frame && !last->frame && last->high == e.low && last->kind == e.kind &&
        last->rights == e.rights) {
        last->high = e.high;
        return;
    }
    CHECK(list->count < EXTENTS_MAX, e.low, e.high);
    list->at[list->count++] = e;
}

struct tree {
    struct list *list;
    uint64_t frames, tables, metas; /* counted on the way; frames: not borrowed */
    uint8_t seen[FRAMES + TABLES];
};

static void see(struct tree *tree, uint64_t paddr)
{
    uint64_t n = (paddr - PHYS) / 4096;
    CHECK(paddr % 4096 == 0 && paddr >= PHYS && n < FRAMES + TABLES && !tree->seen[n], paddr, 0);
    tree->seen[n] = 1;
}

static void see_page(struct tree *tree, uint64_t low, unsigned kind, uint64_t entry, unsigned rights, bool borrowed)
{
    uint64_t frame = tn_pte_paddr(entry);
    if (borrowed)
        CHECK(frame >= PHYS && frame < PHYS + BORROWED * 4096, frame, 0);
    else
        see(tree, frame), tree->frames++, CHECK(frame < TABLES_AT, frame, 0);
    append(tree->list, (struct extent){low, low + 1, frame, (uint8_t)kind, (uint8_t)rights, borrowed});
}

static void see_word(struct tree *tree, uint64_t word, unsigned level, uint64_t low)
{
    unsigned kind = word & 15, rights = word >> 4 & 7;
    if (kind == CT_HELD) {
        CHECK(level == 0 && rights == 0, word, level);
        see_page(tree, low, CT_HELD, word, 0, (word & WORD_BORROWED) != 0);
        return;
    }
    CHECK(kind <= CT_GUARD && (word & ~WORD_STAMP_MASK) == (kind | rights << 4) && (kind == CT_ANON || rights == 0),
          word, level);
    append(tree->list, (struct extent){low, low + (1ull << 9 * level), 0, (uint8_t)kind, (uint8_t)rights, 0});
}

static void see_table(struct tree *tree, uint64_t table, unsigned level, uint64_t low)
{
    const struct ct_desc *d = port_desc((paddr_t){table});
    see(tree, table);
    CHECK(is_table(table) && d->level == level && !d->stale && d->pending == 0 && d->tail == 0 && d->rw == 0, table,
          level);
    CHECK((d->fill & 15) <= CT_GUARD, table, d->fill);
    const uint64_t *words = NULL;
    if (d->meta) {
        see(tree, d->meta);
        tree->metas++;
        words = port_frame((paddr_t){d->meta});
    }
    unsigned end = level + 1 == ct_config.levels ? 256 : 512;
    for (unsigned i = 0; i < end; i++, low += 1ull << 9 * level) {
        uint64_t pte = *entry_of(table, i);
        if (pte == 0) {
            see_word(tree, words ? words[i] : d->fill, level, low);
        } else if (tn_pte_is_link(pte)) {
            CHECK(level > 0 && pte == tn_pte_paddr(pte) / 4 + TN_PTE_V, pte, level);
            tree->tables++;
            see_table(tree, tn_pte_paddr(pte), level - 1, low);
        } else {
            unsigned soft = pte >> TN_PTE_SOFT_SHIFT & 3;
            CHECK(level == 0 && pte == leaf_bits(tn_pte_paddr(pte), pte_rights(pte), soft) && soft <= 1, pte, level);
            see_page(tree, low, CT_MAPPED, pte, pte_rights(pte), soft == PTE_SOFT_BORROWED);
        }
    }
}

static uint64_t limbo_tables(const struct ct_worker *w)
{
    uint64_t n = w->limbo_open.count + w->limbo_sealed.count + w->limbo_passed.count;
    for (unsigned level = 0; level < CT_LEVELS_MAX; level++)
        n += w->tables_count[level] + now.table_count[level];
    return n;
}

/* The tree is well formed, and everything is somewhere once; its extents. */
static void look(struct list *list)
{
    static struct tree tree;
    const struct ct_worker *w = &now.worker;
    const struct ct_share *share = &now.space.share[0];
    memset(&tree, 0, sizeof tree);
    tree.list = list;
    list->count = 0;
    see_table(&tree, now.space.root.v, ct_config.levels - 1, 0);
    CHECK((uint64_t)share->frames == tree.frames && (uint64_t)share->tables == tree.tables &&
              (uint64_t)share->meta == tree.metas,
          share->frames, share->tables);
    CHECK(now.space.budget + share->credit + (int64_t)(tree.frames + tree.tables + tree.metas) == QUOTA, share->credit,
          now.space.budget);
    for (unsigned i = 0; i < w->zeroed_count; i++)
        see(&tree, w->zeroed[i]);
    for (unsigned i = 0; i < w->dirty_count; i++)
        see(&tree, w->dirty[i]);
    for (unsigned i = 0; i < w->limbo_count; i++)
        see(&tree, w->limbo[(w->limbo_first + i) % CT_LIMBO_FRAMES].paddr);
    uint64_t frames = tree.frames + tree.metas + w->zeroed_count + w->dirty_count + w->limbo_count + now.frame_count;
    CHECK(frames == FRAMES - BORROWED, frames, FRAMES - BORROWED);
    CHECK(tree.tables + 1 + limbo_tables(w) == now.table_fresh, tree.tables, now.table_fresh);
}

/*--- Specification ---*/

enum what { MARK, PROTECT, POPULATE, MAP, MAP_BORROWED };
static const struct operation {
    enum what what;
    unsigned kind, rights; /* MARK: the status given; others: rights */
} operations[] = {
    {MARK, CT_NONE, 0}, {MARK, CT_ANON, RW},   {MARK, CT_ANON, TN_READ},   {MARK, CT_ANON, 0}, {MARK, CT_GUARD, 0},
    {PROTECT, 0, 0},    {PROTECT, 0, TN_READ}, {PROTECT, 0, RW},           {PROTECT, 0, 5},    {PROTECT, 0, 7},
    {POPULATE, 0, 0},   {MAP, 0, RW},          {MAP_BORROWED, 0, TN_READ},
};
#define OPERATIONS (sizeof operations / sizeof *operations)

static struct extent changed(const struct operation *op, struct extent e)
{
    if (op->what == PROTECT && e.kind != CT_GUARD) {
        if (e.frame)
            e.kind = op->rights ? CT_MAPPED : CT_HELD;
        e.rights = (uint8_t)op->rights;
    }
    return e;
}

/* What the operation should say. */
static enum ct_status status_wanted(const struct operation *op, const struct list *before, uint64_t low, uint64_t high)
{
    uint64_t covered = 0;
    enum ct_status denied = CT_OK;
    for (unsigned i = 0; i < before->count; i++) {
        const struct extent *e = &before->at[i];
        uint64_t from = e->low > low ? e->low : low, to = e->high < high ? e->high : high;
        if (from >= to)
            continue;
        covered += to - from;
        if (op->what >= MAP && e->frame)
            return CT_EXISTS;
        if (op->what == PROTECT && e->borrowed && (op->rights & TN_WRITE) && denied == CT_OK)
            denied = covered == to - low ? CT_DENIED : CT_NOT_MAPPED; /* whichever comes first */
    }
    if (op->what == PROTECT && denied != CT_OK)
        return denied;
    return op->what == PROTECT && covered < high - low ? CT_NOT_MAPPED : CT_OK;
}

/* Pages that populating or mapping gives a frame: which, is seen in the list that is there. */
static void filled(struct list *wanted, struct extent e, const struct operation *op, const struct list *after,
                   unsigned *hint)
{
    for (uint64_t page = e.low; page < e.high; page++) {
        while (*hint < after->count && after->at[*hint].high <= page)
            ++*hint;
        uint64_t frame = *hint < after->count ? after->at[*hint].frame : 0;
        append(wanted,
               (struct extent){page, page + 1, frame ? frame : 1, CT_MAPPED,
                               op->what == POPULATE ? e.rights : (uint8_t)op->rights, op->what == MAP_BORROWED});
    }
}

static void specify(const struct operation *op, const struct list *before, uint64_t low, uint64_t high,
                    const struct list *after, struct list *wanted)
{
    unsigned hint = 0;
    bool marked = false, ok = status_wanted(op, before, low, high) == CT_OK;
    struct extent mark = {low, high, 0, (uint8_t)op->kind, (uint8_t)op->rights, 0};
    wanted->count = 0;
    for (unsigned i = 0; i <= before->count; i++) {
        bool last = i == before->count;
        struct extent e = last ? mark : before->at[i], middle = e, right = e;
        if (ok && !marked && (op->what == MARK || op->what >= MAP) && (last || e.high > low)) {
            struct extent left = e;
            left.high = left.high < low ? left.high : low;
            if (!last && left.low < left.high)
                append(wanted, left);
            if (op->what == MARK)
                append(wanted, mark);
            else
                filled(wanted, mark, op, after, &hint);
            marked = true;
        }
        if (last)
            break;
        if (!ok) {
            append(wanted, e);
            continue;
        }
        if (e.low < low && !(marked && e.high > low)) {
            struct extent left = e;
            left.high = left.high < low ? left.high : low;
            append(wanted, left);
        }
        middle.low = e.low > low ? e.low : low;
        middle.high = e.high < high ? e.high : high;
        if (middle.low < middle.high && op->what == PROTECT)
            append(wanted, changed(op, middle));
        else if (middle.low < middle.high && op->what == POPULATE && e.kind == CT_ANON && e.rights)
            filled(wanted, middle, op, after, &hint);
        else if (middle.low < middle.high && op->what == POPULATE)
            append(wanted, middle);
        right.low = e.low > high ? e.low : high;
        if (right.low < right.high)
            append(wanted, right);
    }
}

static void compare(const struct list *wanted, const struct list *there)
{
    for (unsigned i = 0; i < wanted->count && i < there->count; i++) {
        const struct extent *a = &wanted->at[i], *b = &there->at[i];
        CHECK(a->low == b->low && a->high == b->high, b->low, b->high);
        CHECK(a->kind == b->kind && a->rights == b->rights, b->low, b->kind << 8 | b->rights);
        CHECK(a->frame == b->frame && a->borrowed == b->borrowed, b->low, b->frame);
    }
    CHECK(wanted->count == there->count, wanted->count, there->count);
}

/*--- One case ---*/

static enum ct_status perform(const struct operation *op, struct ct_cursor *c, uint64_t bytes)
{
    struct ct_worker *w = &now.worker;
    paddr_t frame = {PHYS};
    enum ct_status st;
    switch (op->what) {
    case MARK:
        return cursor_mark(c, bytes,
                           op->kind == CT_ANON    ? ct_anon(op->rights)
                           : op->kind == CT_GUARD ? ct_guard()
                                                  : ct_none());
    case PROTECT:
        return cursor_protect(c, bytes, op->rights);
    case POPULATE:
        return cursor_populate(c, bytes);
    case MAP:
        if (ct_frame_get(w, true, &frame) != CT_OK)
            wrong("no frame", 0, 0);
        st = cursor_map(c, frame, op->rights);
        if (st != CT_OK)
            ct_frame_put(w, frame);
        return st;
    default:
        return cursor_map_borrowed(c, frame, BORROWED_CAP, 0, op->rights);
    }
}

static uint64_t cases;
static struct list before, after, wanted;

/* The state is as the case begins with; `before` is what look() says of it. */
static void run_operation(const struct operation *op, uint64_t low, uint64_t high)
{
    struct ct_worker *w = &now.worker;
    struct ct_cursor c;
    ct_worker_begin(w);
    enum ct_status st = cursor_lock(w, &now.space, (vaddr_t){low << 12}, (vaddr_t){high << 12}, &c);
    CHECK(st == CT_OK, st, 0);
    st = perform(op, &c, (high - low) << 12);
    CHECK(st != CT_OK || c.at == high << 12, c.at, high);
    cursor_unlock(&c);
    ct_worker_end(w);
    CHECK(st == status_wanted(op, &before, low, high), st, status_wanted(op, &before, low, high));
    look(&after);
    specify(op, &before, low, high, &after, &wanted);
    compare(&wanted, &after);
    cases++;
}

/*--- States ---*/

static void save(void)
{
    saved = now;
    memcpy(saved_descs, descs + FRAMES * 64, sizeof saved_descs);
    undo_count = 0;
}

static void restore(void)
{
    while (undo_count) {
        undo_count--;
        *undo[undo_count].entry = undo[undo_count].old;
    }
    now = saved;
    memcpy(descs + FRAMES * 64, saved_descs, sizeof saved_descs);
}

static void start(unsigned levels, unsigned mode)
{
    memset(memory[FRAMES], 0, TABLES * sizeof *memory);
    memset(descs, 0, sizeof descs);
    memset(&now, 0, sizeof now);
    undo_count = 0;
    for (unsigned i = 0; i < FRAMES / 512; i++)
        chunk_caps[i] = PHYS + ((uint64_t)i << PORT_CHUNK_BITS);
    port_layout = (struct port_layout){(uintptr_t)memory - PHYS, (uintptr_t)memory - PHYS, (uintptr_t)descs - PHYS / 64,
                                       chunk_caps, PHYS >> PORT_CHUNK_BITS};
    for (unsigned i = FRAMES; i-- > BORROWED;)
        now.frames[now.frame_count++] = PHYS + i * 4096ull;
    struct ct_config config = {levels,
                               1,
                               (mode & 1) ? CT_PROTOCOL_ADV : CT_PROTOCOL_RW,
                               (mode & 2) ? CT_FLUSH_LAZY : CT_FLUSH_NOW,
                               {1ull << 32},
                               {1ull << 36}};
    CHECK(ct_init(&config) == CT_OK, levels, 0);
    CHECK(ct_space_bytes() <= sizeof now.bytes, ct_space_bytes(), 0);
    ct_worker_init(&now.worker, 0, (struct tn_pt_batch *)batch, sizeof batch);
    ct_worker_begin(&now.worker);
    CHECK(ct_space_create(&now.worker, &now.space, 1, QUOTA) == CT_OK, 0, 0);
    ct_worker_end(&now.worker);
}

/* An operation to prepare the state, not a case. */
static void prepare(const struct operation *op, uint64_t low, uint64_t high)
{
    look(&before);
    run_operation(op, low, high);
    cases--;
}

/* A leaf table for the page, all NONE; with a page of words or without. Returns the table. */
static uint64_t make_leaf(uint64_t page, bool words)
{
    page &= ~511ull;
    prepare(&(struct operation){MARK, CT_ANON, RW}, page, page + 1);
    prepare(&operations[0], page, page + 1);
    uint64_t table = now.space.root.v;
    for (unsigned level = ct_config.levels - 1; level > 0; level--)
        table = tn_pte_paddr(*entry_of(table, page >> 9 * level & 511));
    CHECK(port_desc((paddr_t){table})->meta != 0, table, 0);
    if (!words) {
        struct ct_cursor c = {.worker = &now.worker, .space = &now.space, .share = &now.space.share[0]};
        ct_words_free(&c, port_desc((paddr_t){table}));
    }
    return table;
}

/* Page states: what a page of a leaf table can be. */
#define STATES 9
enum { S_NONE, S_ANON, S_NO_ACCESS, S_GUARD, S_MAPPED, S_READ_ONLY, S_HELD, S_BORROWED, S_BORROWED_HELD };

static uint64_t new_frame(void)
{
    now.space.share[0].frames++;
    now.space.share[0].credit--;
    return now.frames[--now.frame_count];
}

/* The word that the page gets; a valid entry is written. */
static uint64_t state_word(uint64_t table, unsigned i, unsigned state)
{
    switch (state) {
    case S_ANON:
        return CT_ANON | RW << 4;
    case S_NO_ACCESS:
        return CT_ANON;
    case S_GUARD:
        return CT_GUARD;
    case S_MAPPED:
    case S_READ_ONLY:
        write_entry(table, i, leaf_bits(new_frame(), state == S_MAPPED ? RW : TN_READ, 0));
        return CT_ANON | RW << 4;
    case S_HELD:
        return CT_HELD | new_frame() / 4;
    case S_BORROWED:
        write_entry(table, i, leaf_bits(PHYS + i % BORROWED * 4096, TN_READ, PTE_SOFT_BORROWED));
        return CT_NONE;
    case S_BORROWED_HELD:
        return CT_HELD | (PHYS + i % BORROWED * 4096) / 4 | WORD_BORROWED;
    default:
        return CT_NONE;
    }
}
static void set_state(uint64_t table, unsigned i, unsigned state)
{
    uint64_t *words = port_frame((paddr_t){port_desc((paddr_t){table})->meta});
    words[i] = state_word(table, i, state);
}

/* Runs one operation on the state that `set` makes on top of what is saved. */
static void one_case(const struct operation *op, uint64_t low, uint64_t high)
{
    if (op->what >= MAP && high - low != 1)
        return;
    look(&before);
    run_operation(op, low, high);
}

/*--- Families of cases ---*/

static unsigned part, parts = 1;

/* Every state of four neighbours, at the start of a table, at its end, and across two tables; every range of them. */
static void windows(void)
{
    static const uint64_t first[] = {512, 1020, 1022};
    for (unsigned mode = 0; mode < 4; mode++) {
        for (unsigned at = 0; at < 3; at++) {
            start(3, mode);
            uint64_t table[2] = {make_leaf(512, true), make_leaf(1024, true)};
            save();
            for (unsigned code = part; code < STATES * STATES * STATES * STATES; code += parts) {
                for (unsigned n = 0; n < 10 * OPERATIONS; n++) {
                    static const uint8_t from[] = {0, 0, 0, 0, 1, 1, 1, 2, 2, 3}, to[] = {1, 2, 3, 4, 2, 3, 4, 3, 4, 4};
                    const struct operation *op = &operations[n / 10];
                    uint64_t low = first[at] + from[n % 10], high = first[at] + to[n % 10];
                    if ((op->what >= MAP && high - low != 1) || (mode != (code & 3) && mode != (code >> 2 & 3)))
                        continue;
                    restore();
                    for (unsigned i = 0, rest = code; i < 4; i++, rest /= STATES)
                        set_state(table[(first[at] + i) / 512 - 1], (first[at] + i) % 512, rest % STATES);
                    snprintf(text, sizeof text, "windows: mode %u at %llu states %u operation %u range %u..%u", mode,
                             (unsigned long long)first[at], code, n / 10, from[n % 10], to[n % 10]);
                    one_case(op, low, high);
                    restore();
                    for (unsigned i = 0; i < 4; i++)
                        set_state(table[(first[at] + i) / 512 - 1], (first[at] + i) % 512, S_NONE);
                }
            }
        }
    }
}

/* Every range of one table whose pages are in all states, neighbours in all pairs; with words and without. */
static void ranges(void)
{
    for (unsigned words = 0; words < 2; words++) {
        unsigned mode = words + 1;
        start(3, mode);
        uint64_t table = make_leaf(512, words);
        uint64_t content[512];
        if (!words)
            port_desc((paddr_t){table})->fill = CT_ANON | RW << 4;
        for (unsigned i = 0; i < 512; i++) { /* each state beside each other one: s, s + d for d = 0 .. 8 */
            unsigned state = (i % 2 ? i / 2 + i / 18 : i / 2) % STATES;
            if (words)
                set_state(table, i, state);
            else if (i % 3 == 0)
                state_word(table, i, i % 2 ? S_MAPPED : S_READ_ONLY);
        }
        save();
        look(&before);
        if (words)
            memcpy(content, port_frame((paddr_t){port_desc((paddr_t){table})->meta}), sizeof content);
        for (unsigned low = part; low < 512; low += parts) {
            for (unsigned high = low + 1; high <= 512; high++) {
                for (unsigned n = 0; n < OPERATIONS; n++) {
                    if (operations[n].what >= MAP && high != low + 1)
                        continue;
                    snprintf(text, sizeof text, "ranges: words %u operation %u range %u..%u", words, n, low, high);
                    run_operation(&operations[n], 512 + low, 512 + high);
                    restore();
                    if (words)
                        memcpy(port_frame((paddr_t){port_desc((paddr_t){table})->meta}), content, sizeof content);
                }
            }
        }
    }
}

static const struct operation marks[] = {
    {MARK, CT_NONE, 0}, {MARK, CT_ANON, RW}, {MARK, CT_ANON, 0}, {MARK, CT_GUARD, 0}};

/* Every range of an entry of level 1 that has no table: the word is pushed down. */
static void push(void)
{
    for (unsigned word = 0; word < 2; word++) {
        start(3, word + 1);
        prepare(&marks[0], 0, 4096);
        prepare(&marks[1], 512, 513); /* the table of level 1 is there */
        prepare(&marks[word], 1024, 3072);
        save();
        look(&before);
        for (unsigned low = part; low < 512; low += parts) {
            for (unsigned high = low + 1; high <= 512; high++) {
                for (unsigned n = 0; n < OPERATIONS; n++) {
                    if (operations[n].what >= MAP && high != low + 1)
                        continue;
                    snprintf(text, sizeof text, "push: word %u operation %u range %u..%u", word, n, low, high);
                    static uint64_t words[512];
                    const struct ct_desc *d = port_desc((paddr_t){tn_pte_paddr(*entry_of(now.space.root.v, 0))});
                    uint64_t meta = d->meta;
                    if (meta)
                        memcpy(words, port_frame((paddr_t){meta}), sizeof words);
                    run_operation(&operations[n], 1536 + low, 1536 + high);
                    restore();
                    if (meta)
                        memcpy(port_frame((paddr_t){meta}), words, sizeof words);
                }
            }
        }
    }
}

/* Ranges whose ends lie at, just before and just after the edges of entries of every level, for 3 to 5 levels, in a
 * space that is marked alike as a whole, or not at all. */
static void edges(void)
{
    for (unsigned levels = 3; levels <= 5; levels++) {
        uint64_t point[64], middle = 1ull << (9 * levels - 2); /* half of the user part */
        unsigned count = 0;
        for (int side = -1; side <= 1; side += 2)
            for (unsigned level = levels - 1; level-- > 0;)
                for (int near = -1; near <= 1; near++)
                    point[count++] = middle + (uint64_t)side * (1ull << 9 * level) + (uint64_t)(int64_t)near;
        point[count++] = middle;
        for (unsigned word = 0; word < 4; word++) {
            for (unsigned a = part; a < count; a += parts) {
                for (unsigned b = 0; b < count; b++) {
                    for (unsigned n = 0; n < OPERATIONS && point[a] < point[b]; n++) {
                        if ((operations[n].what >= MAP && point[b] != point[a] + 1) ||
                            (operations[n].what == POPULATE && point[b] - point[a] > 1024))
                            continue;
                        snprintf(text, sizeof text, "edges: levels %u word %u operation %u pages %#llx..%#llx", levels,
                                 word, n, (unsigned long long)point[a], (unsigned long long)point[b]);
                        start(levels, (a + b + n) & 3);
                        prepare(&marks[word], 0, middle * 2);
                        one_case(&operations[n], point[a], point[b]);
                        look(&before);
                        run_operation(&operations[(n + a) % 10], point[b] - 1,
                                      point[b] + 1); /* and a second on what that left */
                    }
                }
            }
        }
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } families[] = {{"windows", windows}, {"ranges", ranges}, {"push", push}, {"edges", edges}};
    if (argc == 4) {
        part = (unsigned)atoi(argv[2]);
        parts = (unsigned)atoi(argv[3]);
    }
    for (unsigned i = 0; argc >= 2 && parts && i < 4; i++) {
        if (strcmp(argv[1], families[i].name) != 0)
            continue;
        families[i].run();
        printf("%llu\n", (unsigned long long)cases);
        return 0;
    }
    fprintf(stderr, "usage: one_table windows|ranges|push|edges [part parts]\n");
    return 2;
}
