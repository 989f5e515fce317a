/* The end of a program: what exit(), abort(), raise() and _Exit() of the C library come down to.
 *
 * A file of its own, so that programs with another start-up can have another end. There are no processes to signal but
 * oneself, and no process ids: a program calls itself 1.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <tenon/mm.h>
#include <tenon/stdio.h>
#include <unistd.h>

#define OWN_PID 1
#define STATUS_SIGNAL 128 /* as a shell reports a program that a signal ended: 128 + its number */

_Noreturn void _exit(int status)
{
    tn_stdio_flush();
    mm_exit((uint8_t)status);
}

pid_t getpid(void)
{
    return OWN_PID;
}

/* The default action of raise(), which knows the handlers: every signal ends the program; 0 asks whether it is there.
 * */
int kill(pid_t pid, int signal)
{
    if (pid != OWN_PID) {
        errno = ESRCH;
        return -1;
    }
    if (signal < 0 || signal >= NSIG) {
        errno = EINVAL;
        return -1;
    }
    if (signal != 0) {
        _exit(STATUS_SIGNAL + signal);
    }
    return 0;
}
