"""Tests of what the report of coverage says: two small runs under the plug-in, and faults put into the list of what is never run."""

import os
import shutil

import checks
import coverage
import machine
import never_run

DIRECTORY = "build/coverage-test"
LIST = f"{DIRECTORY}/never_run.txt"


class Fixture:
    """What a run of the kernel's own tests, in which there is no server, and a run of a whole system leave."""

    def __init__(self, build):
        self.build, self.sources = build, coverage.Sources()
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

    def problems(self, text, lines):
        """What is wrong between these lines and a list with this text."""
        with open(LIST, "w", encoding="utf-8") as out:
            out.write(text)
        return never_run.compare(lines, never_run.read(LIST), LIST)


def expect(what, true):
    return [] if true else [what]


def check_runs(fixture):
    """What must have run did, what cannot have did not."""
    functions = fixture.bare.functions(fixture.sources)
    return (expect("kernel_main is not seen to run", functions[("kernel/main.c", "kernel_main")]) +
            expect("boot code at physical addresses is not seen to run", functions[("kernel/boot.S", "_start")]) +
            expect("panic is seen to run", not functions[("kernel/panic.c", "panic")]))


def check_programs(fixture):
    """Another program at the server's addresses is not taken for it, and the server is."""
    bare = [key for key, ran in fixture.bare.functions(fixture.sources).items() if ran and key[0].startswith("mmserver/")]
    return (expect(f"without a server {bare[:3]} are seen to run", not bare) +
            expect("worker_main is not seen to run",
                   fixture.whole.functions(fixture.sources)[("mmserver/worker.c", "worker_main")]))


def check_run_list(fixture):
    """Of a real run: the list that names all that was not run is right, and lines of it that are left out are noticed."""
    lines = coverage.merge(fixture.bare, coverage.Lines(), fixture.sources)
    never = [line for line in lines if not line.ran]
    entries = [f"    {line.file} {line.function}: {line.text}\n" for line in never]
    problems = fixture.problems("reason:\n" + "".join(entries), lines)
    less = fixture.problems("reason:\n" + "".join(entries[1:]), lines)
    return (expect(f"a right list is refused: {problems[:2]}", not problems) +
            expect(f"a line that the list does not have is not noticed: {less[:2]}",
                   len(less) == 1 and f"{never[0].file}:{never[0].number}: " in less[0]))


# A function `dead` that is never run, and `half`, of which one of two lines with the same text ran.
LINES = [never_run.Line("k.c", 1, "dead", "a = 1;", False), never_run.Line("k.c", 2, "dead", "return;", False),
         never_run.Line("k.c", 5, "half", "return;", True), never_run.Line("k.c", 6, "half", "return;", False),
         never_run.Line("k.c", 7, "half", "b = 2;", True)]
RIGHT = ["k.c dead", "k.c half: return;"]
# Lists, and what must be said of them: a part of the only line; "": nothing.
LISTS = [(RIGHT, ""),
         (["k.c dead: a = 1;", "k.c dead: return;", "k.c half: return;"], ""),
         (RIGHT[:1], "k.c:6: never run"),
         (["k.c dead: a = 1;", "k.c half: return;"], "k.c:2: never run"),
         (RIGHT + ["k.c half: return;"], "is run after all"),
         (RIGHT + ["k.c half: b = 2;"], "is run after all"),
         (RIGHT + ["~k.c half: b = 2;"], ""),
         (["k.c dead", "k.c half"], "is run after all"),
         (["k.c dead", "~k.c half"], ""),
         (RIGHT + ["~k.c half: c = 3;"], "is not there"),
         (RIGHT + ["k.c gone"], "is not there"),
         (RIGHT + ["~k.c half: b = 2;", "~k.c half: b = 2;"], "is not there")]


def check_lists(fixture):
    """Each kind of mistake in a list is noticed, and nothing else."""
    failures = []
    for entries, wanted in LISTS:
        problems = fixture.problems("reason:\n" + "".join(f"    {entry}\n" for entry in entries), LINES)
        if len(problems) != bool(wanted) or not all(wanted in problem for problem in problems):
            failures.append(f"{entries}: {problems} instead of '{wanted}'")
    for text in ("    k.c dead\n", "no colon\n", "reason:\n    k.c\n"):
        try:
            fixture.problems(text, LINES)
            failures.append(f"accepted: {text!r}")
        except never_run.Malformed:
            pass
    return failures


def check_functions(fixture):
    """The function of a line is the one it stands in, in C and in assembly."""
    return (expect("functions of a file are not told apart", len({function for function, _ in fixture.sources.read("kernel/panic.c")}) > 8) +
            expect("a head with attributes", ("refuse", "{") in fixture.sources.read("kernel/bootinit.c")) +
            expect("a label", ("park", "wfi") in fixture.sources.read("kernel/boot.S")))


CHECKS = (check_runs, check_programs, check_run_list, check_lists, check_functions)


def run(build, wanted):
    """(name, failures, seconds) of each check whose name contains `wanted`."""
    return checks.run(CHECKS, lambda: Fixture(build), wanted, (coverage.Problem, machine.Refused))
