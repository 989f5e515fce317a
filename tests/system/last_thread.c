/* The main thread ends, as a thread and not as the program; the program ends with its last thread, and has ended well. */
#include <pthread.h>
#include <tenon/mm.h>
#include "check.h"

static uint32_t main_lives = 1; /* the memory server writes 0 when the main thread has ended */

static void *last(void *unused)
{
    (void)unused;
    while (tn_load_acquire(&main_lives)) { /* pairs with: the server, clear_word */
        tn_yield();
    }
    printf("ok 1 last_thread: main has ended\n");
    return NULL;
}

int main(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, last, NULL) != 0 || pthread_detach(thread) != 0) {
        printf("not ok 1 last_thread: no thread\n");
        return 1;
    }
    mm_thread_exit(0, 0, 0, (uint64_t)&main_lives);
}
