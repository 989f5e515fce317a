/* Statistics and the count of leaks; see report.h. */
#include "report.h"
#include "clients.h"
#include "print.h"

static const struct {
    const char *name;
    unsigned width;
    enum mm_counter counter; /* MM_COUNTERS: faults and requests together */
} column[] = {
    {"faults", 9, MM_FAULTS},         {"spurious", 9, MM_FAULTS_SPURIOUS},
    {"messages", 9, MM_COUNTERS},     {"transactions", 13, MM_TRANSACTIONS},
    {"retries", 8, MM_RETRIES},       {"table writes", 13, MM_PT_WRITES},
    {"batches", 9, MM_PT_BATCHES},    {"flushes", 8, MM_FLUSHES},
    {"remote", 7, MM_REMOTE_FLUSHES}, {"zeroed", 8, MM_PAGES_ZEROED},
};
#define COLUMNS (sizeof column / sizeof column[0])

static void print_cell(const char *text, size_t width)
{
    static const char blanks[] = "                ";
    size_t length = 0;

    while (text[length] != 0) {
        length++;
    }
    say("%s%s", length < width ? blanks + (sizeof blanks - 1 - (width - length)) : " ", text);
}

static void print_row(const char *name, const uint64_t counter[MM_COUNTERS])
{
    print_cell(name, 6);
    for (unsigned i = 0; i < COLUMNS; i++) {
        char number[24];
        uint64_t value =
            column[i].counter == MM_COUNTERS ? counter[MM_FAULTS] + counter[MM_REQUESTS] : counter[column[i].counter];
        say_to(number, sizeof number, "%lu", value);
        print_cell(number, column[i].width);
    }
    say("\n");
}

void report_counters(const struct server_plan *plan, unsigned harts)
{
    uint64_t counter[MM_COUNTERS];

    say("\ninit: %s (%s, %s)\n", plan->node, plan->protocol == SERVER_PROTOCOL_RW ? "rw" : "adv",
        plan->flush == SERVER_FLUSH_NOW ? "now" : "lazy");
    print_cell("hart", 6);
    for (unsigned i = 0; i < COLUMNS; i++) {
        print_cell(column[i].name, column[i].width);
    }
    say("\n");
    for (unsigned hart = 0; hart < harts; hart++) {
        char name[12];
        server_counters(plan, hart, counter);
        say_to(name, sizeof name, "%u", hart);
        print_row(name, counter);
    }
    server_counters(plan, ~0ull, counter);
    print_row("all", counter);
}

static unsigned leaked(const struct server_plan *plan, const char *what, uint64_t now, uint64_t before)
{
    if (now == before) {
        return 0;
    }
    say("init: %s: leak: %s: %lu pages, %lu before the first client\n", plan->node, what, now, before);
    return 1;
}

unsigned report_leaks(const struct server_plan *plan)
{
    uint64_t counter[MM_COUNTERS];
    unsigned leaks = 0;

    server_counters(plan, ~0ull, counter);
    leaks += leaked(plan, "frames of clients", counter[MM_FRAMES_NOW], 0);
    leaks += leaked(plan, "page tables", counter[MM_TABLES_NOW], 0);
    leaks += leaked(plan, "metadata", counter[MM_META_NOW], 0);
    leaks += leaked(plan, "free memory", counter[MM_FRAMES_FREE], plan->free_pages);
    if (leaks == 0) {
        say("init: %s: %lu pages free, as before the first client: nothing leaked\n", plan->node, plan->free_pages);
    }
    return leaks != 0;
}
