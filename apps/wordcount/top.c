/* Bounded heap of words (top.h). Invariant: no word comes after its parent in output order, so heap[0] is the last. */
#include <string.h>
#include "top.h"

int wc_word_before(const struct wc_word *a, const struct wc_word *b)
{
    if (a->count != b->count) {
        return a->count > b->count;
    }
    int order = memcmp(a->text, b->text, a->bytes < b->bytes ? a->bytes : b->bytes);
    return order != 0 ? order < 0 : a->bytes < b->bytes;
}

int wc_top_init(struct wc_top *top, size_t capacity, struct wc_arena *arena)
{
    *top = (struct wc_top){.capacity = capacity};
    if (capacity > SIZE_MAX / sizeof *top->heap) {
        return -1;
    }
    top->heap = wc_arena_alloc(arena, capacity * sizeof *top->heap);
    return top->heap == NULL ? -1 : 0;
}

static void swap(struct wc_word *a, struct wc_word *b)
{
    struct wc_word t = *a;

    *a = *b;
    *b = t;
}

static void sift_up(struct wc_word *heap, size_t i)
{
    while (i > 0 && wc_word_before(&heap[(i - 1) / 2], &heap[i])) {
        swap(&heap[(i - 1) / 2], &heap[i]);
        i = (i - 1) / 2;
    }
}

static void sift_down(struct wc_word *heap, size_t used, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < used; i = child) {
        if (child + 1 < used && wc_word_before(&heap[child], &heap[child + 1])) {
            child++;
        }
        if (!wc_word_before(&heap[i], &heap[child])) {
            return;
        }
        swap(&heap[i], &heap[child]);
    }
}

void wc_top_offer(struct wc_top *top, const struct wc_word *word)
{
    if (top->used < top->capacity) {
        top->heap[top->used] = *word;
        sift_up(top->heap, top->used++);
    } else if (top->used > 0 && wc_word_before(word, &top->heap[0])) {
        top->heap[0] = *word;
        sift_down(top->heap, top->used, 0);
    }
}

void wc_top_sort(struct wc_top *top)
{
    for (size_t left = top->used; left > 1; left--) {
        swap(&top->heap[0], &top->heap[left - 1]);
        sift_down(top->heap, left - 1, 0);
    }
}
