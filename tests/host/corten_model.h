/* A plain model of an address space, an array of pages, and random transactions that are done on both and compared. */
#pragma once
#include "corten_port.h"

#define MODEL_PAGES 4096

struct model_page {
    uint8_t kind, rights;
    uint64_t content; /* MAPPED, HELD: what every 64th word of the frame holds */
};

/* Pages 0 .. MODEL_PAGES - 1 stand in four windows of the space, across boundaries of tables of every level and at
 * both ends. */
struct model {
    struct ct_space *space;
    struct model_page page[MODEL_PAGES];
};

uint64_t model_va(uint64_t page);

/* One random request of worker w on pages low .. high - 1, which only this thread uses, compared with the model. */
void model_step(struct model *m, struct ct_worker *w, uint64_t low, uint64_t high, uint64_t *random);

/* Compares the pages. With port_around > 1 a page that the model has untouched may be mapped, and zero: it came with another. */
void model_compare(struct model *m, struct ct_worker *w, uint64_t low, uint64_t high);
