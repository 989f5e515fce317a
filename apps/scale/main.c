/* scale: what `make scale` measures on many harts; the timing plug-in takes the time.
 *
 * usage: scale             memory benchmarks
 *        scale controls    what is known beforehand: counters and locks
 * Exit status: 0, or 1: something did not do what it should (a line says what), so the figures mean nothing.
 */
#include "control.h"
#include "hart.h"
#include "memory.h"
#include <string.h>

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "controls") == 0)
        return harts_run(control_run) ? 0 : 1;
    return harts_run(memory_run) ? 0 : 1;
}
