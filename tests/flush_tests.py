"""Leaves out each flush of kernel and server in turn, in the debug build, and asks that the account of translations (see
kernel/flushcheck.h and tests/host/corten_tlb.h) notices: a run that ends as if nothing were missing is a failure.

What is left out is named by the boot argument leave-out-flush= (kernel/flushsite.h, mmserver/corten/flushsite.h). Some
flushes matter only when harts meet at a bad moment; those are tried several times, with other seeds.
"""

import os
import re
import subprocess

import machine
import system_tests

FOUND = re.compile(r"PANIC on hart .*flush account: (.*)")
LIMIT_S = 180

# (name, where to look, harts, boot arguments, tries); where: ktest=NAME, system=NAME or host=PROGRAM
SITES = [
    ("unmap", "ktest=vspace", 2, "", 1),
    ("everything-local", "ktest=vspace", 2, "", 1),
    ("everything-remote", "ktest=vspace", 2, "", 1),
    ("everything-wait", "ktest=flushowed.revoke", 4, "", 5),
    ("serve-everything", "ktest=vspace", 2, "", 1),
    ("ring-overflow", "ktest=flushowed.many", 2, "", 1),
    ("asid-end", "ktest=flushowed.asid", 2, "", 1),
    ("asid-shared", "ktest=flush.", 2, "asid-bits=1", 1),
    ("absence", "ktest=flushowed.absence", 2, "", 5),
    ("range-local", "system=flushes", 1, "flush=lazy", 1),
    ("range-remote", "system=stress", 4, "flush=lazy", 3),
    ("range-wait", "system=stress", 4, "flush=lazy", 5),
    ("serve-ranges", "system=stress", 4, "flush=lazy", 3),
    ("remap", "system=flushes", 1, "flush=lazy", 1),
    ("raced", "host=test_corten_ops", 0, "", 1),
    ("end-all", "system=flushes", 1, "flush=now", 1),
    ("end-many", "system=flushes", 1, "flush=lazy", 1),
    ("end-range", "system=flushes", 1, "flush=lazy", 1),
    ("limbo", "system=flushes_little", 1, "flush=lazy", 1),
    ("tables", "system=flushes", 1, "flush=lazy", 1),
    ("destroy", "host=test_corten_random", 0, "", 1),
    ("unlinked", "system=flushes", 1, "flush=now", 1),
    ("unmapped", "system=flushes", 1, "flush=now", 1),
    ("weakened", "system=flushes", 1, "flush=lazy", 1),
    ("held", "system=flushes", 1, "flush=lazy", 1),
    ("leaf", "system=flushes", 1, "flush=lazy", 1),
]


def names_in_code():
    """All names in the two tables, so that none is forgotten here."""
    names = []
    for path in ("kernel/flushsite.c", "mmserver/corten/flushsite.c"):
        with open(path, encoding="utf-8") as source:
            names += re.findall(r'\[\w+\] = "([a-z-]+)"', source.read())
    return names


def run_host(name, program):
    environment = {**os.environ, "TENON_LEAVE_OUT_FLUSH": name, "TENON_SEED": "1"}
    done = subprocess.run([f"build/host/plain/{program}"], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=LIMIT_S, check=False)
    lines = done.stdout.splitlines()
    return done.returncode != 0 and any(re.search(r"corten: FAILED: .*gone", line) for line in lines), lines


def run_machine(name, where, harts, bootargs, debug, seed):
    kind, _, what = where.partition("=")
    arguments = f"leave-out-flush={name} flush-rules=server seed={seed} {bootargs}"
    if kind == "ktest":
        system = machine.System(f"flush-{name}", debug, harts=harts, init="ktest", limit_s=LIMIT_S,
                                bootargs=f"init=ktest test={what} {arguments}")
    else:
        test = next(test for test in system_tests.find() if test.name == what)
        system = machine.System(f"flush-{name}", debug, test.path, harts, test.keys["mem"][0], arguments, test.files,
                                limit_s=LIMIT_S)
    result = machine.run(system, lambda line: None)
    return result.status != 0 and any(FOUND.search(line) for line in result.lines), result.lines


def check(name, where, harts, bootargs, tries, debug, seed):
    """(was it noticed, lines of the last try, tries made)"""
    for attempt in range(1, tries + 1):
        if where.startswith("host="):
            found, lines = run_host(name, where[len("host="):])
        else:
            found, lines = run_machine(name, where, harts, bootargs, debug, seed + attempt - 1)
        if found:
            break
    return found, lines, attempt


def missing():
    """Flushes that the code names and the table above does not, or the other way round."""
    return sorted(set(names_in_code()) ^ {site[0] for site in SITES})
