/* Shared by the files of the bounded check of the core's operations. See one_table.c. */
#pragma once
#include <corten/corten.h>
#include <corten/reserve.h>
#include <corten/stock.h>

#define FRAMES 2048u /* the first 16 are borrowed */
#define BORROWED 16u
#define TABLES 96u
#define PHYS 0x80000000ull
#define TABLES_AT (PHYS + FRAMES * 4096ull)
#define BORROWED_CAP 7u
#define EXTENTS_MAX 4096
#define RW (TN_READ | TN_WRITE)
#define QUOTA 100000u

/* The case that runs; what is wrong in it ends the program. */
extern char text[200];
_Noreturn void wrong(const char *what, uint64_t a, uint64_t b);
#define CHECK(condition, a, b) ((condition) ? (void)0 : wrong(#condition, (uint64_t)(a), (uint64_t)(b)))

/*--- one_port.c: the core's port, and a state that is put back after each case ---*/

/* What is put back, entries of tables and pages of words aside. */
struct state {
    struct ct_worker worker;
    union {
        struct ct_space space;
        unsigned char bytes[4096];
    };
    uint64_t frames[FRAMES], tables[CT_LEVELS_MAX][TABLES];
    uint32_t frame_count, table_count[CT_LEVELS_MAX], table_fresh;
};
extern struct state now;

uint64_t *entry_of(uint64_t table, unsigned i);
/* Remembers the old value for restore(). */
void write_entry(uint64_t table, unsigned i, uint64_t value);
bool is_table(uint64_t paddr);
uint64_t leaf_bits(uint64_t frame, unsigned rights, unsigned soft);
/* An empty space with so many levels; bits of mode: lock protocol, flush policy. */
void start(unsigned levels, unsigned mode);
void save(void);
/* What save() found. */
void restore(void);

/*--- one_look.c: what is there ---*/

struct extent {
    uint64_t low, high; /* pages */
    uint64_t frame;     /* of MAPPED and HELD, which have extents of one page */
    uint8_t kind, rights, borrowed;
};
struct list {
    unsigned count;
    struct extent at[EXTENTS_MAX];
};
/* At the end; joined with the last one where they are alike. */
void append(struct list *list, struct extent e);
/* The tree is well formed, and everything is somewhere once; its extents. */
void look(struct list *list);

/*--- one_spec.c: what should be there ---*/

enum what { MARK, PROTECT, POPULATE, MAP, MAP_BORROWED };
struct operation {
    enum what what;
    unsigned kind, rights; /* MARK: the status given; others: rights */
};
#define OPERATIONS 13u
extern const struct operation operations[OPERATIONS];
/* What the operation should say. */
enum ct_status status_wanted(const struct operation *op, const struct list *before, uint64_t low, uint64_t high);
/* What it should leave; which frames it took is seen in `after`. */
void specify(const struct operation *op, const struct list *before, uint64_t low, uint64_t high,
             const struct list *after, struct list *wanted);
void compare(const struct list *wanted, const struct list *there);
