/* The directory of cache lines; see timing_lines.h. Called by timing.c and the host test.
 *
 * Entries are reserved for all memory and cost real memory only once touched. An entry's `region` says to which
 * region its `writers` belong, so a new region needs no sweep. */
#include "timing_lines.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define WORDS (LINES_HARTS_MAX / 64)
#define NOBODY 0
#define WRITES_MAX 12 /* different instructions remembered for one line */

struct hart_set {
    uint64_t word[WORDS];
};

struct line {
    struct hart_set copies;  /* harts that have it */
    struct hart_set writers; /* harts that wrote it in `region` */
    uint64_t busy_until;     /* cycle */
    uint32_t region;
    uint32_t shared;              /* index into shared[] + 1, in `region`; 0: one writer at most */
    uint64_t writer_vaddr;        /* by which the last writer reached it */
    const struct code_site *site; /* of the last write */
    uint16_t owner;               /* hart + 1 that has it alone and changed; NOBODY */
    uint16_t count;               /* harts in `copies` */
};

struct write {
    uint64_t pc, vaddr, times;
    const struct code_block *block;
    struct hart_set harts;
};

/* A line that two harts wrote. */
struct shared_line {
    uint64_t paddr, moved;
    struct hart_set writers;
    uint32_t writes_count, writes_lost;
    struct write writes[WRITES_MAX];
};

static struct line *lines;
static uint64_t lines_base, lines_bytes;
static struct line_costs cost;
static struct shared_line *shared;
static uint32_t shared_count, shared_room;

static bool set_has(const struct hart_set *s, unsigned hart)
{
    return s->word[hart / 64] >> hart % 64 & 1;
}
static void set_add(struct hart_set *s, unsigned hart)
{
    s->word[hart / 64] |= 1ull << hart % 64;
}
static unsigned set_count(const struct hart_set *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < WORDS; i++)
        n += (unsigned)__builtin_popcountll(s->word[i]);
    return n;
}

int lines_init(uint64_t base, uint64_t bytes, const struct line_costs *costs)
{
    void *memory = mmap(NULL, bytes / LINE_BYTES * sizeof *lines, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return 0;
    lines = memory;
    lines_base = base;
    lines_bytes = bytes;
    cost = *costs;
    return 1;
}

static struct shared_line *shared_add(struct line *l, uint64_t paddr)
{
    if (shared_count == shared_room) {
        shared_room = shared_room ? 2 * shared_room : 256;
        shared = realloc(shared, shared_room * sizeof *shared);
        if (shared == NULL)
            abort();
    }
    struct shared_line *s = &shared[shared_count++];
    *s = (struct shared_line){.paddr = paddr & -(uint64_t)LINE_BYTES};
    l->shared = shared_count;
    return s;
}

static void shared_note(struct shared_line *s, unsigned hart, uint64_t vaddr, const struct code_site *site)
{
    set_add(&s->writers, hart);
    for (uint32_t i = 0; i < s->writes_count; i++) {
        struct write *w = &s->writes[i];
        if (w->pc == site->pc && w->vaddr == vaddr) {
            w->times++;
            set_add(&w->harts, hart);
            return;
        }
    }
    if (s->writes_count == WRITES_MAX) {
        s->writes_lost++;
        return;
    }
    struct write *w = &s->writes[s->writes_count++];
    *w = (struct write){.pc = site->pc, .vaddr = vaddr, .times = 1, .block = site->block};
    set_add(&w->harts, hart);
}

/* A store in a measured region. The first writer is remembered in the line alone, until there is a second. */
static void note_writer(struct line *l, const struct line_access *a)
{
    if (l->region != a->region) {
        l->region = a->region;
        l->shared = 0;
        l->writers = (struct hart_set){{0}};
    }
    bool first = set_count(&l->writers) == 0;
    if (!first && !l->shared && !set_has(&l->writers, a->hart)) {
        struct shared_line *s = shared_add(l, a->paddr);
        for (unsigned hart = 0; hart < LINES_HARTS_MAX; hart++)
            if (set_has(&l->writers, hart))
                shared_note(s, hart, l->writer_vaddr, l->site);
    }
    set_add(&l->writers, a->hart);
    l->site = a->site;
    l->writer_vaddr = a->vaddr;
    if (l->shared)
        shared_note(&shared[l->shared - 1], a->hart, a->vaddr, a->site);
}

/* A miss of `cycles` that occupies the line for `held` of them: the hart's clock when it is over. What costs nothing is no
 * miss. */
static uint64_t serve(struct line *l, uint64_t clock, uint64_t cycles, uint64_t held)
{
    uint64_t start = clock > l->busy_until ? clock : l->busy_until;

    if (cycles == 0)
        return clock;
    l->busy_until = start + held;
    return start + cycles;
}

static uint64_t load(struct line *l, const struct line_access *a, bool *other)
{
    if (set_has(&l->copies, a->hart))
        return a->clock;
    *other = l->count != 0;
    l->owner = NOBODY;
    set_add(&l->copies, a->hart);
    l->count++;
    return serve(l, a->clock, *other ? cost.transfer : cost.memory, cost.occupy);
}

static uint64_t store(struct line *l, const struct line_access *a, bool *other)
{
    if (l->owner == a->hart + 1)
        return a->clock;
    bool had = set_has(&l->copies, a->hart);
    unsigned others = l->count - had;
    uint64_t cycles = had ? (others ? cost.upgrade : 0) : others ? cost.transfer : cost.memory;
    if (others > 1)
        cycles += (others - 1) * cost.invalidate;
    *other = others != 0;
    l->copies = (struct hart_set){{0}};
    set_add(&l->copies, a->hart);
    l->count = 1;
    l->owner = (uint16_t)(a->hart + 1);
    return serve(l, a->clock, cycles, cycles);
}

uint64_t lines_access(const struct line_access *a, uint64_t *moved)
{
    bool other = false;

    if (a->paddr - lines_base >= lines_bytes)
        return a->clock;
    struct line *l = &lines[(a->paddr - lines_base) / LINE_BYTES];
    uint64_t clock = a->store ? store(l, a, &other) : load(l, a, &other);
    if (a->store && a->region)
        note_writer(l, a);
    if (other) {
        ++*moved;
        if (l->shared && l->region == a->region)
            shared[l->shared - 1].moved++;
    }
    return clock;
}

static void print_write(FILE *out, const struct write *w)
{
    fprintf(out, "{\"pc\": %" PRIu64 ", \"vaddr\": %" PRIu64 ", \"times\": %" PRIu64 ", \"harts\": %u", w->pc, w->vaddr,
            w->times, set_count(&w->harts));
    fprintf(out, ", \"block\": %" PRIu64 ", \"code\": \"", w->block->pc);
    for (uint32_t i = 0; i < w->block->bytes; i++)
        fprintf(out, "%02x", w->block->code[i]);
    fprintf(out, "\"}");
}

unsigned lines_report(FILE *out, uint32_t region)
{
    unsigned count = shared_count;

    for (unsigned i = 0; i < count; i++) {
        const struct shared_line *s = &shared[i];
        fprintf(out, "{\"line\": %" PRIu64 ", \"region\": %u, \"harts\": %u, \"moved\": %" PRIu64 ", \"lost\": %u",
                s->paddr, region, set_count(&s->writers), s->moved, s->writes_lost);
        fprintf(out, ", \"writes\": [");
        for (uint32_t k = 0; k < s->writes_count; k++) {
            fputs(k ? ", " : "", out);
            print_write(out, &s->writes[k]);
        }
        fprintf(out, "]}\n");
    }
    shared_count = 0;
    return count;
}
