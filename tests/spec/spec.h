/* An executable specification of the kernel's objects, after docs/abi.md: what each system call of a program must return, and
 * what it does to the capabilities, page tables, notifications, endpoints and threads that the program holds.
 *
 * It describes a *world*: one CNode of 64 slots (the root CSpace of the thread that drives it), one Untyped, and all that is made
 * of it, on one hart. Nobody else has capabilities to any of it, so every answer is determined. The driver makes calls that do not
 * wait (spec_call). The threads made in the world run when the driver lets them (spec_run), each by itself until it waits or has
 * stopped: with priorities that all differ and none above the driver's, the one that runs is always the ready one of the highest
 * priority. They run one little program (struct spec_program), whose registers are specified too.
 *
 * No kernel code is in here, and no kernel header but those of the ABI; it is linked into the program that makes the calls
 * (tests/kernel/worlds.c) and into host tests (tests/host/test_spec.c).
 *
 *     spec.c      slots, objects, derivation, Untypeds, CNodes          spec_thread.c   TCBs, and the program that they run
 *     spec_call.c system calls and invocations, sorted                  spec_ipc.c      messages, replies, notifications, faults
 *     spec_pt.c   page-table batches
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tenon/error.h>
#include <tenon/fault.h>
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
#define SPEC_PRIORITY_MIN 2    /* threads below it never run: who lets the others run has priority 1 */
#define SPEC_PAST 16           /* deadlines below it have passed */
#define SPEC_PAGES 128         /* of the Untyped, at most */
#define SPEC_MESSAGE_WORDS 68  /* struct tn_ipc_buffer */

enum spec_kind { SPEC_COPY, SPEC_ORIGINAL };

struct spec_slot {
    uint16_t object;     /* index; 0: the slot is empty */
    uint16_t next, prev; /* neighbours in the order of derivation; 0: none */
    uint8_t rights, kind;
    uint64_t badge;
};

struct spec_object {
    uint8_t type, bits; /* bits: log2 of the bytes */
    uint8_t level;      /* PageTable */
    bool had_root;      /* VSpace */
    bool is_root;       /* PageTable: of a VSpace */
    uint16_t slots,
        slot_count;    /* slots inside: CNode, VSpace (its root), TCB (enum spec_tcb_slot), Gate (a hart each) */
    uint16_t caps;     /* capabilities to it */
    uint64_t base;     /* physical address */
    uint64_t used;     /* Untyped: bytes given away */
    uint64_t bits_set; /* Notification */
    uint64_t *entries; /* PageTable */
    uint16_t caller;   /* Reply: the thread in it; 0: none */
    /* TCB */
    uint8_t state; /* enum spec_state */
    uint8_t priority;
    uint8_t send_how;     /* while it waits to send */
    uint8_t fault;        /* message that waits or is to be answered; 0: none */
    uint16_t waits_on;    /* Endpoint, Notification or Reply */
    uint32_t buffer_page; /* of the Frame in its slot */
    uint64_t turn;        /* order among those that wait there */
    uint64_t send_badge, fault_badge, fault_mr[4];
    uint64_t reg[32]; /* pc, x1..x31 */
};

enum spec_tcb_slot { SPEC_TCB_CSPACE, SPEC_TCB_VSPACE, SPEC_TCB_BUFFER, SPEC_TCB_FAULT, SPEC_TCB_SLOTS };
enum spec_state { SPEC_INACTIVE, SPEC_READY, SPEC_SENDS, SPEC_RECEIVES, SPEC_CALLS, SPEC_WAITS };
enum { SPEC_A0 = 10, SPEC_A1, SPEC_A2, SPEC_A3, SPEC_A4, SPEC_A5, SPEC_A6, SPEC_A7 };

/* What the world's threads run: loads a0..a7 from the block that tp points to, makes a system call, stores a0..a5 behind
 * them, and stops at an ebreak. Four addresses of code; anything else that a thread may be sent to must not be mapped. */
struct spec_program {
    uint64_t load, call, store, stop;
    uint64_t block;      /* address of the first block */
    uint64_t stop_stval; /* what the hart says of the ebreak: its address, or 0 */
};
#define SPEC_BLOCKS 8
struct spec_block {
    uint64_t in[8], out[6], unused[2];
};

struct spec {
    struct spec_slot slot[SPEC_SLOTS];
    struct spec_object object[SPEC_OBJECTS];
    bool slot_taken[SPEC_SLOTS];
    uint64_t entries[SPEC_OBJECTS][TN_PT_ENTRIES];
    uint32_t levels; /* of page tables */
    uint32_t harts;
    uint32_t hart; /* where the world is */
    uint32_t root; /* object: root CNode of whoever calls; 0: none */
    uint32_t driver,
        space; /* objects: the thread that makes spec_call's calls; the VSpace where the program is mapped */
    uint32_t first_buffer; /* object: the Frame of page[] */
    uint64_t turns;
    struct spec_count {
        uint64_t calls;    /* made by threads of the world */
        uint64_t messages; /* and signals, that somebody waited for */
        uint64_t faults;   /* of these */
        uint64_t answers;  /* of Reply objects */
        uint64_t caps;     /* that went along */
        uint64_t gone;     /* threads that waited for what went */
        uint64_t stopped;  /* threads that waited and were suspended */
    } count;
    uint64_t batches; /* that threads wrote */
    struct spec_program program;
    struct spec_block block[SPEC_BLOCKS];
    /* Content of memory that IPC buffers lie in: of the Frame of buffers, and the messages in the Untyped's pages. */
    uint64_t page[SPEC_BLOCKS][TN_PAGE_BYTES / 8];
    uint64_t message[SPEC_PAGES][SPEC_MESSAGE_WORDS];
    uint64_t memory_base;
    uint32_t room_objects, room_slots; /* used */
};

/* A system call: a0..a6 and a7, and the batch where it is a page-table write. */
struct spec_call {
    uint64_t number, a[7];
};

/* What it must return. */
struct spec_answer {
    enum tn_error error;
    uint32_t words;      /* words of results or of an error */
    uint64_t mr[32];     /* of them */
    uint64_t reg[6];     /* a0..a5 after the call */
    uint32_t failed_run; /* of a refused batch */
    bool has_failed_run;
    uint64_t old[SPEC_BATCH_WORDS]; /* words of the batch area that hold old entries ... */
    bool old_set[SPEC_BATCH_WORDS]; /* ... where this says so */
};

/* The slots of a world that are there at first. */
struct spec_world {
    uint32_t levels, harts, hart, priority; /* of the machine, of the driver */
    uint32_t self, untyped, space,
        buffers; /* slots: copy of the root CNode, Untyped, VSpace, Frame of SPEC_BLOCKS pages */
    uint64_t untyped_base, buffers_base; /* physical */
    uint32_t untyped_bits;               /* log2 of its bytes */
    struct spec_program program;
};
void spec_init(struct spec *s, const struct spec_world *w);
/* Carries the driver's call out. `batch`: the batch area as words, as it is before the call. */
void spec_call(struct spec *s, const struct spec_call *c, const uint64_t *batch, struct spec_answer *a);
/* The driver steps back: the threads run until none is ready. */
void spec_run(struct spec *s);
/* There is room for `objects` more objects and the slots inside them. */
bool spec_has_room(const struct spec *s, uint32_t objects);
/* Everything that must always hold; NULL, or what does not. */
const char *spec_check(const struct spec *s);

/* Between the files of the specification, and for who chooses calls. */
#define SPEC_NO_SLOT 0u
uint32_t spec_lookup(const struct spec *s, uint64_t cptr);         /* index of the slot, SPEC_NO_SLOT: names none */
struct spec_object *spec_object_of(struct spec *s, uint32_t slot); /* NULL: empty */
void spec_insert_after(struct spec *s, uint32_t at, uint32_t slot, struct spec_slot cap);
void spec_remove(struct spec *s, uint32_t slot); /* empties it; the last capability takes the object along */
void spec_pt_write(struct spec *s, const uint64_t *batch, struct spec_answer *a);
void spec_pt_clear_range(struct spec *s, uint64_t base, uint64_t bytes);
enum tn_error spec_words(struct spec_answer *a, enum tn_error error, uint32_t words, uint64_t w0, uint64_t w1);
enum tn_error spec_wrong_argument(struct spec_answer *a, uint64_t number);
enum tn_error spec_wrong_cap(struct spec_answer *a, uint64_t number);
enum tn_error spec_out_of_range(struct spec_answer *a, uint64_t least, uint64_t greatest);
enum tn_error spec_retype(struct spec *s, uint32_t slot, const uint64_t *w, struct spec_answer *a);
enum tn_error spec_cnode(struct spec *s, uint32_t slot, uint64_t label, const uint64_t *w, struct spec_answer *a);
enum tn_error spec_tcb(struct spec *s, struct spec_object *caller, struct spec_object *t, uint64_t label,
                       const uint64_t *w, struct spec_answer *a);
/* A system call of thread `t`, whose registers hold it; pc is behind it. */
void spec_syscall(struct spec *s, struct spec_object *t, const uint64_t *batch, struct spec_answer *a);
bool spec_has(const struct spec *s, const struct spec_object *t, enum spec_tcb_slot which);
/* Words of a thread's IPC buffer; NULL: it has none. Beyond `limit` it is 0 and stays so. */
uint64_t *spec_buffer(struct spec *s, const struct spec_object *t, uint32_t *limit);
/* spec_ipc.c */
void spec_send(struct spec *s, struct spec_object *t, uint32_t how);
void spec_receive(struct spec *s, struct spec_object *t, bool block);
bool spec_reply(struct spec *s, struct spec_object *t); /* false: an error is set */
void spec_signal(struct spec *s, struct spec_object *n, uint64_t badge);
void spec_wait(struct spec *s, struct spec_object *t, struct spec_object *n, bool block);
void spec_fault(struct spec *s, struct spec_object *t, uint32_t label, uint64_t mr0, uint64_t mr1, uint64_t mr2,
                uint64_t mr3);
void spec_stop(struct spec *s, struct spec_object *t); /* suspended */
void spec_gone(struct spec *s, struct spec_object *o); /* an object that threads may wait for has gone */
enum { SPEC_CALL = 1, SPEC_BLOCK = 2, SPEC_GRANT = 4, SPEC_FAULT = 8 };
static inline void spec_set_info(struct spec_object *t, uint64_t info)
{
    t->reg[SPEC_A1] = info;
}
static inline void spec_set_error(struct spec_object *t, enum tn_error e)
{
    t->reg[SPEC_A0] = 0;
    t->reg[SPEC_A1] = TN_INFO_ERROR | (uint64_t)e << 12;
}
