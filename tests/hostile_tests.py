"""Shows that the hostile memory server (tests/hostile/server.c) finds what is wrong with a kernel: it runs on kernels each of which
lacks one check (tests/hostile/kernel_NAME.sed takes it out), and must say so. A run in which all seems well is a failure."""

import glob
import os
import re

import machine

LIMIT_S = 120
# That it was noticed: by the server, or it did not survive it (its own tables are wrong by now), or the kernel did not.
FOUND = re.compile(r"^not ok 1 hostile_server: line |memserver@0: memory server died|\bPANIC\b")


def names():
    return sorted(os.path.basename(path)[len("kernel_"):-len(".sed")] for path in glob.glob("tests/hostile/kernel_*.sed"))


def check(name, build):
    """(failures, lines, seconds)"""
    system = machine.System(f"hostile-{name}", build, "tests/system/hostile_server.dts", harts=2, limit_s=LIMIT_S)
    system.kernel = os.path.join(build, "broken", "tests", "hostile", f"kernel_{name}.elf")
    result = machine.run(system, lambda line: None)
    found = any(FOUND.search(line) for line in result.lines)
    return [] if found else ["the check that is missing was not missed"], result.lines, result.seconds
