/* A server thread that several files of tests use: echoes what it gets (echo.c). */
#pragma once
#include "kt.h"

#define ECHO_STOP 0x57
/* arg[0] endpoint, arg[1] Reply object. Answers label + 1, each word + 1, and the same number of words; where there is
 * room, word 0 of the answer to label ECHO_BADGE is the badge. Ends after answering label ECHO_STOP. */
#define ECHO_BADGE 0x58
void echo_main(struct kt_thread *t);
struct kt_thread *echo_spawn(unsigned hart, tn_cptr_t ep);
void echo_stop(struct kt_thread *server); /* asks it to end and joins it */
