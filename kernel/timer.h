/* Time: deadlines of notifications, and the end of time slices, on each hart's one timer. */
#pragma once
#include "hart.h"

struct notification;

uint64_t timer_now(void);
/* Arms the notification on this hart. NOT_ENOUGH_MEMORY: TIMERS_PER_HART are armed here. STATUS_RESTART: it is armed. */
status_t timer_arm(struct notification *n, uint64_t deadline, uint64_t badge);
/* Whether the notification could be armed on this hart once its old deadline is cancelled. */
bool timer_room(const struct notification *n);
void timer_cancel(struct notification *n); /* from any hart; no effect if not armed */
/* On a timer interrupt: signals what is due, ends the slice. */
void timer_interrupt(struct hart *h);
/* Starts the clock of a slice; stops it. */
void timer_slice_start(struct hart *h);
void timer_slice_stop(struct hart *h);
void timer_init_hart(void);
