/* Start-up of a client: thread-local storage, the main thread's record, constructors, main, exit.
 *
 * Called by _start (start.S) alone. init and the memory server have a _start of their own; linked first, it keeps this
 * file out of their programs.
 */
#include <stddef.h>
#include <stdlib.h>
#include <tenon/client.h>
#include <tenon/mm.h>
#include <tenon/thread.h>
#include <tenon/tls.h>

_Static_assert(offsetof(struct tn_start, stack_top) == 24, "start.S loads the stack pointer from there");

#define STATUS_BAD_START 127 /* as a shell says that it could not start a program */

_Noreturn void tn_client_start(const struct tn_start *start);
void __libc_init_array(void);
int main(int argc, char **argv);

static _Noreturn __attribute__((noinline)) void run_main(const struct tn_start *start)
{
    tn_thread_main_init(start);
    __libc_init_array();
    exit(main((int)start->argc, (char **)start->argv));
}

_Noreturn void tn_client_start(const struct tn_start *start)
{
    if (start->magic != TN_START_MAGIC) {
        mm_exit(STATUS_BAD_START);
    }
    struct tn_tls_image tls = {start->tls_image, start->tls_file_bytes, start->tls_mem_bytes, start->tls_align};
    /* The main thread never leaves this frame, so its block can stand here. */
    void *room = __builtin_alloca(tn_tls_bytes(&tls));

    tn_tls_set(tn_tls_make(&tls, room));
    run_main(start); /* out of line: nothing that depends on tp may be computed before it is set */
}
