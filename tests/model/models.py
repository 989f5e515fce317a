"""Checks the Promela models in this folder with Spin, exhaustively. Called by tests/run.py; lists what it would run, by hand:

    models.py [--full]

Each model names the rules of its protocol as `#define RULE number`, and leaves out the one that BREAK names. The whole
model must have no error, in a search that is complete; each broken one must have one. A rule that no run here breaks is
a failure, too.
"""

import concurrent.futures
import os
import re
import subprocess
import sys
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
BUILD = "build/model"
LIMIT_S = 1800
MEMORY_MIB = 6000
DEPTH = 5000000

RULES = re.compile(r"^#define NOTHING 0\n((?:#define .*\n)+)", re.MULTILINE)
RULE = re.compile(r"^#define ([A-Z_]+) +\d+", re.MULTILINE)
FOUND = re.compile(r"^pan:1: (assertion violated|invalid end state|acceptance cycle|non-progress cycle)", re.MULTILINE)
ERRORS = re.compile(r"errors: (\d+)$", re.MULTILINE)
STATES = re.compile(r"^ *([\d.e+]+) states, stored", re.MULTILINE)
INCOMPLETE = ["max search depth too small", "Search not completed", "reached -DMEMLIM bound", "out of memory", "aborting",
              "error:", "truncated"]


class Run:
    """One model in one configuration. `search`: safety (assertions, deadlocks), live (an LTL property, weak fairness) or
    cycles (nobody goes round for ever without progress). `broken`: the rule that is left out; `finds`: whether an error is
    expected."""

    def __init__(self, model, config="", broken=None, finds=None, search="safety", full=False, hash_bits=20):
        self.model, self.config, self.broken, self.search = model, config, broken, search
        self.finds = broken is not None if finds is None else finds
        self.full, self.hash_bits = full, hash_bits

    def title(self):
        settings = re.sub(r"(\w+)=(\w+)", lambda m: f"{m[1].lower()} {m[2].lower()}", self.config)
        parts = [self.model] + ([settings] if settings else []) + ([self.search] if self.search != "safety" else [])
        if self.broken:
            parts.append(f"without {self.broken}" + ("" if self.finds else ", which is not needed"))
        return ", ".join(parts)

    def folder(self):
        return os.path.join(BUILD, re.sub(r"[^a-z0-9]+", "-", self.title().lower()))

    def commands(self):
        defines = [f"-D{setting}" for setting in self.config.split()]
        defines += [f"-DBREAK={self.broken}"] if self.broken else []
        defines += ["-DLIVE"] if self.search == "live" else []
        memory = [f"-DMEMLIM={MEMORY_MIB}", "-DCOLLAPSE"]
        kind = {"safety": ["-DSAFETY"], "live": ["-DNFAIR=3"], "cycles": ["-DNP"]}[self.search]
        how = {"safety": [], "live": ["-a", "-f"], "cycles": ["-l"]}[self.search]
        optimise = "-O0" if self.broken else "-O2"  # compiling takes longer than finding the error
        return [["spin", "-a", *defines, os.path.join(FOLDER, self.model + ".pml")],
                ["gcc", optimise, "-w", *memory, *kind, "-o", "pan", "pan.c"],
                ["./pan", f"-m{DEPTH}", f"-w{self.hash_bits}", *how]]

    def repeat(self):
        spin, gcc, pan = (" ".join(command) for command in self.commands())
        return f"mkdir -p {self.folder()}; cd {self.folder()}; {spin}; {gcc}; {pan}; spin -t -p -g {spin[len('spin -a '):]}"

    def check(self):
        """(failures, output lines, seconds, states)"""
        start = time.monotonic()
        folder = self.folder()
        os.makedirs(folder, exist_ok=True)
        output = ""
        for command in self.commands():
            try:
                done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=LIMIT_S,
                                      stderr=subprocess.STDOUT, text=True, errors="replace")
            except subprocess.TimeoutExpired:
                return [f"not done after {LIMIT_S} s: {' '.join(command)}"], [], time.monotonic() - start, "?"
            output = done.stdout
            if done.returncode != 0:
                return [f"status {done.returncode}: {' '.join(command)}"], output.splitlines(), time.monotonic() - start, "?"
        states = STATES.search(output)
        failures = self.judge(output)
        return failures, output.splitlines(), time.monotonic() - start, states[1] if states else "?"

    def judge(self, output):
        errors, found = ERRORS.search(output), FOUND.search(output)
        if not errors:
            return ["the search gave no result"]
        if self.finds:
            return [] if found and int(errors[1]) > 0 else ["Spin found no error although a rule is left out"]
        if found or int(errors[1]) > 0:
            return [f"Spin found: {found[1] if found else 'an error'}"]
        incomplete = [sign for sign in INCOMPLETE if sign in output]
        return [f"the search is not complete: {sign}" for sign in incomplete]


def breaks(model, config, rules, **more):
    return [Run(model, config, rule, **more) for rule in rules.split()]


# (model, configuration, rule left out ...). Those marked `full` are only run by `make model FULL=1`.
def all_runs():
    adv, rw = "PROTOCOL=ADV", "PROTOCOL=RW"
    big = {"hash_bits": 24}
    runs = [
        Run("corten", f"{adv} FLUSH=LAZY", **big),
        Run("corten", f"{rw} FLUSH=LAZY", **big),
        Run("corten", f"{adv} FLUSH=NOW", **big),
        Run("corten", f"{rw} FLUSH=NOW", **big),
        Run("corten", f"{adv} WORKERS=4 MENU=5 TREES=4", **big),
        Run("corten", f"{adv} WORKERS=2 MENU=255"),
        Run("corten", f"{rw} WORKERS=2 MENU=255"),
        Run("corten", f"{adv} WORKERS=2 JOBS=2", **big),
        Run("corten", f"{rw} WORKERS=2 JOBS=2", **big),
        Run("corten", f"{adv} WORKERS=2", search="cycles"),
        Run("corten", f"{rw} WORKERS=2", search="cycles"),
        Run("corten", f"{rw} WORKERS=4 MENU=5 TREES=4", full=True, **big),
        Run("corten", f"{adv} WORKERS=2 JOBS=2 FLUSH=NOW", full=True, **big),
        Run("corten", f"{adv} MENU=254 TREES=6", full=True, **big),
        Run("corten", f"{rw} MENU=254 TREES=6", full=True, **big),
        Run("ride", "WORKERS=2 MENU=111", **big),
        Run("ride", "WORKERS=2", full=True, **big),
        Run("qlock", "LOCKS=1", **big),
        Run("qlock", "LOCKS=2 WORKERS=2"),
        Run("qlock", "LOCKS=1", search="live", **big),
        Run("rwlock"),
        Run("rwlock", "WORKERS=4"),
        Run("rwlock", "WORKERS=4", search="live"),
        Run("removal", "ROUNDS=2", **big),
        Run("shootdown"),
        Run("message", "ROUNDS=2"),
        Run("message", "HOMES=SAME ROUNDS=2", **big),
        Run("message", "ROUNDS=3", full=True),
        Run("revocation", "MODE=RETYPE"),
        Run("revocation", "MODE=REVOKE"),
        Run("revocation", "MODE=REVOKE BATCHES=4", full=True),
    ]
    runs += breaks("corten", f"{adv} TREES=4", """LOCK_BEFORE_LINK STALE_BELOW STALE_LOCKED LOOK_AGAIN LOCK_BELOW PARENTS_FIRST
                   WAIT_EPOCH EPOCH_FIRST SEAL_AFTER WAIT_TLB NUMBER_AFTER LAND TWO_PHASE""")
    runs += breaks("corten", f"{adv} TREES=1", "LOCK_REST")
    runs += breaks("corten", f"{adv} FLUSH=NOW TREES=4", "WAIT_TLB")
    runs += breaks("corten", f"{rw} WORKERS=2", "LOOK_AGAIN PARENTS_HELD WRITE_LOCK WAIT_TLB NUMBER_AFTER LAND TWO_PHASE")
    # Stricter than these models need: with the parent's lock held, the order among siblings cannot close a circle; and rw
    # never stands on a table without a lock on the way to it.
    runs += breaks("corten", f"{adv} WORKERS=2", "ASCENDING", finds=False)
    runs += breaks("corten", f"{rw} WORKERS=2", "WAIT_EPOCH", finds=False)
    runs += breaks("ride", "WORKERS=2", """LAND LAND_ALL STAMP_OWN NUMBER_SEEN ASK_STAMP RESTAMP LOSE_FLUSH EARLY_NUMBER
                   DONE_AFTER REFUSED_TELLS""", **big)
    runs += breaks("ride", "WORKERS=3 JOBS=2 MENU=26", "STAMP_SEEN", **big)
    runs += breaks("qlock", "LOCKS=1", "NEXT_FIRST AWAIT_NEXT WAIT_FIRST UNLOCK_SWAP")
    runs += breaks("rwlock", "", "READ_AGAIN TAKE_MARK UNLOCK_BIT WRITER_ALONE")
    runs += breaks("rwlock", "", "STAND_BACK", search="live")
    runs += breaks("removal", "ROUNDS=1",
                   "SECOND_LOOK ODD QUIESCE TWICE IDLE_EMPTY IDLE_FENCE ASK_FENCE HOLD_NOTHING DONE_LAST")
    runs += breaks("shootdown", "", """SWITCH_FENCE MASK_FENCE SPARE_FENCE WAKE_FENCE SERVE_FIRST BIT_STAYS
                   FLUSH_WAIT BURST_FIRST ALONE_FENCE ALONE_MASK ALONE_LOCAL""")
    runs += breaks("message", "HOMES=SAME ROUNDS=2", "ATTACH_FIRST ATTACH_CAS ANSWER_CAS ANSWER_LOCKED HOME_HERE TAKE_FIRST")
    runs += breaks("message", "ROUNDS=2", """QUIESCE REUSE_QUIESCE ARRIVE STATE_AGAIN WAKING_LOCKED EXCHANGE CANCEL_CAS
                   DELIVER_FIRST""")
    runs += breaks("revocation", "MODE=REVOKE",
                   "QUIESCE SCAN_CAS PROTECT_CAS FLUSH FLUSH_WAIT FLUSH_AFTER DECODE_AGAIN VERSION")
    runs += breaks("revocation", "MODE=RETYPE", "QUIESCE PROTECT_CAS FLUSH FLUSH_WAIT FLUSH_AFTER DECODE_AGAIN")
    return runs


def rules_without_break(runs):
    """Lines: a rule that a model names and no run leaves out."""
    lines = []
    for model in sorted({run.model for run in runs}):
        with open(os.path.join(FOLDER, model + ".pml"), encoding="utf-8") as f:
            rules = RULE.findall(RULES.search(f.read())[1])
        broken = {run.broken for run in runs if run.model == model}
        lines += [f"{model}.pml: no run leaves out {rule}" for rule in rules if rule not in broken]
    return lines


def check_all(runs, report):
    """Runs all, as many at once as there are processors (at most 4: memory); calls report(run, result) in order."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, 4)) as pool:
        for run, result in zip(runs, pool.map(lambda run: run.check(), runs)):
            report(run, result)


if __name__ == "__main__":
    for one in all_runs():
        if not one.full or "--full" in sys.argv:
            print(one.title())
