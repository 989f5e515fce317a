/* Waiting for a word to change, as Linux' futex, but in user space: the kernel has only notifications.
 *
 * A waiter puts itself into the queue of the word's hash bucket and waits on its thread's own notification; a waker
 * takes it out of the queue and signals that. Words of one client only. Every thread started by libipc may use these,
 * and may be woken for no reason: callers look at their word again.
 */
#pragma once
#include <stdint.h>

#define TN_FOREVER (~0ull)

/* If *word is `expected`, wait until somebody wakes the word or the time `deadline` (tn_time() ticks; TN_FOREVER:
 * none). 0: woken. -EAGAIN: *word was something else. -ETIMEDOUT. (errno values of the C library)
 * Whatever the waker wrote before tn_futex_wake is seen after a return of 0. */
int tn_futex_wait(uint32_t *word, uint32_t expected, uint64_t deadline);

/* Wake up to `count` waiters of `word`, the longest waiting first. Returns how many. Whoever changed the word before
 * this call and whoever looked at it in tn_futex_wait agree: no wake-up is lost. */
unsigned tn_futex_wake(uint32_t *word, unsigned count);

/* Sleep until `deadline`. */
void tn_sleep_until(uint64_t deadline);

/* A lock for a few instructions' work. Spins a little, then yields, then sleeps in between, so that it makes progress
 * even where the holder was preempted by the one who waits. Zero: free. */
struct tn_spinlock {
    uint32_t held;
};
void tn_spin_lock(struct tn_spinlock *lock);
void tn_spin_unlock(struct tn_spinlock *lock);

/* One step of waiting for another thread to do something soon; *step counts the steps and starts at 0. */
void tn_backoff(unsigned *step);
