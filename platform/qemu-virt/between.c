/* between: a QEMU plug-in that stops one hart before an exact instruction of a request, lets another hart do what it has
 * to do meanwhile, and then goes on. tests/kill_tests.py starts it; docs/verification.md, "Failure", says what for.
 *
 *     qemu-system-riscv64 -accel tcg,thread=single -icount shift=0,sleep=off ... -plugin between.so,out=FILE
 *
 * Two harts meet in a round. Each tells by an instruction that does nothing, and that is followed by a jump, so that a
 * block ends there:
 *
 *     slti x0, x0, 16        the other hart stands ready
 *     slti x0, x0, 17        the request is over
 *     slti x0, x0, 18        the other hart is done, and waits until the one with the request idles
 *     slti x0, x0, 32 + n    a request of kind n begins (n < 64)
 *
 * Who comes first waits for the other. Then the hart with the request runs alone, one instruction at a time where a point
 * may be, until that is reached, or the request is over, or the hart idles. There it stands still while the other one runs.
 * It gets short turns only where the other hart spins in the kernel (`pause`), up to its next return to user mode: so it
 * answers interrupts and gives up the kernel's locks, but where it stood in user mode it stays there. When the other
 * hart idles, spins in user mode, has come to its next mark, or has executed `hold` instructions, the round is over, and
 * both run in turns.
 *
 * Points. Each round of a kind stops at the first instruction at which no earlier round of this kind has stopped: so
 * every one has its turn, at its first execution in the request. `thin=N` takes about one of N, the same ones in every
 * run; `skip=1` leaves out those of kernel and firmware; `every=N` adds instructions at a later execution: those whose
 * number, counted from the mark on, is a multiple of N. With `measure=1` nobody is stopped before the end, and the
 * points are counted, each once a round. The first `warm` rounds of a kind have no points: what a system does once, like opening
 * its first chunk of memory, is over then.
 *
 * Written to `out`, a line for each round: kind, number of the instruction, address, first bytes of the code there, and
 * `point`; or `over` where the request was over before there was another point. With `measure=1` a line for each point, too,
 * with `counted`, and behind each the number of points in the round. The number is exact with `every` alone: else blocks
 * without points run whole, and may be left early.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plugin_start.h"

/* Functions and variables of QEMU itself, exported for modules: ending the current hart's turn, and whether a block that
 * is looked up from now on has one instruction. */
extern __thread void *current_cpu;
extern int singlestep;
void cpu_exit(void *cpu);
_Noreturn void cpu_loop_exit_restore(void *cpu, uintptr_t host_pc);

#define HARTS_MAX 8u
#define KINDS_MAX 64u
#define CODE_BYTES 16u
#define PAGE_BYTES 4096u
#define BLOCK_BITS 14u
#define SEEN_BITS 20u /* points of all kinds that can be remembered: half of it */
#define KERNEL_HALF (1ull << 63)
#define FIRMWARE_LOW 0x80000000ull
#define FIRMWARE_HIGH 0x80200000ull
#define SLICE 3000u    /* instructions of a turn while no round is on */
#define RELAY 1000u    /* of a short turn, at most */
#define SETTLE 100000u /* instructions after which nobody waits for the other to idle any more */
#define STEPS 200u     /* one by one and without a point, before whole blocks are tried again */

#define WFI 0x10500073u
#define SRET 0x10200073u
#define PAUSE 0x0100000fu
#define MARK_MASK 0x000fffffu
#define MARK_CODE 0x00002013u /* slti x0, x0, n */
enum mark { MARK_READY = 16, MARK_OVER, MARK_DONE, MARK_BEGIN = 32 };

static struct {
    uint64_t every, hold, thin, skip, measure, warm;
    FILE *out;
} option = {.hold = 500000, .thin = 1};

struct place { /* an instruction */
    uint64_t pc, key;
    uint8_t code[CODE_BYTES]; /* from there on, to tell programs at the same addresses apart */
    unsigned bytes;
};

struct block {          /* kept for ever, as its code may be run again; one for equal ones */
    struct block *next; /* of the same hash */
    uint64_t instrs, key;
    uint64_t done; /* a bit for each kind: none of its instructions will be a point again */
    struct place place[];
};

static enum {
    STATE_FREE,   /* no round is on */
    STATE_WINDOW, /* the request's hart runs alone, up to the point */
    STATE_HELD,   /* it stands there, the other one runs */
} state;

#define NOBODY (-1)
static unsigned harts;
static int turn = NOBODY;
static uint64_t used; /* instructions of this turn */
static bool awake[HARTS_MAX], waits[HARTS_MAX];
static int asker = NOBODY, other = NOBODY; /* harts of the round that have come, or are in it */
static unsigned kind;
static uint64_t number, held,
    points;                /* of instructions: since the mark, by the other hart; of points, when measuring */
static uint64_t stepped;   /* instructions one by one, without a point */
static int relay = NOBODY; /* who has a short turn */
static int settler = NOBODY, awaited = NOBODY; /* who waits until whose request is over, too */
static uint64_t settled;                       /* instructions since */
static uint64_t rounds[KINDS_MAX];             /* begun */
static uint64_t next_number[KINDS_MAX];        /* multiples below it have been points */
static uint64_t *seen;
static uint64_t *place_seen; /* where is_new() has looked last */

/* ---- Points ---- */

/* true: no round of this kind has stopped there. */
static bool is_new(uint64_t key)
{
    uint64_t i = key >> (64 - SEEN_BITS), mask = (1u << SEEN_BITS) - 1;
    unsigned tries = 0;

    for (; seen[i] != 0 && seen[i] != key; i = (i + 1) & mask)
        if (++tries == mask / 2)
            abort();
    place_seen = &seen[i];
    return seen[i] != key;
}

static uint64_t mix(uint64_t h, uint64_t value)
{
    return (h ^ value) * 0x9e3779b97f4a7c15ull;
}

static bool is_skipped(const struct place *p)
{
    if (p->key / 64 % option.thin != 0 || rounds[kind] <= option.warm)
        return true;
    return option.skip && (p->pc >= KERNEL_HALF || (p->pc >= FIRMWARE_LOW && p->pc < FIRMWARE_HIGH));
}

static uint64_t key_of(const struct place *p)
{
    return mix(p->key, kind + 1 + (option.measure ? KINDS_MAX * rounds[kind] : 0));
}

/* The instruction is about to run, alone. */
static bool is_point(const struct place *p)
{
    if (is_skipped(p))
        return false;
    if (is_new(key_of(p))) {
        *place_seen = key_of(p);
        return true;
    }
    return option.every != 0 && number % option.every == 0 && number >= next_number[kind];
}

/* No instruction of the block can be a point. */
static bool has_none(struct block *b)
{
    if (rounds[kind] <= option.warm)
        return true;
    if (option.every != 0 || option.measure)
        return false;
    for (uint64_t i = 0; !(b->done >> kind & 1) && i < b->instrs; i++)
        if (!is_skipped(&b->place[i]) && is_new(key_of(&b->place[i])))
            return false;
    b->done |= 1ull << kind;
    return true;
}

static void say(const struct place *p, const char *what)
{
    fprintf(option.out, "%u %" PRIu64 " %" PRIx64 " ", kind, number, p ? p->pc : 0);
    for (unsigned i = 0; p && i < p->bytes; i++)
        fprintf(option.out, "%02x", p->code[i]);
    fprintf(option.out, "%s %s", p && p->bytes ? "" : "-", what);
    if (option.measure)
        fprintf(option.out, " %" PRIu64, points);
    fputc('\n', option.out);
    fflush(option.out);
}

/* ---- Whose turn ---- */

/* `host_pc`: where the block called the plug-in. */
static _Noreturn void leave(uintptr_t host_pc)
{
    cpu_exit(current_cpu);
    cpu_loop_exit_restore(current_cpu, host_pc);
}

/* Of the harts that are awake and need not wait, the next one. */
static void pass(unsigned from)
{
    turn = NOBODY;
    used = 0;
    for (unsigned step = 1; step <= harts && turn == NOBODY; step++) {
        unsigned next = (from + step) % harts;
        if (awake[next] && !waits[next])
            turn = (int)next;
    }
}

static void give(int to)
{
    turn = to;
    used = 0;
}

static void round_open(void)
{
    if (asker == NOBODY || other == NOBODY)
        return;
    waits[asker] = waits[other] = false;
    state = STATE_WINDOW;
    number = points = 0;
    rounds[kind]++;
    give(asker);
}

static void round_close(unsigned by)
{
    state = STATE_FREE;
    awaited = asker;
    asker = other = NOBODY;
    pass(by);
}

static void round_hold(const struct place *p, const char *what)
{
    say(p, what);
    next_number[kind] = number + 1;
    state = STATE_HELD;
    singlestep = 0;
    held = 0;
    relay = NOBODY;
    if (awake[other])
        give(other);
    else /* the request has ended who stood there */
        round_close((unsigned)asker);
}

static void settle_end(void)
{
    if (settler != NOBODY)
        waits[settler] = false;
    settler = NOBODY;
}

/* What the request has still to do is done before the other hart goes on. */
static void settle_begin(unsigned c)
{
    if (state == STATE_HELD && (int)c == other)
        round_close(c);
    if (state != STATE_FREE || awaited == NOBODY || !awake[awaited])
        return;
    settler = (int)c;
    settled = 0;
    waits[c] = true;
    pass(c);
}

static void on_mark(unsigned c, void *which)
{
    unsigned n = (unsigned)(uintptr_t)which;

    if (n == MARK_DONE) {
        settle_begin(c);
        return;
    }
    if (n == MARK_READY && state == STATE_HELD && (int)c == other)
        round_close(c);
    if (n == MARK_READY && other == NOBODY && (int)c != asker) {
        other = (int)c;
    } else if (n >= MARK_BEGIN && asker == NOBODY && (int)c != other) {
        asker = (int)c;
        kind = n - MARK_BEGIN;
    } else {
        if (n == MARK_OVER && state == STATE_WINDOW && (int)c == asker)
            round_hold(NULL, "over");
        return;
    }
    waits[c] = true;
    pass(c);
    round_open();
}

/* Whose turn it is in a round, but for short turns. */
static int round_owner(void)
{
    return state == STATE_WINDOW ? asker : other;
}

static void relay_end(void)
{
    relay = NOBODY;
    give(round_owner());
}

static void on_wfi(unsigned c, void *unused)
{
    (void)unused;
    awake[c] = false;
    if ((int)c == awaited)
        settle_end();
    if (state == STATE_WINDOW && (int)c == asker && relay == NOBODY)
        round_hold(NULL, "over");
    else if (state == STATE_HELD && (int)c == other)
        round_close(c);
    else if ((int)c == relay)
        relay_end();
    else if ((int)c == turn)
        pass(c);
}

static void on_sret(unsigned c, void *unused)
{
    (void)unused;
    if ((int)c == relay)
        relay_end();
}

/* A hart that spins in user mode cannot go on before the other one has. */
static void on_user_pause(unsigned c, void *unused)
{
    (void)unused;
    cpu_exit(current_cpu);
    if (state == STATE_HELD && (int)c == other && relay == NOBODY)
        round_close(c);
    else if (state == STATE_FREE && (int)c == turn)
        pass(c);
}

/* A hart that spins waits for another one. QEMU goes round the harts, so that one which idled sees its interrupt. */
static void on_pause(unsigned c, void *unused)
{
    int partner = (int)c == asker ? other : asker;

    (void)unused;
    cpu_exit(current_cpu);
    if (state == STATE_FREE) {
        if ((int)c == turn)
            pass(c);
    } else if (relay == NOBODY && (int)c == round_owner() && awake[partner]) {
        relay = partner;
        give(partner);
    }
}

/* true: the block is not to be run. Blocks without a point run whole; before others it goes on by single instructions. */
static bool run_window(struct block *b)
{
    if (b->instrs > 1) {
        if (singlestep || !has_none(b)) {
            stepped = 0;
            singlestep = 1;
            return true;
        }
    } else if (is_point(&b->place[0])) {
        points++;
        if (!option.measure) {
            round_hold(&b->place[0], "point");
            return true;
        }
        say(&b->place[0], "counted");
    } else if (++stepped > STEPS && option.every == 0) {
        singlestep = 0;
    }
    number += b->instrs;
    return false;
}

static bool run_in_turn(unsigned c, struct block *b)
{
    if (relay == (int)c) {
        if ((used += b->instrs) > RELAY)
            relay_end();
    } else if (state == STATE_WINDOW) {
        return run_window(b);
    } else if (state == STATE_HELD) {
        if ((held += b->instrs) > option.hold)
            round_close(c);
    } else {
        settled += b->instrs;
        if (settled > SETTLE)
            settle_end();
        if ((used += b->instrs) > SLICE)
            pass(c);
    }
    return (int)c != turn;
}

/* A block is about to run. Leaves it, as if it had not been reached, where it is another hart's turn. */
static void on_block(unsigned c, void *udata)
{
    awake[c] = true;
    if (turn == NOBODY && !waits[c])
        give((int)c);
    if ((int)c != turn || run_in_turn(c, udata))
        leave((uintptr_t)__builtin_return_address(0));
}

/* ---- Translation ---- */

static uint32_t encoding(const struct qemu_plugin_insn *insn)
{
    uint32_t code = 0;

    memcpy(&code, qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn) == 4 ? 4 : 2);
    return code;
}

static void place_make(struct place *p, const struct qemu_plugin_insn *insn)
{
    const uint8_t *host = qemu_plugin_insn_haddr((struct qemu_plugin_insn *)(uintptr_t)insn);

    p->pc = qemu_plugin_insn_vaddr(insn);
    if (host != NULL) {
        unsigned left = PAGE_BYTES - (unsigned)(p->pc % PAGE_BYTES);
        p->bytes = left < CODE_BYTES ? left : CODE_BYTES;
        memcpy(p->code, host, p->bytes);
    }
    p->key = mix(1, p->pc);
    for (unsigned i = 0; i < CODE_BYTES; i += 8) {
        uint64_t word;
        memcpy(&word, p->code + i, 8);
        p->key = mix(p->key, word);
    }
}

static bool is_equal(const struct block *a, const struct block *b)
{
    if (a->key != b->key || a->instrs != b->instrs)
        return false;
    for (uint64_t i = 0; i < a->instrs; i++)
        if (a->place[i].pc != b->place[i].pc || memcmp(a->place[i].code, b->place[i].code, CODE_BYTES) != 0)
            return false;
    return true;
}

/* Programs are loaded again and again, and translated each time. */
static struct block *block_make(const struct qemu_plugin_tb *tb)
{
    static struct block *all[1u << BLOCK_BITS];
    size_t count = qemu_plugin_tb_n_insns(tb);
    struct block *b = calloc(1, sizeof *b + count * sizeof b->place[0]);

    if (b == NULL)
        abort();
    b->instrs = count;
    for (size_t i = 0; i < count; i++) {
        place_make(&b->place[i], qemu_plugin_tb_get_insn(tb, i));
        b->key = mix(b->key, b->place[i].key);
    }
    struct block **head = &all[b->key >> (64 - BLOCK_BITS)];
    for (struct block *old = *head; old != NULL; old = old->next) {
        if (is_equal(old, b)) {
            free(b);
            return old;
        }
    }
    b->next = *head;
    *head = b;
    return b;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_RW_REGS, block_make(tb));
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint32_t code = encoding(insn), n = code >> 20;
        bool user = qemu_plugin_insn_vaddr(insn) < KERNEL_HALF;
        qemu_plugin_vcpu_udata_cb_t call = code == WFI     ? on_wfi
                                           : code == SRET  ? on_sret
                                           : code != PAUSE ? NULL
                                           : user          ? on_user_pause
                                                           : on_pause;
        if ((code & MARK_MASK) == MARK_CODE && n >= MARK_READY && n < MARK_BEGIN + KINDS_MAX)
            call = on_mark;
        if (call != NULL)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, call, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)n);
    }
}

/* ---- Installation ---- */

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    const struct plugin_option options[] = {
        {"out=", plugin_file, &option.out},     {"every=", plugin_number, &option.every},
        {"hold=", plugin_number, &option.hold}, {"thin=", plugin_number, &option.thin},
        {"skip=", plugin_number, &option.skip}, {"measure=", plugin_number, &option.measure},
        {"warm=", plugin_number, &option.warm},
    };

    if (!plugin_start("between", info, HARTS_MAX, argc, argv, options, sizeof options / sizeof options[0]))
        return -1;
    harts = (unsigned)info->system.smp_vcpus;
    seen = calloc(1u << SEEN_BITS, sizeof *seen);
    if (option.out == NULL || seen == NULL)
        return plugin_refuse("between", "needs out=FILE, and memory");
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
