"""Random system calls against the specification (tests/kernel/worlds.c, docs/verification.md): the soak, and kernels with a fault
put in, in which it must find it. Used by run.py."""

import concurrent.futures
import glob
import os
import re

import machine
import tap

MEM = "128M"  # less memory: revocations search less, and the invariants' sweep comes round sooner
WORKERS = 2   # QEMU processes side by side

# What `soak` with a number of calls is made of: (harts, mmu, parts of the number out of 1000). Harts of one machine wait for each
# other, so one with two harts runs alone, after those that fill two processors side by side.
SHARES = [(1, "sv39", 245), (1, "sv48", 245), (1, "sv57", 245), (1, "sv39", 245), (2, "sv48", 20)]

FAULT_CALLS = 400_000  # within so many calls each fault must be found
FAULT_LIMIT_S = 400
FAULT_TRIES = 2
MADE = re.compile(r"# (\d+) calls as specified: ")
FOUND = re.compile(r"# hart \d+, after (\d+) calls: (.*) differs")


def world_system(name, options, harts, mmu, seed, limit_s, amount):
    """Only the test that makes the calls."""
    return machine.System(name, options.debug, harts=harts, mem=MEM, init="ktest", limit_s=limit_s + 120,
                          bootargs="init=ktest " + (f"mmu={mmu} " if mmu else "") +
                                   f"test=worlds.as seed={seed} limit={limit_s + 60} {amount}")


class Soak:
    """One run: what it did, and how to do it again."""

    def __init__(self, options, number, harts, mmu, amount, limit_s):
        self.seed = int(options.seed) * 100 + number
        self.title = f"{harts} harts, {mmu or 'widest'}, seed {self.seed}"
        self.repeat = f"make soak SEED={options.seed} " + (f"SECONDS={options.soak_seconds}" if options.soak_seconds else
                                                           f"CALLS={options.soak_calls}")
        self.system = world_system(f"soak-{number}", options, harts, mmu, self.seed, limit_s, amount)
        self.made = 0

    def run(self):
        self.result = machine.run(self.system, lambda line: None)
        self.report = tap.read(self.result.lines)
        if self.result.hang:
            self.report.problems.append(f"hang: not done after {self.system.limit_s} s")
        for line in self.result.lines:
            found = MADE.match(line)
            self.made += int(found.group(1)) if found else 0
            self.title = f"{self.title}: {line[2:]}" if found else self.title
        return self


def soak(options):
    """Runs, as they end. By time: one machine. By calls: side by side; more processes than one only for machines of one hart."""
    if options.soak_seconds:
        yield Soak(options, 0, options.soak_harts, options.soak_mmu, f"seconds={options.soak_seconds}", options.soak_seconds).run()
        return
    shares = [(options.soak_harts, options.soak_mmu, 1000)] if options.soak_mmu else SHARES
    runs = [Soak(options, number, harts, mmu, f"calls={options.soak_calls * parts // 1000}", 3600)
            for number, (harts, mmu, parts) in enumerate(shares)]
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        yield from pool.map(Soak.run, (run for run in runs if run.system.harts == 1))
    yield from (run.run() for run in runs if run.system.harts > 1)


def faults(wanted):
    """(name, what is wrong with it) of the kernels with a fault."""
    for path in sorted(glob.glob("tests/broken/*.sed")):
        name = os.path.basename(path)[:-4]
        if wanted in name:
            with open(path, encoding="utf-8") as source:
                yield name, source.read().splitlines()[1].lstrip("# ")


def find_fault(options, name):
    """(what found it or None, lines of the last run)."""
    for number in range(FAULT_TRIES):
        system = world_system(f"broken-{name}", options, 1, "sv39", int(options.seed) + number, FAULT_LIMIT_S, f"calls={FAULT_CALLS}")
        system.kernel = os.path.join(options.debug, "broken", "tests", "broken", f"{name}.elf")
        result = machine.run(system, lambda line: None)
        for line in result.lines:
            found = FOUND.match(line)
            if found:
                return f"after {int(found.group(1)) + number * FAULT_CALLS} calls: {found.group(2)} differs", result.lines
            if "PANIC" in line and result.status not in (0, machine.HANG):
                return line.strip()[:120], result.lines
    return None, result.lines
