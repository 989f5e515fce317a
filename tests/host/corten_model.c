/* Model of an address space. See corten_model.h. The model knows nothing of tables, words or flushes. */
#include "corten_model.h"
#include <sched.h>
#include <string.h>

#define WINDOW_PAGES (MODEL_PAGES / 4)

uint64_t model_va(uint64_t page)
{
    uint64_t half = (uint64_t)WINDOW_PAGES / 2 << 12, at = page % WINDOW_PAGES << 12;
    switch (page / WINDOW_PAGES) {
    case 0:
        return at; /* the lowest addresses */
    case 1:
        return (8ull << 30) - half + at; /* across 1 GiB */
    case 2:
        return (ct_user_end() >> 1) - half - (3 << 12) + at; /* across the largest boundary there is */
    default:
        return ct_user_end() - 2 * half + at; /* the highest addresses */
    }
}

static unsigned random_rights(uint64_t *random)
{
    static const unsigned rights[] = {0, TN_READ, TN_READ | TN_WRITE, TN_READ | TN_WRITE, TN_READ | TN_EXEC};
    return rights[random_below(random, 5)];
}

static void model_mark(struct model *m, uint64_t low, uint64_t high, unsigned kind, unsigned rights)
{
    for (uint64_t i = low; i < high; i++)
        m->page[i] = (struct model_page){(uint8_t)kind, (uint8_t)rights, 0};
}

/* CT_RIDE or not. */
static unsigned random_ride(uint64_t *random)
{
    return random_below(random, 2) ? CT_RIDE : 0;
}

static void step_map(struct model *m, struct ct_worker *w, uint64_t low, uint64_t high, uint64_t *random)
{
    bool guard = random_below(random, 8) == 0, keep = random_below(random, 3) == 0;
    bool populate = !guard && high - low < 64 && random_below(random, 4) == 0;
    unsigned rights = guard ? 0 : random_rights(random);
    ct_word_t word = guard ? ct_guard() : ct_anon(rights);
    bool free = true;
    for (uint64_t i = low; i < high; i++)
        free &= m->page[i].kind == CT_NONE;
    vaddr_t out;
    enum ct_status st =
        ct_map(w, m->space, (vaddr_t){model_va(low)}, (high - low) << 12, word,
               (keep ? CT_NO_REPLACE : CT_FIXED) | (populate ? CT_POPULATE : 0) | random_ride(random), &out);
    CHECK(st == (keep && !free ? CT_EXISTS : CT_OK), st, model_va(low));
    if (st == CT_OK)
        model_mark(m, low, high, guard ? CT_GUARD : populate && rights ? CT_MAPPED : CT_ANON, rights);
}

static void step_unmap(struct model *m, struct ct_worker *w, uint64_t low, uint64_t high, uint64_t *random)
{
    enum ct_status st = ct_unmap(w, m->space, (vaddr_t){model_va(low)}, (high - low) << 12, random_ride(random));
    CHECK(st == CT_OK, st, model_va(low));
    model_mark(m, low, high, CT_NONE, 0);
}

static void step_protect(struct model *m, struct ct_worker *w, uint64_t low, uint64_t high, uint64_t *random)
{
    unsigned rights = random_rights(random);
    bool hole = false;
    for (uint64_t i = low; i < high; i++)
        hole |= m->page[i].kind == CT_NONE;
    enum ct_status st =
        ct_protect(w, m->space, (vaddr_t){model_va(low)}, (high - low) << 12, rights, random_ride(random));
    CHECK(st == (hole ? CT_NOT_MAPPED : CT_OK), st, model_va(low));
    for (uint64_t i = low; st == CT_OK && i < high; i++) {
        struct model_page *p = &m->page[i];
        if (p->kind == CT_GUARD)
            continue;
        if (p->kind == CT_MAPPED || p->kind == CT_HELD)
            p->kind = rights ? CT_MAPPED : CT_HELD;
        p->rights = (uint8_t)rights;
    }
}

/* Writes or compares the words of a frame that stand for its content. */
static void content_write(paddr_t frame, uint64_t content)
{
    for (unsigned i = 0; i < 512; i += 64)
        ((uint64_t *)port_frame(frame))[i] = content;
}
static void content_check(paddr_t frame, uint64_t content, uint64_t va)
{
    for (unsigned i = 0; i < 512; i += 64)
        CHECK(((uint64_t *)port_frame(frame))[i] == content, va, content);
}

static void step_touch(struct model *m, struct ct_worker *w, uint64_t i, uint64_t *random)
{
    struct model_page *p = &m->page[i];
    unsigned right = random_below(random, 2) ? TN_WRITE : TN_READ;
    enum ct_status expected = p->kind == CT_NONE ? CT_NOT_MAPPED : (p->rights & right) ? CT_OK : CT_DENIED;
    vaddr_t va = {model_va(i) + 8};
    enum ct_status st = port_around > 1 ? ct_fault_around(w, m->space, va, right, NULL)
                                        : ct_fault(w, m->space, va, right, random_ride(random), NULL);
    CHECK(st == expected, st, model_va(i));
    if (st == CT_OK && p->kind == CT_ANON)
        *p = (struct model_page){CT_MAPPED, p->rights, 0};
}

void model_compare(struct model *m, struct ct_worker *w, uint64_t low, uint64_t high)
{
    for (uint64_t i = low; i < high; i++) {
        struct ct_cursor c;
        struct ct_page page;
        uint64_t va = model_va(i);
        const struct model_page *p = &m->page[i];
        CHECK(cursor_lock(w, m->space, (vaddr_t){va}, (vaddr_t){va + 4096}, &c) == CT_OK, va, 0);
        cursor_query(&c, &page);
        bool came_along = port_around > 1 && p->kind == CT_ANON && (page.kind == CT_MAPPED || page.kind == CT_HELD);
        CHECK(page.kind == p->kind || came_along, page.kind, p->kind << 16 | i);
        CHECK(page.rights == p->rights || page.kind == CT_HELD, page.rights, p->rights);
        if (page.frame.v)
            content_check(page.frame, p->content, va);
        cursor_unlock(&c);
    }
}

/* The client writes to a page it has: through the frame, as its hart would. */
static void step_write(struct model *m, struct ct_worker *w, uint64_t i, uint64_t *random)
{
    struct ct_cursor c;
    struct ct_page page;
    uint64_t va = model_va(i);
    CHECK(cursor_lock(w, m->space, (vaddr_t){va}, (vaddr_t){va + 4096}, &c) == CT_OK, va, 0);
    cursor_query(&c, &page);
    if (page.kind == CT_MAPPED) {
        content_check(page.frame, m->page[i].content, va);
        m->page[i].kind = CT_MAPPED; /* it may have come with a fault beside it */
        m->page[i].content = random_next(random);
        content_write(page.frame, m->page[i].content);
    }
    cursor_unlock(&c);
}

void model_step(struct model *m, struct ct_worker *w, uint64_t low, uint64_t high, uint64_t *random)
{
    uint64_t from = low + random_below(random, high - low);
    uint64_t longest = random_below(random, 8) ? 8 : high - from;
    uint64_t to = from + 1 + random_below(random, longest < high - from ? longest : high - from);
    uint64_t window_end = (from / WINDOW_PAGES + 1) * WINDOW_PAGES;
    to = to < window_end ? to : window_end;
    ct_worker_begin(w);
    switch (random_below(random, 8)) {
    case 0:
        step_map(m, w, from, to, random);
        break;
    case 1:
        step_unmap(m, w, from, to, random);
        break;
    case 2:
        step_protect(m, w, from, to, random);
        break;
    case 3:
        step_write(m, w, from, random);
        break;
    case 4:
        model_compare(m, w, from, to < from + 16 ? to : from + 16);
        break;
    default:
        step_touch(m, w, from, random);
        break;
    }
    ct_worker_end(w);
    if (random_below(random, 4) == 0)
        sched_yield(); /* what rides is late */
    port_reply(w);
}
