/* The usual names for tenon/thread.h: the part of POSIX threads that maps one to one.
 *
 * Attributes are not supported: they must be NULL (EINVAL otherwise). Mutexes are of the default kind, not recursive.
 */
#pragma once
#include <errno.h>
#include <tenon/thread.h>

typedef struct tn_thread *pthread_t;
typedef struct tn_mutex pthread_mutex_t;
typedef struct tn_cond pthread_cond_t;
typedef struct tn_once pthread_once_t;
typedef struct pthread_attr pthread_attr_t;
typedef struct pthread_mutexattr pthread_mutexattr_t;
typedef struct pthread_condattr pthread_condattr_t;

#define PTHREAD_MUTEX_INITIALIZER TN_MUTEX_INIT
#define PTHREAD_COND_INITIALIZER TN_COND_INIT
#define PTHREAD_ONCE_INIT TN_ONCE_INIT

static inline int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*entry)(void *), void *argument)
{
    return attr != NULL ? EINVAL : tn_thread_create(thread, entry, argument, TN_HART_ANY, 0);
}
static inline int pthread_join(pthread_t thread, void **result)
{
    return tn_thread_join(thread, result);
}
static inline int pthread_detach(pthread_t thread)
{
    return tn_thread_detach(thread);
}
static inline pthread_t pthread_self(void)
{
    return tn_self();
}
static inline int pthread_equal(pthread_t a, pthread_t b)
{
    return a == b;
}
static inline _Noreturn void pthread_exit(void *result)
{
    tn_thread_exit(result);
}
static inline int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr)
{
    *mutex = (pthread_mutex_t)TN_MUTEX_INIT;
    return attr != NULL ? EINVAL : 0;
}
static inline int pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    return mutex->state != 0 ? EBUSY : 0;
}
static inline int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    tn_mutex_lock(mutex);
    return 0;
}
static inline int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    return tn_mutex_trylock(mutex);
}
static inline int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    tn_mutex_unlock(mutex);
    return 0;
}
static inline int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr)
{
    *cond = (pthread_cond_t)TN_COND_INIT;
    return attr != NULL ? EINVAL : 0;
}
static inline int pthread_cond_destroy(pthread_cond_t *cond)
{
    (void)cond;
    return 0;
}
static inline int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    tn_cond_wait(cond, mutex);
    return 0;
}
static inline int pthread_cond_signal(pthread_cond_t *cond)
{
    tn_cond_signal(cond);
    return 0;
}
static inline int pthread_cond_broadcast(pthread_cond_t *cond)
{
    tn_cond_broadcast(cond);
    return 0;
}
static inline int pthread_once(pthread_once_t *once, void (*function)(void))
{
    tn_once(once, function);
    return 0;
}
