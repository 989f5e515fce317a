/* Bounded check of the core's operations (one_table.c): the specification, which knows nothing of tables. */
#include "one_table.h"

const struct operation operations[OPERATIONS] = {
    {MARK, CT_NONE, 0}, {MARK, CT_ANON, RW},   {MARK, CT_ANON, TN_READ},   {MARK, CT_ANON, 0}, {MARK, CT_GUARD, 0},
    {PROTECT, 0, 0},    {PROTECT, 0, TN_READ}, {PROTECT, 0, RW},           {PROTECT, 0, 5},    {PROTECT, 0, 7},
    {POPULATE, 0, 0},   {MAP, 0, RW},          {MAP_BORROWED, 0, TN_READ},
};

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
enum ct_status status_wanted(const struct operation *op, const struct list *before, uint64_t low, uint64_t high)
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

void specify(const struct operation *op, const struct list *before, uint64_t low, uint64_t high,
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

void compare(const struct list *wanted, const struct list *there)
{
    for (unsigned i = 0; i < wanted->count && i < there->count; i++) {
        const struct extent *a = &wanted->at[i], *b = &there->at[i];
        CHECK(a->low == b->low && a->high == b->high, b->low, b->high);
        CHECK(a->kind == b->kind && a->rights == b->rights, b->low, b->kind << 8 | b->rights);
        CHECK(a->frame == b->frame && a->borrowed == b->borrowed, b->low, b->frame);
    }
    CHECK(wanted->count == there->count, wanted->count, there->count);
}
