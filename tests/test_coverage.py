"""Tests of what `make coverage` says: two small runs under the plug-in, and faults put into the list of what is never run."""

import os
import shutil
import time

import coverage
import machine

DIRECTORY = "build/coverage-test"


class Fixture:
    """What a run of the kernel's own tests, in which there is no server, and a run of a whole system leave."""

    def __init__(self, build):
        self.build = build
        self.bare = self.run("bare", machine.System("coverage-bare", build, harts=2, init="ktest", limit_s=120,
                                                    bootargs="init=ktest seed=1 test=cnode"))
        self.whole = self.run("whole", machine.System("coverage-whole", build, "tests/system/brief.dts", 2, limit_s=180))

    def run(self, name, system):
        directory = os.path.join(DIRECTORY, name)
        shutil.rmtree(directory, ignore_errors=True)
        system.extra = coverage.qemu_options(system, directory)
        result = machine.run(system, lambda line: None)
        if result.status != 0:
            raise coverage.Problem(f"{name}: ended with status {result.status}")
        return coverage.of_qemu(directory)[0]


def expect(what, true):
    return [] if true else [what]


def check_runs(fixture):
    """What must have run did, what cannot have did not."""
    functions = fixture.bare.functions
    return (expect("kernel_main is not seen to run", functions[("kernel/main.c", "kernel_main")]) +
            expect("boot code at physical addresses is not seen to run", functions[("kernel/boot.S", "_start")]) +
            expect("panic is seen to run", not functions[("kernel/panic.c", "panic")]))


def check_programs(fixture):
    """Another program at the server's addresses is not taken for it, and the server is."""
    bare = [key for key, ran in fixture.bare.functions.items() if ran and key[0].startswith("mmserver/")]
    return (expect(f"without a server {bare[:3]} are seen to run", not bare) +
            expect("worker_main is not seen to run", fixture.whole.functions[("mmserver/worker.c", "worker_main")]))


def check_list(fixture):
    """A function that is missing from the list, one that ran after all, and one that does not exist are noticed."""
    functions = fixture.bare.functions
    never = {key for key, ran in functions.items() if not ran}
    right = {key: (1, False) for key in never}
    ran = next(key for key, ran in functions.items() if ran)
    less = dict(list(right.items())[1:])
    return (expect("a right list is refused", not coverage.compare(never, functions, right)) +
            expect("a missing line is not noticed", len(coverage.compare(never, functions, less)) == 1) +
            expect("a function that ran is not noticed", len(coverage.compare(never, functions, {**right, ran: (1, False)})) == 1) +
            expect("one that may run is refused", not coverage.compare(never, functions, {**right, ran: (1, True)})) +
            expect("a wrong name is not noticed",
                   len(coverage.compare(never, functions, {**right, ("kernel/main.c", "no_such"): (1, True)})) == 1))


def run(build, part_of_a_name):
    """(name, failures, seconds) of each test."""
    checks = [check for check in (check_runs, check_programs, check_list) if part_of_a_name in check.__name__]
    fixture = None
    for check in checks:
        start = time.monotonic()
        try:
            fixture = fixture or Fixture(build)
            failures = check(fixture)
        except (coverage.Problem, machine.Refused) as problem:
            failures = [str(problem)]
        yield check.__name__.replace("check_", "coverage_"), failures, time.monotonic() - start
