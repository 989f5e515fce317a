"""Runs Tenon's tests and ends with the line 'N passed, N failed'. Called by the Makefile, which has built everything.

    run.py [options] PART...      PART: model, host, fuzz, kernel, system, kills, flushes, panics, profile, scale, coverage, soak
"""

import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "platform", "qemu-virt"))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "bench"))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "model"))
import check_ties  # noqa: E402
import coverage  # noqa: E402
import flush_tests  # noqa: E402
import kill_tests  # noqa: E402
import machine  # noqa: E402
import models  # noqa: E402
import system_tests  # noqa: E402
import tap  # noqa: E402
import test_coverage  # noqa: E402
import test_profile  # noqa: E402
import test_scale  # noqa: E402

HOST_LIMIT_S = 300
FUZZ_BYTES_MAX = 160 << 10  # the largest seed is an initrd
FUZZ_SLACK_S = 120          # a busy host

# Kernel tests: each number of harts, each page-table depth and each build occurs, not their product. The last one asks only
# whether so many harts come up and work together. Harts that wait for each other are slow where QEMU has fewer processors
# than the machine has harts, several times slower on a busy host: the limits allow for it.
# (build, harts, mmu, tests whose name contains, limit in seconds, QEMU's -cpu)
KERNEL_RUNS = [
    ("release", 1, "sv39", "", 180, ""),
    ("release", 2, "sv48", "", 180, ""),
    ("release", 4, "sv57", "", 600, ""),
    ("release", 8, "sv39", "", 600, ""),
    ("debug", 1, "sv57", "", 300, ""),
    ("debug", 4, "sv39", "", 600, ""),
    ("debug", 8, "sv48", "smp", 600, ""),
    ("release", 64, "sv57", "smp", 300, ""),
    ("release", 2, "sv39", "", 300, "rv64,svinval=on,svpbmt=on,sstc=off"),
]
# What the kernel refuses to start, with a line that says why and a status that is not 0.
# (name, init's file, bootargs, files in the initrd, a part of the line)
BOOT_REFUSALS = [
    ("no_program", "init", "init=not_there", {}, "boot: initrd has no program not_there: "),
    ("no_elf", "init", "init=text", {"text": b"This is text."}, "boot: program text: "),
    ("long_name", "init", f"init={'x' * 200}", {}, "boot: bootarg init=: name too long"),
    ("no_mode", "init", "mmu=sv32", {}, "boot: mmu=sv32: not a mode of this machine"),
]
BOOT_LIMIT_S = 120
# Under --coverage: more harts run the same code, several times slower.
COVERAGE_HARTS_MAX = {"release": 4, "debug": 1}


class Tally:
    """Counts, and prints one line for each run; the details only of what failed."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, title, seconds, passed, failures, skipped=0, missing=0, details=(), repeat=None):
        """`failures` has a line for each failed test, `missing` counts those that were not reached."""
        failed = len(failures) + missing
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        parts = [f"{passed} passed", f"{failed} failed"] + ([f"{skipped} skipped"] if skipped else [])
        machine.say(f"{'FAIL' if failed else ' ok '}  {title}: {', '.join(parts)} ({seconds:.0f} s)")
        for failure in failures:
            machine.say(f"      not ok: {failure}")
        if missing:
            machine.say(f"      planned, but without a result: {missing} tests")
        if failed:
            for line in details:
                machine.say("      | " + line)
            if repeat:
                machine.say("      repeat with: " + repeat)

    def add_report(self, title, seconds, report, status, **more):
        failures = [name for name, verdict in report.results if verdict == "not ok"] + report.problems
        if status != 0 and not failures and not report.missing:
            failures = [f"all tests passed, but the program ended with status {status}"]
        self.add(title, seconds, report.count("ok"), failures, report.count("skip"), report.missing, **more)


def run_program(command, limit_s, **environment):
    """(status, output lines, seconds); a run over its limit has status machine.HANG."""
    start = time.monotonic()
    try:
        done = subprocess.run(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, timeout=limit_s,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        status, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as error:
        status, output = machine.HANG, (error.stdout or b"").decode(errors="replace") + f"\nhang: not done after {limit_s} s\n"
    return status, output.splitlines(), time.monotonic() - start


def host_part(tally, options):
    sanitizers = {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1",
                  "TSAN_OPTIONS": "halt_on_error=1 second_deadlock_stack=1"}
    sources = [os.path.basename(path)[:-2] for path in sorted(glob.glob("tests/host/test_*.c"))]
    for name in sources:
        if options.filter not in name:
            continue
        for variant in ("plain", "address", "thread"):
            program = f"build/host/{variant}/{name}"
            status, lines, seconds = run_program([program], HOST_LIMIT_S, CMOCKA_MESSAGE_OUTPUT="TAP",
                                                 TENON_SEED=options.seed, **sanitizers)
            tally.add_report(f"host: {name} ({variant})", seconds, tap.read(lines, groups=True), status, details=lines,
                             repeat=f"TENON_SEED={options.seed} {program}")


def fuzz_command(program, name, options, corpus):
    """libFuzzer on a corpus of its own, from the seeds that the build makes and those that are kept."""
    seeds = [path for path in (f"build/host/seeds/{name}", f"tests/host/corpus/{name}") if os.path.isdir(path)]
    os.makedirs(corpus, exist_ok=True)
    return [program, f"-max_total_time={options.fuzz_seconds}", f"-seed={options.seed}", f"-max_len={FUZZ_BYTES_MAX}",
            "-timeout=30", f"-artifact_prefix={corpus}-", "-print_final_stats=1", corpus, *seeds]


def fuzz_part(tally, options):
    for source in sorted(glob.glob("tests/host/fuzz_*.c")):
        name = os.path.basename(source)[:-2]
        if options.filter not in name:
            continue
        command = fuzz_command(f"build/host/fuzz/{name}", name, options, f"build/fuzz/{name}")
        status, lines, seconds = run_program(command, options.fuzz_seconds + FUZZ_SLACK_S)
        runs = next((line.split()[-1] for line in lines if line.startswith("stat::number_of_executed_units")), "0")
        failures = [] if status == 0 and int(runs) > 0 else [f"libFuzzer ended with status {status} after {runs} runs"]
        tally.add(f"fuzz: {name}, {runs} inputs", seconds, 0 if failures else 1, failures, details=lines[-40:],
                  repeat=" ".join(command))
        if os.path.exists(source[:-2] + ".sed"):
            find_fault(tally, options, name)


def find_fault(tally, options, name):
    """The same fuzzer without one of the checks: it must find that, within its time."""
    corpus = f"build/fuzz/{name}-broken"
    shutil.rmtree(corpus, ignore_errors=True)
    command = fuzz_command(f"build/host/broken/{name}", name, options, corpus)
    status, lines, seconds = run_program(command, options.fuzz_seconds + FUZZ_SLACK_S)
    found = [line for line in lines if line.startswith("SUMMARY: ")]
    failures = [] if status not in (0, machine.HANG) and found else [f"status {status}: the check that is missing was not missed"]
    tally.add(f"fuzz: {name} without one of the checks", seconds, 0 if failures else 1, failures, details=lines[-10:],
              repeat=" ".join(command))


def kernel_part(tally, options):
    for build, harts, mmu, subset, limit_s, cpu in KERNEL_RUNS:
        if options.coverage and harts > COVERAGE_HARTS_MAX[build]:
            continue
        bootargs = f"init=ktest mmu={mmu} seed={options.seed}"
        wanted = options.filter or subset
        system = machine.System(f"ktest-{harts}-{mmu}" + ("-cpu" if cpu else ""), getattr(options, build), harts=harts, init="ktest",
                                bootargs=bootargs + (f" test={wanted}" if wanted else ""), limit_s=limit_s)
        system.cpu = cpu
        title = f"kernel: {harts} harts, {mmu}, {build}" + (f", {cpu}" if cpu else "")
        try:
            result = machine.run(system, lambda line: None)
        except machine.Refused as error:
            tally.add(title, 0, 0, [str(error)])
            continue
        report = tap.read(result.lines)
        if result.hang:
            report.problems.append(f"hang: not done after {limit_s} s")
        if report.plan == 0 and not options.filter:
            report.problems.append(f"there is no test whose name contains '{subset}'")
        tally.add_report(title, result.seconds, report, result.status, details=result.lines[-80:],
                         repeat=f"make kernel-test SEED={options.seed}" + (f" TEST={wanted}" if wanted else ""))
    boot_part(tally, options)


def boot_part(tally, options):
    for name, init, bootargs, files, expected in BOOT_REFUSALS:
        if options.filter not in f"boot.{name}":
            continue
        system = machine.System(f"boot-{name}", options.release, harts=2, init=init, bootargs=bootargs, files=files,
                                limit_s=BOOT_LIMIT_S)
        result = machine.run(system, lambda line: None)
        failures = [] if result.status not in (0, machine.HANG) else [f"boot.{name} ended with status {result.status}"]
        if not any(expected in line for line in result.lines):
            failures.append(f"boot.{name}: no line has '{expected}'")
        tally.add(f"kernel: boot.{name}", result.seconds, 0 if failures else 1, failures, details=result.lines[-20:],
                  repeat=f"make kernel-test TEST=boot.{name}")


def system_part(tally, options):
    for test in system_tests.find():
        if options.filter not in test.name:
            continue
        for run in test.coverage_runs() if options.coverage else test.runs():
            failures, lines, seconds = run.check({"release": options.release, "debug": options.debug}, options.seed)
            tally.add(f"system: {run.title()}", seconds, 0 if failures else 1, failures, details=lines[-60:],
                      repeat=run.repeat())


def profile_part(tally, options):
    for name, failures, seconds in test_profile.run(options.release, options.filter):
        tally.add(f"profile: {name}", seconds, 0 if failures else 1, failures, repeat=f"make profile-test TEST={name}")


def flushes_part(tally, options):
    for name in flush_tests.missing():
        tally.add(f"flushes: {name}", 0, 0, ["kernel/flushsite.c, mmserver/corten/flushsite.c and flush_tests.py do not agree"])
    for name, where, harts, bootargs, tries in flush_tests.SITES:
        if options.filter not in name:
            continue
        start = time.monotonic()
        try:
            found, lines, tried = flush_tests.check(name, where, harts, bootargs, tries, options.debug, int(options.seed))
            failures = [] if found else [f"left out, and nobody noticed ({tries} tries)"]
        except (machine.Refused, OSError, subprocess.TimeoutExpired) as error:
            failures, lines, tried = [str(error)], [], 1
        tally.add(f"flushes: without {name} ({where}, try {tried})", time.monotonic() - start, 0 if failures else 1, failures,
                  details=lines[-20:], repeat=f"make flush-test TEST={name}")


def kills_part(tally, options):
    def report(run, title, failures, lines, seconds):
        tally.add(f"kills: {title}", seconds, 0 if failures else 1, failures, details=lines[-20:],
                  repeat=f"make kill-test TEST=kills.{run.name}" + (f" EVERY={options.every}" if options.every else ""))

    kill_tests.check_all(options.filter, {"release": options.release, "debug": options.debug}, options.every, report)


def scale_part(tally, options):
    for name, failures, seconds in test_scale.run(options.release, options.filter):
        tally.add(f"scale: {name}", seconds, 0 if failures else 1, failures, repeat=f"make scale-test TEST={name}")


def model_part(tally, options):
    runs = models.all_runs()
    if options.filter in "ties of the models to the code":
        problems = models.rules_without_break(runs) + check_ties.problems()
        tally.add("model: ties of the models to the code, a broken variant of each rule", 0, 0 if problems else 1, problems,
                  repeat="make model-ties")
    wanted = [run for run in runs if options.filter in run.title() and (options.full or not run.full)]

    def report(run, result):
        failures, lines, seconds, states = result
        tally.add(f"model: {run.title()}: {states} states", seconds, 0 if failures else 1, failures, details=lines[-40:],
                  repeat=run.repeat())

    models.check_all(wanted, report)


# What a panic must say, whatever caused it: hart, registers, a backtrace with names, events of both harts.
PANIC_LINES = [r"PANIC on hart 1 ", r"\bra +[0-9a-f]{16} +sp +[0-9a-f]{16}", r"#0 [0-9a-f]{16} \w+\+0x", r"#\d [0-9a-f]{16} invariants_check\+0x",
               r"#\d [0-9a-f]{16} (trap_handle|fast_\w+)\+0x", r"^hart 0 at \d+: entry: scause", r"^hart 1 at \d+: entry: scause"]
PANICS = [("assert", [r"kernel/panictest\.c:\d+: entries < ENTRIES_BEFORE", r"last trap: scause [0-9a-f]{16}"]),
          ("trap", [r"trap in the kernel, scause 000000000000000f  stval 0*2000000000"])]


def panics_part(tally, options):
    for cause, wanted in PANICS:
        if options.filter not in f"panic-{cause}":
            continue
        system = machine.System(f"panic-{cause}", options.debug, harts=2, init="ktest", limit_s=120,
                                bootargs=f"init=ktest test=smp seed={options.seed} panic-test={cause}")
        result = machine.run(system, lambda line: None)
        failures = [f"no line matches: {pattern}" for pattern in PANIC_LINES + wanted
                    if not any(re.search(pattern, line) for line in result.lines)]
        if result.status in (0, machine.HANG):
            failures.append(f"ended with status {result.status}")
        tally.add(f"panics: {cause}", result.seconds, 0 if failures else 1, failures, details=result.lines[-60:],
                  repeat=f"make panic-test TEST=panic-{cause}")


def soak_part(tally, options):
    limit_s = options.soak_seconds or 3600
    amount = f"seconds={options.soak_seconds}" if options.soak_seconds else f"calls={options.soak_calls // 2}"
    system = machine.System("soak", options.debug, harts=2, init="ktest", limit_s=limit_s + 120,
                            bootargs=f"init=ktest test=worlds.as seed={options.seed} limit={limit_s + 100} {amount}")
    result = machine.run(system, lambda line: None)
    report = tap.read(result.lines)
    made = next((line[2:] for line in result.lines if " calls as specified" in line), "no calls")
    tally.add_report(f"soak: {made}", result.seconds, report, result.status, details=result.lines[-40:],
                     repeat=f"make soak SEED={options.seed} SECONDS={options.soak_seconds}")


def coverage_part(tally, options):
    for name, failures, seconds in test_coverage.run(options.release, options.filter):
        tally.add(f"coverage: {name}", seconds, 0 if failures else 1, failures, repeat="make coverage-test")


PARTS = {"model": model_part, "host": host_part, "fuzz": fuzz_part, "kernel": kernel_part, "system": system_part, "kills": kills_part,
         "flushes": flushes_part, "panics": panics_part, "profile": profile_part, "scale": scale_part, "soak": soak_part,
         "coverage": coverage_part}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--release", default="build")
    parser.add_argument("--debug", default="build-debug")
    parser.add_argument("--filter", default="")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--soak-seconds", type=int, default=0, help="0: as many calls as --soak-calls")
    parser.add_argument("--soak-calls", type=int, default=10_000_000)
    parser.add_argument("--fuzz-seconds", type=int, default=15)
    parser.add_argument("--every", type=int, default=0, help="kills: at every so many instructions, besides")
    parser.add_argument("--full", action="store_true", help="the larger models too")
    parser.add_argument("--coverage", metavar="DIRECTORY", help="run kernel and system tests once, under the plug-in")
    return parser.parse_args()


def main():
    options = parse()
    tally = Tally()
    if options.coverage:
        machine.watchers.append(lambda system: coverage.qemu_options(system, options.coverage))
    machine.say(f"seed {options.seed} (repeat with SEED={options.seed})")
    for part in options.parts:
        PARTS[part](tally, options)
    if tally.passed + tally.failed == 0:
        machine.say("no test was run" + (f": none is called '{options.filter}'" if options.filter else ""))
        tally.failed = 1
    if tally.skipped:
        machine.say(f"skipped: {tally.skipped}")
    machine.say(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


sys.exit(main())
