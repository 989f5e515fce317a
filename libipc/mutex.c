/* Mutex, condition variable and once over futexes.
 *
 * The mutex is the three-state one of U. Drepper, "Futexes are tricky" (2011): 0 free, 1 held, 2 held and somebody may
 * be waiting. Only who leaves state 2 behind calls tn_futex_wake, so an uncontended pair is two atomic instructions.
 */
#include <errno.h>
#include <tenon/atomic.h>
#include <tenon/thread.h>

#define SPINS 64 /* looks at a held mutex before sleeping; holders are usually short */

enum { FREE = 0, HELD = 1, CONTENDED = 2 };
enum { ONCE_NEW = 0, ONCE_RUNNING = 1, ONCE_DONE = 2 };

int tn_mutex_trylock(struct tn_mutex *mutex)
{
    uint32_t expected = FREE;

    return tn_cas_acquire(&mutex->state, &expected, HELD) ? 0 : EBUSY; /* pairs with: tn_mutex_unlock */
}

/* Take the mutex and leave it marked as waited for: whoever slept once cannot know that nobody else sleeps. */
static void lock_contended(struct tn_mutex *mutex)
{
    while (tn_exchange_acquire(&mutex->state, CONTENDED) != FREE) { /* pairs with: tn_mutex_unlock */
        (void)tn_futex_wait(&mutex->state, CONTENDED, TN_FOREVER);
    }
}

void tn_mutex_lock(struct tn_mutex *mutex)
{
    for (unsigned i = 0; i < SPINS; i++) {
        if (tn_load_relaxed(&mutex->state) == FREE && tn_mutex_trylock(mutex) == 0) {
            return;
        }
    }
    lock_contended(mutex);
}

void tn_mutex_unlock(struct tn_mutex *mutex)
{
    if (tn_exchange_release(&mutex->state, FREE) == CONTENDED) { /* pairs with: tn_mutex_trylock, lock_contended */
        (void)tn_futex_wake(&mutex->state, 1);
    }
}

int tn_cond_wait_until(struct tn_cond *cond, struct tn_mutex *mutex, uint64_t deadline)
{
    /* Read with the mutex held: a signal after the unlock changes it, and then the wait returns at once. */
    uint32_t sequence = tn_load_relaxed(&cond->sequence);

    tn_mutex_unlock(mutex);
    int error = tn_futex_wait(&cond->sequence, sequence, deadline);
    lock_contended(mutex);
    return error == -ETIMEDOUT ? ETIMEDOUT : 0;
}

void tn_cond_wait(struct tn_cond *cond, struct tn_mutex *mutex)
{
    (void)tn_cond_wait_until(cond, mutex, TN_FOREVER);
}

void tn_cond_signal(struct tn_cond *cond)
{
    (void)tn_fetch_add_relaxed(&cond->sequence, 1);
    (void)tn_futex_wake(&cond->sequence, 1);
}

void tn_cond_broadcast(struct tn_cond *cond)
{
    (void)tn_fetch_add_relaxed(&cond->sequence, 1);
    (void)tn_futex_wake(&cond->sequence, ~0u);
}

void tn_once(struct tn_once *once, void (*function)(void))
{
    uint32_t state = ONCE_NEW;

    if (tn_load_acquire(&once->state) == ONCE_DONE) { /* pairs with: the release below */
        return;
    }
    if (tn_cas_acquire(&once->state, &state, ONCE_RUNNING)) {
        function();
        tn_store_release(&once->state, ONCE_DONE);
        (void)tn_futex_wake(&once->state, ~0u);
        return;
    }
    while (tn_load_acquire(&once->state) != ONCE_DONE) {
        (void)tn_futex_wait(&once->state, ONCE_RUNNING, TN_FOREVER);
    }
}
