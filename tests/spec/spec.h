/* An executable specification of the kernel's objects, after docs/abi.md: what each system call of a program must return, and
 * what it does to the capabilities, page tables and notifications that the program holds.
 *
 * It describes a *world*: one CNode of 64 slots (the root CSpace of the one thread that calls), one Untyped, and all that is made
 * of it. Nobody else has capabilities to any of it, so every answer is determined. Calls that would wait, or run another thread,
 * are outside it. No kernel code is in here, and no kernel header but those of the ABI; it is linked into the program that makes
 * the calls (tests/kernel/worlds.c) and into host tests (tests/host/test_spec.c).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <tenon/error.h>
#include <tenon/invoke.h>
#include <tenon/message.h>
#include <tenon/object.h>
#include <tenon/ptbatch.h>
#include <tenon/syscall.h>

#define SPEC_RADIX 6
#define SPEC_ROOT_SLOTS (1u << SPEC_RADIX)
#define SPEC_SLOTS 256  /* of the root, and inside other objects */
#define SPEC_OBJECTS 64 /* alive at once; the caller of spec_call() sees to it that there is room: spec_has_room() */
#define SPEC_BATCH_WORDS 384   /* an IPC buffer of one page */
#define SPEC_INNER_RADIX_MAX 3 /* of CNodes made in the world */

enum spec_kind { SPEC_COPY, SPEC_ORIGINAL };

struct spec_slot {
    uint16_t object;     /* index; 0: the slot is empty */
    uint16_t next, prev; /* neighbours in the order of derivation; 0: none */
    uint8_t rights, kind;
    uint64_t badge;
};

struct spec_object {
    uint8_t type, bits;         /* bits: log2 of the bytes */
    uint8_t level;              /* PageTable */
    bool had_root;              /* VSpace */
    bool is_root;               /* PageTable: of a VSpace */
    uint16_t slots, slot_count; /* slots inside: CNode, VSpace (its root), TCB (its buffer) */
    uint16_t caps;              /* capabilities to it */
    uint64_t base;              /* physical address */
    uint64_t used;              /* Untyped: bytes given away */
    uint64_t bits_set;          /* Notification */
    uint64_t reg[32];           /* TCB: pc, x1..x31 */
    uint64_t *entries;          /* PageTable */
};

struct spec {
    struct spec_slot slot[SPEC_SLOTS];
    struct spec_object object[SPEC_OBJECTS];
    bool slot_taken[SPEC_SLOTS];
    uint64_t entries[SPEC_OBJECTS][TN_PT_ENTRIES];
    uint32_t levels; /* of page tables */
    uint32_t harts;
    uint32_t priority; /* of the caller */
};

/* A system call: a0..a6 and a7, and the batch where it is a page-table write. */
struct spec_call {
    uint64_t number, a[7];
};

/* What it must return. */
struct spec_answer {
    enum tn_error error;
    uint32_t words; /* words that come with it */
    uint64_t mr[4];
    bool mr_checked; /* mr[0 .. words) are determined */
    uint64_t a0;
    uint32_t failed_run; /* of a refused batch */
    bool has_failed_run;
    uint64_t old[SPEC_BATCH_WORDS]; /* words of the batch area that hold old entries ... */
    bool old_set[SPEC_BATCH_WORDS]; /* ... where this says so */
};

/* A world: slot `self` holds a copy of the capability to the root CNode, slot `untyped` the Untyped at `base`. */
void spec_init(struct spec *s, uint32_t levels, uint32_t harts, uint32_t priority, uint32_t self, uint32_t untyped,
               uint64_t base, uint32_t bits);
/* Carries the call out. `batch`: the batch area as words, as it is before the call. */
void spec_call(struct spec *s, const struct spec_call *c, const uint64_t *batch, struct spec_answer *a);
/* There is room for `objects` more objects and the slots inside them. */
bool spec_has_room(const struct spec *s, uint32_t objects);
/* Everything that must always hold; NULL, or what does not. */
const char *spec_check(const struct spec *s);

/* Between the files of the specification. */
#define SPEC_NO_SLOT 0u
uint32_t spec_lookup(const struct spec *s, uint64_t cptr);         /* index of the slot, SPEC_NO_SLOT: names none */
struct spec_object *spec_object_of(struct spec *s, uint32_t slot); /* NULL: empty */
void spec_pt_write(struct spec *s, const uint64_t *batch, struct spec_answer *a);
void spec_pt_clear_range(struct spec *s, uint64_t base, uint64_t bytes);
