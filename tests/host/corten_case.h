/* Small steps that the core's unit tests are written in: each is one request of worker 0 unless it says otherwise, and
 * each runs under every protocol, flush policy and number of levels (corten_case_groups). */
#pragma once
#include "corten_port.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define KIB4 4096ull
#define MIB2 (1ull << 21)
#define GIB1 (1ull << 30)
#define RW (TN_READ | TN_WRITE)

extern struct ct_space *space; /* the test's space, made anew for each test */

/* cmocka's setup and teardown of one test: a machine as *state says; teardown checks that nothing is lost. */
struct corten_mode {
    unsigned levels;
    enum ct_protocol protocol;
    enum ct_flush_policy flush;
    const char *name;
};
int case_setup(void **state);
int case_teardown(void **state);

/* Runs the tests under every mode; returns the number that failed. */
int case_run_all(const struct CMUnitTest *tests, size_t count);

enum ct_status map_fixed(uint64_t va, uint64_t bytes, ct_word_t word);
enum ct_status unmap(uint64_t va, uint64_t bytes);
enum ct_status protect(uint64_t va, uint64_t bytes, unsigned rights);
enum ct_status touch(uint64_t va, unsigned rights);
struct ct_page look(uint64_t va);

/* [low, high) is all of this kind and rights; MAPPED: a frame whose words are all `content` (~0: any). */
void expect(uint64_t low, uint64_t high, enum ct_kind kind, unsigned rights);
void fill_page(uint64_t va, uint64_t content);
void expect_page(uint64_t va, uint64_t content);

uint64_t stat_of(enum mm_counter counter);

/* All that a request could change: every page of `ranges` (pairs low, high; 0 ends), and the counters of memory held.
 * */
uint64_t state_hash(const uint64_t *ranges);
