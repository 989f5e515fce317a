/* Standard streams on the kernel's console.
 *
 * stdout and stderr share one line buffer per thread: a line is printed when it is complete, when the buffer is full,
 * at fflush, and at the end of its thread or of the program. Lines of one client's threads never mix. The kernel prints
 * at most TN_DEBUG_PUT_BYTES_MAX bytes in one piece, so longer lines of two programs may.
 * What another thread has in an unfinished line when the program ends is lost. stdin is at its end.
 */
#pragma once

/* Print what the calling thread has in its line buffer. */
void tn_stdio_flush(void);
