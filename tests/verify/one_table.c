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
 * entries go through the port (one_port.c) and are logged. one_look.c walks, one_spec.c specifies.
 *
 *     one_table windows|ranges|push|edges [part of-parts]     ends with the number of cases, or aborts with the first that is wrong
 */
#include "one_table.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char text[200];

_Noreturn void wrong(const char *what, uint64_t a, uint64_t b)
{
    fflush(stdout);
    fprintf(stderr, "one_table: %s: %#llx %#llx in case: %s\n", what, (unsigned long long)a, (unsigned long long)b,
            text);
    abort();
}

/* ---- one case ---- */

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

/* ---- states ---- */

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

/* ---- families of cases ---- */

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
