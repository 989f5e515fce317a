#!/usr/bin/python3
"""Proofs of basic operations: runs them all, says what is proved, bounded and assumed, and that wrong code is noticed.

    tests/verify/verify.py [--only TEXT] [--quick] [--seconds N] [--jobs N]

proofs.txt lists every contract in the sources and how it is settled; a contract that is not listed, or listed and not
there, is a failure, as is one that is not proved. controls.txt lists wrong variants, made from the sources as they are;
each must fail. --only: entries whose line contains TEXT. --quick: a twentieth of the bounded cases, and tables of levels
0 and 1 alone in the proofs of whole functions. --seconds: a prover's time for a goal; more on a machine that is busy.
--jobs: proofs at once. Everything is made in build/verify/; report.txt there is what is printed. The last line is 'N
proved, N bounded, N assumed, N controls, N failed'.
"""
import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import bits  # noqa: E402
import contracts  # noqa: E402
import whole  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
HERE = "tests/verify"
BUILD = ROOT / "build" / "verify"
SOURCES = ("kernel/*.[ch]", "kernel/include/tenon/*.h", "mmserver/corten/*.[ch]")
INCLUDES = ["-I.", "-Ikernel", "-Ikernel/include", "-Itests/host", "-Immserver", "-idirafter", "libipc/include", "-DTENON_DEBUG=0"]
SECONDS = 60  # a prover's time for a goal
PARTS = 16  # of each family of bounded cases
LEVELS = range(5)


def entries(name):
    """Fields of each line of a list, separated by `;;`."""
    lines = (ROOT / HERE / name).read_text().splitlines()
    return [[field.strip() for field in line.split(";;")] for line in lines if line and not line.startswith("#")]


# ---- one proof; each returns (obligations, failures as text) ----

def by_bits(tree, path, function, seconds):
    contract = next((c for c in contracts.contracts_of(tree / path) if c.name == function), None)
    if contract is None:
        return 0, ["%s: no contract" % function]
    verdicts = bits.prove(contract, path, INCLUDES, seconds, tree)
    return len(verdicts), ["%s: %s: %s" % (function, clause, verdict) for clause, verdict in verdicts if verdict != "proved"]


def build_one_table(tree, out):
    sources = sorted([*(tree / HERE).glob("one_*.c"), *(tree / "mmserver/corten").glob("*.c")])
    command = ["gcc", "-std=gnu17", "-O2", "-flto", "-w", "-Itests/host", "-Immserver", "-Ikernel/include", "-idirafter",
               "libipc/include", "-o", str(out)] + [str(p.relative_to(tree)) for p in sources]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def by_cases(program, family, part, parts):
    done = subprocess.run([str(program), family, str(part), str(parts)], capture_output=True, text=True, check=False)
    if done.returncode:
        return 0, ["%s part %d of %d: %s" % (family, part, parts, done.stderr.strip()[-400:])]
    return int(done.stdout), []


def by_whole(tree, folder, proof, operation, level, seconds, until_false=False):
    """`seconds`: 10 times as many for all obligations of a proof."""
    wrong = None if (folder / "straight").exists() else whole.prepare(tree, folder)
    return (0, [wrong]) if wrong else whole.prove(tree, folder, proof, operation, level, 10 * seconds, until_false)


# ---- controls ----

def variant(number, path, edit):
    """A copy of the sources in which `edit` (an expression for sed) has changed `path`."""
    tree = BUILD / ("control%d" % number)
    shutil.rmtree(tree, ignore_errors=True)
    for folder in ("kernel", "mmserver/corten", "libipc/include", "libboot/boot", HERE):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "tests/host").mkdir()
    shutil.copy(ROOT / "tests/host/port_inline.h", tree / "tests/host")
    before = (tree / path).read_text()
    subprocess.run(["sed", "-i", "-E", edit, str(tree / path)], check=True)
    return tree, (tree / path).read_text() != before


def control(seconds, number, how, path, edit, function):
    """None if the fault was found, else what is wrong with the check."""
    tree, changed = variant(number, path, edit)
    if not changed:
        return "the expression changes nothing"
    if how == "bits":
        failures = by_bits(tree, path, function, seconds)[1]
        found = any(line.endswith(": false") for line in failures)
    elif how == "whole":
        proof, operation, level = function.split()
        failures = by_whole(tree, tree / "build", proof, operation, int(level), seconds, True)[1]
        found = any(": false: " in line for line in failures)
    else:
        failures = [build_one_table(tree, tree / "one_table")]
        found = False
        if not failures[0]:
            failures = []
            for part in range(PARTS):
                failures = by_cases(tree / "one_table", function, part, 10 * PARTS)[1]
                found = bool(failures) and "one_table: " in failures[0]
                if found:
                    break
    shutil.rmtree(tree)
    return None if found else "not found: " + (failures[0] if failures else "everything still holds")


# ---- all of it ----

class Report:
    def __init__(self):
        self.lines, self.failed = [], 0

    def say(self, line):
        print(line, flush=True)
        self.lines.append(line)

    def fail(self, line):
        self.failed += 1
        self.say("FAIL  " + line)


def check_list(report, listed):
    there = contracts.all_contracts([p.relative_to(ROOT) for pattern in SOURCES for p in sorted(ROOT.glob(pattern))])
    names = {(path, function) for how, path, function in listed }
    for path, function in sorted(set(there) - names):
        report.fail("%s: %s has a contract that proofs.txt does not list" % (path, function))
    for path, function in sorted(names - set(there)):
        report.fail("%s: %s is listed and has no contract" % (path, function))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    given = parser.parse_args()
    os.chdir(ROOT)
    BUILD.mkdir(parents=True, exist_ok=True)
    report, start = Report(), time.time()
    listed, controls = entries("proofs.txt"), entries("controls.txt")
    check_list(report, [entry for entry in listed if entry[0] == "bits"])
    wanted = [entry for entry in listed if given.only in " ".join(entry)]
    shutil.rmtree(BUILD / "straight", ignore_errors=True)
    for what, error in (("one_table", build_one_table(ROOT, BUILD / "one_table")), ("loops", whole.prepare(ROOT, BUILD))):
        if error:
            report.fail("%s: %s" % (what, error))

    pool = concurrent.futures.ThreadPoolExecutor(max_workers=given.jobs)
    running = []
    for entry in wanted:
        if entry[0] == "bits":
            running.append((entry, [pool.submit(by_bits, ROOT, entry[1], entry[2], given.seconds)]))
        elif entry[0] == "whole":
            running.append((entry, [pool.submit(by_whole, ROOT, BUILD, entry[1], entry[2], level, given.seconds)
                                    for level in LEVELS[:2 if given.quick else None]]))
        elif entry[0] == "bounded":
            parts = PARTS * 20 if given.quick else PARTS
            running.append((entry, [pool.submit(by_cases, BUILD / "one_table", entry[1], part, parts)
                                    for part in range(PARTS)]))
    tests = [(entry, pool.submit(control, given.seconds, number, *entry[:4])) for number, entry in enumerate(controls)
             if given.only in " ".join(entry)]

    counts = {"proved": 0, "bounded": 0, "assumed": 0, "controls": 0}
    for entry, futures in running:
        results = [future.result() for future in futures]
        total = sum(obligations for obligations, _ in results)
        failures = [failure for _, some in results for failure in some]
        if entry[0] == "bounded":
            report.say("bounded  %-9s %9d cases   %s" % (entry[1], total, entry[2]))
            counts["bounded"] += not failures
        else:
            report.say("%-8s %-34s %-18s %3d obligations%s" % (
                "proved" if not failures else "NOT", entry[1], entry[2], total, ", " + entry[0]))
            counts["proved"] += not failures
        for failure in failures:
            report.fail(failure)
        if total == 0 and not failures:
            report.fail("%s: nothing was checked" % " ".join(entry))
    for entry in wanted:
        if entry[0] == "assumed":
            report.say("assumed  %s" % entry[1])
            counts["assumed"] += 1
    for entry, future in tests:
        wrong = future.result()
        if wrong:
            report.fail("control of %s, %s: %s: %s" % (entry[3], entry[1], entry[2], wrong))
        else:
            report.say("found    %-34s %-18s %s" % (entry[1], entry[3], entry[4]))
            counts["controls"] += 1
    report.say("%d s" % (time.time() - start))
    report.say("%(proved)d proved, %(bounded)d bounded, %(assumed)d assumed, %(controls)d controls, " % counts +
               "%d failed" % report.failed)
    (BUILD / "report.txt").write_text("\n".join(report.lines) + "\n")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
