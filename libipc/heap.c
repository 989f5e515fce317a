/* What picolibc's malloc stands on: sbrk over one reserved range, and the C library's locks.
 *
 * picolibc's malloc is one heap under one lock (__lock___libc_recursive_mutex); with the lock functions below it is
 * sound for any number of threads. Programs that allocate on every hart at once map memory of their own instead.
 * The range is reserved on the first call and costs nothing until it is touched; what sbrk gives back stays reserved.
 *
 * Locks: sbrk is called by malloc under the C library's lock, and takes none.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/lock.h>
#include <sys/mman.h>
#include <tenon/atomic.h>
#include <tenon/thread.h>
#include <unistd.h>

#define HEAP_BYTES_MAX (1ull << 32)
#define HEAP_BYTES_MIN (1ull << 20)

/* A recursive lock. `owner` is the holder's record; only its holder can find its own value there. */
struct __lock {
    struct tn_mutex mutex;
    struct tn_thread *owner; /* written by the holder; read by anybody, relaxed */
    unsigned depth;          /* holder's */
};

struct __lock __lock___libc_recursive_mutex;

static uint64_t heap_low, heap_end, heap_break;

/* Reserve as much as the manager grants, halving down to the minimum. */
static int heap_reserve(void)
{
    for (uint64_t bytes = HEAP_BYTES_MAX; bytes >= HEAP_BYTES_MIN; bytes /= 2) {
        void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map != MAP_FAILED) {
            heap_low = heap_break = (uint64_t)map;
            heap_end = heap_low + bytes;
            return 0;
        }
    }
    return -1;
}

void *sbrk(ptrdiff_t increment_bytes)
{
    uint64_t old = heap_break;

    if (heap_end == 0 && heap_reserve() != 0) {
        errno = ENOMEM;
        return (void *)-1;
    }
    old = heap_break;
    if (increment_bytes >= 0 ? (uint64_t)increment_bytes > heap_end - old
                             : -(uint64_t)increment_bytes > old - heap_low) {
        errno = ENOMEM;
        return (void *)-1;
    }
    heap_break = old + (uint64_t)increment_bytes;
    return (void *)old;
}

/* A lock that could not be allocated falls back to the library's own: slower, still right. */
static struct __lock *lock_or_default(_LOCK_T lock)
{
    return lock != NULL ? lock : &__lock___libc_recursive_mutex;
}

void __retarget_lock_init(_LOCK_T *lock)
{
    *lock = calloc(1, sizeof **lock);
}

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
    __retarget_lock_init(lock);
}

void __retarget_lock_close(_LOCK_T lock)
{
    if (lock != &__lock___libc_recursive_mutex) {
        free(lock);
    }
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
    __retarget_lock_close(lock);
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
    struct __lock *l = lock_or_default(lock);
    struct tn_thread *self = tn_self();

    if (tn_load_relaxed(&l->owner) != self) {
        tn_mutex_lock(&l->mutex);
        tn_store_relaxed(&l->owner, self);
    }
    l->depth++;
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
    struct __lock *l = lock_or_default(lock);
    struct tn_thread *self = tn_self();

    if (tn_load_relaxed(&l->owner) != self) {
        if (tn_mutex_trylock(&l->mutex) != 0) {
            return 0;
        }
        tn_store_relaxed(&l->owner, self);
    }
    l->depth++;
    return 1;
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
    struct __lock *l = lock_or_default(lock);

    if (--l->depth == 0) {
        tn_store_relaxed(&l->owner, NULL);
        tn_mutex_unlock(&l->mutex);
    }
}

/* The C library never takes a plain lock twice, so a recursive one serves. */
void __retarget_lock_acquire(_LOCK_T lock)
{
    __retarget_lock_acquire_recursive(lock);
}

int __retarget_lock_try_acquire(_LOCK_T lock)
{
    return __retarget_lock_try_acquire_recursive(lock);
}

void __retarget_lock_release(_LOCK_T lock)
{
    __retarget_lock_release_recursive(lock);
}
