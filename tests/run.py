"""Runs Tenon's tests and ends with the line 'N passed, N failed'. Called by the Makefile, which has built everything.

    run.py [options] PART...      PART: model, host, fuzz, kernel, system, kills, hostile, flushes, panics, soak, broken,
                                  profile, scale, servers, coverage,
                                  report (of the lines that the parts before it have run: all of COUNTED, and no filter)
"""

import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "platform", "qemu-virt"))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "bench"))
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "model"))
import boot_tests  # noqa: E402
import check_ties  # noqa: E402
import coverage  # noqa: E402
import flush_tests  # noqa: E402
import hostile_tests  # noqa: E402
import kill_tests  # noqa: E402
import machine  # noqa: E402
import models  # noqa: E402
import system_tests  # noqa: E402
import tap  # noqa: E402
import test_coverage  # noqa: E402
import test_profile  # noqa: E402
import test_scale  # noqa: E402
import test_servers  # noqa: E402
import world_tests  # noqa: E402

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
# Parts whose runs are counted by the report of coverage.
COUNTED = ("host", "kernel", "system", "flushes", "panics")
COVERAGE = "build/coverage"


class Tally:
    """Counts, and prints one line for each run; the details only of what failed. Several threads may add."""

    def __init__(self):
        self.lock = threading.Lock()
        self.passed = self.failed = self.skipped = 0

    def add(self, title, seconds, passed, failures, skipped=0, missing=0, details=(), repeat=None):
        """`failures` has a line for each failed test, `missing` counts those that were not reached."""
        with self.lock:
            self._add(title, seconds, passed, failures, skipped, missing, details, repeat)

    def _add(self, title, seconds, passed, failures, skipped, missing, details, repeat):
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
            for line in without_firmware(details):
                machine.say("      | " + line)
            if repeat:
                machine.say("      repeat with: " + repeat)

    def add_report(self, title, seconds, report, status, **more):
        failures = [name for name, verdict in report.results if verdict == "not ok"] + report.problems
        if status != 0 and not failures and not report.missing:
            failures = [f"all tests passed, but the program ended with status {status}"]
        self.add(title, seconds, report.count("ok"), failures, report.count("skip"), report.missing, **more)


def without_firmware(lines):
    """What came after the firmware's own words."""
    lines = list(lines)
    return lines[next((i for i, line in enumerate(lines) if line.startswith("Tenon: ")), 0):]


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


def at_once(jobs):
    """Runs jobs that are busy with one processor each, as many at once as there are processors (at most 4: memory)."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, 4)) as pool:
        for done in [pool.submit(*job) for job in jobs]:
            done.result()


def host_part(tally, options):
    sources = [os.path.basename(path)[:-2] for path in sorted(glob.glob("tests/host/test_*.c"))]
    at_once([(host_test, tally, options, name, variant) for name in sources if options.filter in name
             for variant in options.variants.split()])


def host_test(tally, options, name, variant):
    sanitizers = {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1",
                  "TSAN_OPTIONS": "halt_on_error=1 second_deadlock_stack=1"}
    program = f"build/host/{variant}/{name}"
    status, lines, seconds = run_program([program], HOST_LIMIT_S, CMOCKA_MESSAGE_OUTPUT="TAP", TENON_SEED=options.seed, **sanitizers)
    tally.add_report(f"host: {name} ({variant})", seconds, tap.read(lines, groups=True), status, details=lines,
                     repeat=f"TENON_SEED={options.seed} {program}")


def fuzz_command(program, name, options, corpus):
    """libFuzzer on a corpus of its own, from the seeds that the build makes and those that are kept."""
    seeds = [path for path in (f"build/host/seeds/{name}", f"tests/host/corpus/{name}") if os.path.isdir(path)]
    os.makedirs(corpus, exist_ok=True)
    return [program, f"-max_total_time={options.fuzz_seconds}", f"-seed={options.seed}", f"-max_len={FUZZ_BYTES_MAX}",
            "-timeout=30", f"-artifact_prefix={corpus}-", "-print_final_stats=1", corpus, *seeds]


def fuzz_part(tally, options):
    names = [os.path.basename(source)[:-2] for source in sorted(glob.glob("tests/host/fuzz_*.c"))]
    names = [name for name in names if options.filter in name]
    at_once([(find_nothing, tally, options, name) for name in names] +
            [(find_fault, tally, options, name) for name in names if os.path.exists(f"tests/host/{name}.sed")])


def find_nothing(tally, options, name):
    command = fuzz_command(f"build/host/fuzz/{name}", name, options, f"build/fuzz/{name}")
    status, lines, seconds = run_program(command, options.fuzz_seconds + FUZZ_SLACK_S)
    runs = next((line.split()[-1] for line in lines if line.startswith("stat::number_of_executed_units")), "0")
    failures = [] if status == 0 and int(runs) > 0 else [f"libFuzzer ended with status {status} after {runs} runs"]
    tally.add(f"fuzz: {name}, {runs} inputs", seconds, 0 if failures else 1, failures, details=lines[-40:],
              repeat=" ".join(command))


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
    for test in boot_tests.TESTS:
        if options.filter not in f"boot.{test.name}":
            continue
        try:
            failures, lines, seconds = test.check(options.release, options.debug)
        except machine.Refused as error:
            failures, lines, seconds = [str(error)], [], 0
        tally.add(f"kernel: boot.{test.name}", seconds, 0 if failures else 1, failures, details=lines[-20:],
                  repeat=f"make kernel-test TEST=boot.{test.name}")


def system_part(tally, options):
    for test in system_tests.find():
        if options.filter not in test.name:
            continue
        for run in test.runs():
            failures, lines, seconds = run.check({"release": options.release, "debug": options.debug}, options.seed)
            tally.add(f"system: {run.title()}", seconds, 0 if failures else 1, failures, details=lines[-60:],
                      repeat=run.repeat())


def hostile_part(tally, options):
    for name in hostile_tests.names():
        if options.filter in name:
            failures, lines, seconds = hostile_tests.check(name, options.release)
            tally.add(f"hostile: a kernel without '{name}'", seconds, 0 if failures else 1, failures, details=lines[-20:],
                      repeat=f"make hostile-test TEST={name}")


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


def servers_part(tally, options):
    for name, failures, seconds in test_servers.run(options.release, options.filter):
        tally.add(f"servers: {name}", seconds, 0 if failures else 1, failures, repeat=f"make servers-test TEST={name}")


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
# Cause -> its own lines. `jump` is to an address without a name; `print` is a panic whose own text cannot be read.
PANICS = {"assert": [*PANIC_LINES, r"kernel/panictest\.c:\d+: entries < ENTRIES_BEFORE", r"last trap: scause [0-9a-f]{16}"],
          "trap": [*PANIC_LINES, r"trap in the kernel, scause 000000000000000f  stval 0*2000000000"],
          "jump": [*PANIC_LINES, r"trap in the kernel, scause 000000000000000c  stval 0*2000000000", r"#0 0*2000000000$"],
          "print": [r"PANIC on hart 1 .*PANIC while panicking: scause d "]}


# Invariants that the debug build breaks once on purpose (boot argument break=NAME), and what the check of each says.
TABLE = r"table [0-9a-f]+ level %d entry 255 is 0x"
CAPABILITY = r"capability [0-9a-f]+ [0-9a-f]+ in slot [0-9a-f]+, kind \d: "
BREAKAGES = {
    "table-writable": TABLE % 0, "object-readable": TABLE % 0, "untyped-readable": TABLE % 0, "kernel-readable": TABLE % 0,
    "large-leaf": TABLE % 1, "global-leaf": TABLE % 0, "reserved-bit": TABLE % 0, "write-only-leaf": TABLE % 0,
    "invalid-entry": TABLE % 0, "link-to-itself": TABLE % 1, "link-to-frame": TABLE % 1,
    "kernel-half": r"table [0-9a-f]+ is a root with another kernel's half",
    "mapped-page": r"page 0x[0-9a-f]+ of type 3 becomes 2, but [1-9]\d* entries and 0 capabilities",
    "lock-kept": r"h->locks_held == 0", "lock-order": r"lock order: rank 2 wanted, held are 0x10",
    "thread-waits": r"h->current->state == THREAD_READY",
    "frame-too-large": CAPABILITY + "its memory is of another type", "table-level": CAPABILITY + "its memory is of another type",
    "type-changed": CAPABILITY + "its memory is (of another type|not above the next one's)",
    "no-such-type": CAPABILITY + "there is no such type", "frame-rights": CAPABILITY + "its rights are more than there are",
    "named-page": r"page 0x[0-9a-f]+ of type 2 becomes 3, but 0 entries and [1-9]\d* capabilities",
    "overlap": CAPABILITY + "its memory is not above the next one's",
    "neighbour": CAPABILITY + "it does not stand in the derivation list",
}


def panic_test(tally, options, name, harts, bootargs, wanted):
    """A debug kernel that panics: every pattern of `wanted` is in some line."""
    system = machine.System(f"panic-{name}", options.debug, harts=harts, init="ktest", limit_s=120,
                            bootargs=f"init=ktest seed={options.seed} {bootargs}")
    result = machine.run(system, lambda line: None)
    failures = [f"no line matches: {pattern}" for pattern in wanted
                if not any(re.search(pattern, line) for line in result.lines)]
    if result.status in (0, machine.HANG):
        failures.append(f"ended with status {result.status}")
    tally.add(f"panics: {name}", result.seconds, 0 if failures else 1, failures, details=result.lines[-60:],
              repeat=f"make panic-test TEST=panic-{name}")


def panics_part(tally, options):
    jobs = [(panic_test, tally, options, cause, 2, f"test=smp panic-test={cause}", wanted)
            for cause, wanted in PANICS.items() if options.filter in f"panic-{cause}"]
    with open("kernel/breakage.c", encoding="utf-8") as f:
        names = re.findall(r'\{"([a-z-]+)",', f.read())
    if names != list(BREAKAGES):
        tally.add("panics: list of invariants", 0, 0, ["kernel/breakage.c and BREAKAGES in run.py do not agree"])
    jobs += [(panic_test, tally, options, name, 1, f"mmu=sv39 test=untyped break={name}", [r"PANIC on hart 0 .*" + pattern])
             for name, pattern in BREAKAGES.items() if options.filter in f"panic-{name}"]
    at_once(jobs)


def soak_part(tally, options):
    if options.filter not in "soak":
        return
    start, made = time.monotonic(), 0
    for run in world_tests.soak(options):
        made += run.made
        tally.add_report(f"soak: {run.title}", run.result.seconds, run.report, run.result.status, details=run.result.lines[-60:],
                         repeat=run.repeat)
    enough = options.soak_seconds or made >= options.soak_calls
    tally.add(f"soak: {made} calls in all", time.monotonic() - start, 1 if enough else 0, [] if enough else ["fewer calls than asked for"])


def broken_part(tally, options):
    for name, what in world_tests.faults(options.filter):
        start = time.monotonic()
        try:
            found, lines = world_tests.find_fault(options, name)
        except machine.Refused as error:
            found, lines = None, [str(error)]
        failures = [] if found else [f"not found within {world_tests.FAULT_CALLS} calls, {world_tests.FAULT_TRIES} times: {what}"]
        tally.add(f"broken: {name}: {found or 'not found'}", time.monotonic() - start, 0 if failures else 1, failures, details=lines[-20:],
                  repeat=f"make broken-test TEST={name} SEED={options.seed}")


def coverage_part(tally, options):
    for name, failures, seconds in test_coverage.run(options.release, options.filter):
        tally.add(f"coverage: {name}", seconds, 0 if failures else 1, failures, repeat="make coverage-test")


CHANCE_LINES_MAX = 12


def report_part(tally, options):
    """Which lines are met by races differs from run to run: a few may be wrong in the list, unless --strict asks for more."""
    if options.filter:
        return
    start = time.monotonic()
    problems = coverage.report(COVERAGE)
    by_chance = [line for line in problems if "never run, and " in line or "is run after all" in line]
    if not options.strict and len(by_chance) <= CHANCE_LINES_MAX:
        for line in by_chance:
            machine.say("      by chance, or a line for the list: " + line)
        problems = [line for line in problems if line not in by_chance]
    tally.add("report: lines that were not run are listed", time.monotonic() - start, 0 if problems else 1, problems,
              repeat="make coverage")


PARTS = {"model": model_part, "host": host_part, "fuzz": fuzz_part, "kernel": kernel_part, "system": system_part, "kills": kills_part,
         "hostile": hostile_part, "flushes": flushes_part, "panics": panics_part, "soak": soak_part, "broken": broken_part,
         "profile": profile_part, "scale": scale_part, "servers": servers_part, "coverage": coverage_part, "report": report_part}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=PARTS)
    parser.add_argument("--release", default="build")
    parser.add_argument("--debug", default="build-debug")
    parser.add_argument("--filter", default="")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--soak-seconds", type=int, default=0, help="0: as many calls as --soak-calls")
    parser.add_argument("--soak-calls", type=int, default=10_000_000)
    parser.add_argument("--soak-harts", type=int, default=2)
    parser.add_argument("--soak-mmu", default="", help="with calls: one machine of so many harts, in that mode")
    parser.add_argument("--fuzz-seconds", type=int, default=15)
    parser.add_argument("--every", type=int, default=0, help="kills: at every so many instructions, besides")
    parser.add_argument("--full", action="store_true", help="the larger models too")
    parser.add_argument("--strict", action="store_true", help="report: no line may be wrong in the list")
    parser.add_argument("--variants", default="plain address thread", help="of the host tests; gcov counts the plain ones")
    return parser.parse_args()


def main():
    options = parse()
    tally = Tally()
    counted = COUNTED if "report" in options.parts and not options.filter else ()
    if counted:
        coverage.clear(COVERAGE)
    machine.say(f"seed {options.seed} (repeat with SEED={options.seed})")
    for part in options.parts:
        machine.watchers = [lambda system: coverage.qemu_options(system, COVERAGE)] if part in counted else []
        PARTS[part](tally, options)
    if tally.passed + tally.failed == 0:
        machine.say("no test was run" + (f": none is called '{options.filter}'" if options.filter else ""))
        tally.failed = 1
    if tally.skipped:
        machine.say(f"skipped: {tally.skipped}")
    machine.say(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


sys.exit(main())
