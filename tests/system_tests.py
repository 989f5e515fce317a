"""System tests: descriptions (*.dts) that say in their first lines what must happen when they are run.

    // harts: 1 4  mm: user-adv user-rw  flush: now lazy  expect: passed  limit: 60
    // output: REGEX       some line of the console must match; several are allowed
    // forbid: REGEX       no line may match
    // file: NAME TEXT     a file in the initrd with this text, beside the programs
    // sweep: WORD VALUE...   one run for each value, which stands where the description says WORD

Keys of the first line; those with several values are run in every combination:
    harts (4)   mmu (the widest)   mm, flush (as the description says)   build (release, and the first and last combination in debug)
    mem (512M)  of the machine
    expect      passed: status 0 and the line 'tenon: passed';  failed: any other status, no such line;
                ended: either, but a failure with its line, 'tenon: failed: why', or the kernel's 'boot: why'
    limit (60)  seconds until it is a hang      init (init)
    rules       server (also: kernel): in the debug build the kernel also judges the memory server's flushes
    check       wordcount: totals and most frequent words must equal what standard tools count in the input
"""

import glob
import itertools
import os
import re
import subprocess

import machine

INPUT = "build/input.txt"
DEFAULTS = {"harts": ["4"], "mmu": [""], "mm": [""], "flush": [""], "build": [], "expect": ["passed"], "limit": ["60"],
            "mem": ["512M"], "init": ["init"], "check": [], "rules": ["server"]}
# A kernel panic fails every test, also one that expects a failure.
ALWAYS_FORBIDDEN = [r"(?i)\bpanic\b"]


class Test:
    def __init__(self, path, first_line):
        self.path, self.name = path, os.path.splitext(os.path.basename(path))[0]
        self.keys = {**DEFAULTS, **parse_keys(path, first_line)}
        self.output, self.forbid, self.files = [], list(ALWAYS_FORBIDDEN), {"input.txt": INPUT}
        self.sweep_word, self.sweep = "", [""]
        with open(path, encoding="utf-8") as source:
            for line in source:
                match = re.match(r"//\s*(output|forbid|file|sweep):\s*(.*?)\s*$", line)
                if match and match.group(1) == "file":
                    name, _, text = match.group(2).partition(" ")
                    self.files[name] = text.encode()
                elif match and match.group(1) == "sweep":
                    self.sweep_word, *self.sweep = match.group(2).split()
                elif match:
                    getattr(self, match.group(1)).append(match.group(2))

    def runs(self):
        combinations = list(itertools.product(*(self.keys[key] for key in ("harts", "mmu", "mm", "flush", "mem")), self.sweep))
        builds = self.keys["build"] or ["release"]
        result = [Run(self, build, *values) for build in builds for values in combinations]
        ends = list(dict.fromkeys([combinations[0], combinations[-1]]))
        return result + ([] if self.keys["build"] else [Run(self, "debug", *values) for values in ends])


class Run:
    def __init__(self, test, build, harts, mmu, mm, flush, mem, value):
        self.test, self.build, self.harts, self.mem, self.value = test, build, harts, mem, value
        self.settings = [(name, value) for name, value in (("mmu", mmu), ("mm", mm), ("flush", flush)) if value]

    def title(self):
        words = [f"{self.harts} harts", *self.variant(), self.build]
        return f"{self.test.name} ({', '.join(words)})"

    def variant(self):
        """What tells this run from the test's others, but for harts and build."""
        mem = [self.mem] if len(self.test.keys["mem"]) > 1 else []
        return [value for _, value in self.settings] + mem + ([self.value] if self.value else [])

    def description(self):
        """Path of the description, made here if a value has to be put in."""
        if not self.value:
            return self.test.path
        path = os.path.join("build", "sweep", f"{self.test.name}-{self.value}.dts")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(self.test.path, encoding="utf-8") as source, open(path, "w", encoding="utf-8") as out:
            out.write(source.read().replace(self.test.sweep_word, self.value))
        return path

    def repeat(self):
        if self.value:
            return f"make system-test TEST={self.test.name}"
        words = [f"{name.upper()}={value}" for name, value in self.settings] + (["DEBUG=1"] if self.build == "debug" else [])
        return f"make run APP={self.test.name} HARTS={self.harts} MEM={self.mem} " + " ".join(words)

    def check(self, builds, seed):
        """Runs it: (failures, lines of the console, seconds)."""
        test = self.test
        bootargs = [f"{name}={value}" for name, value in self.settings] + [f"seed={seed}"]
        if self.build == "debug" and test.keys["rules"] == ["server"]:
            bootargs.append("flush-rules=server")
        if test.keys["init"] != ["init"]:
            bootargs.append("init=" + test.keys["init"][0])
        system = machine.System("-".join([test.name, self.harts, *self.variant()]), builds[self.build],
                                self.description(), self.harts, self.mem, " ".join(bootargs), test.files,
                                test.keys["init"][0], int(test.keys["limit"][0]))
        try:
            result = machine.run(system, lambda line: None)
        except machine.Refused as error:
            return [str(error)], [], 0
        return verdict(test, result), result.lines, result.seconds


def parse_keys(path, line):
    """`// key: value value  key: value` as a dictionary of lists."""
    keys, key = {}, None
    for word in line.lstrip("/").split():
        if word.endswith(":"):
            key = word[:-1]
            if key not in DEFAULTS:
                raise SystemExit(f"{path}:1: unknown key '{key}'; known: {', '.join(DEFAULTS)}")
            keys[key] = []
        elif key:
            keys[key].append(word)
    return keys


def find():
    """All tests: descriptions of apps and tests whose first line has expectations."""
    tests = []
    for path in sorted(glob.glob("apps/*/*.dts") + glob.glob("tests/system/*.dts")):
        with open(path, encoding="utf-8") as source:
            first = source.readline()
        if re.match(r"//.*\b(expect|harts):", first):
            tests.append(Test(path, first))
        elif path.startswith("tests/"):
            raise SystemExit(f"{path}:1: a system test starts with a line of expectations, see tests/README.md")
    return tests


def verdict(test, result):
    failures = []
    expected = test.keys["expect"][0]
    if result.hang:
        failures.append(f"hang: not done after {test.keys['limit'][0]} s")
    elif expected == "passed" and not result.passed():
        failures.append(f"expected to pass, but ended with status {result.status} and without '{machine.PASS_LINE}'"
                        if result.status == 0 else f"expected to pass, but ended with status {result.status}")
    elif expected == "failed" and (result.status == 0 or result.passed()):
        failures.append("expected to fail, but passed")
    elif expected == "ended" and not result.passed() and not (
            result.status != 0 and any(line.startswith(("tenon: failed: ", "boot: ")) for line in result.lines)):
        failures.append(f"expected an end with its reason, but ended with status {result.status}")
    for pattern in test.output:
        if not any(re.search(pattern, line) for line in result.lines):
            failures.append(f"no line of output matches: {pattern}")
    for pattern in test.forbid:
        failures += [f"forbidden output: {line}" for line in result.lines if re.search(pattern, line)][:3]
    if "wordcount" in test.keys["check"]:
        failures += compare_wordcount(result.lines)
    return failures


_expected_words = None


def count_words():
    """What tr, sort, uniq and wc say about the input, in the form that wordcount prints."""
    global _expected_words
    if _expected_words is None:
        def shell(pipeline):
            return subprocess.run(["/bin/sh", "-c", pipeline], env={**os.environ, "LC_ALL": "C"}, check=True,
                                  stdout=subprocess.PIPE, text=True).stdout

        words = f"tr -cs 'A-Za-z' '\\n' < {INPUT} | tr 'A-Z' 'a-z' | grep ."
        top = shell(f"{words} | sort | uniq -c | sort -k1,1nr -k2,2 | head -n 20").split("\n")
        _expected_words = [
            f"wordcount: bytes {shell(f'wc -c < {INPUT}').strip()}",
            f"wordcount: lines {shell(f'wc -l < {INPUT}').strip()}",
            f"wordcount: words {shell(f'{words} | wc -l').strip()}",
            f"wordcount: distinct {shell(f'{words} | sort -u | wc -l').strip()}",
        ] + ["wordcount: top " + " ".join(line.split()) for line in top if line.strip()]
    return _expected_words


def compare_wordcount(lines):
    printed = [line.strip() for line in lines if re.match(r"\s*wordcount: (bytes|lines|words|distinct|top) ", line)]
    expected = count_words()
    if printed == expected:
        return []
    wrong = [f"standard tools: '{want}', wordcount: '{have}'" for want, have in itertools.zip_longest(expected, printed)
             if want != have]
    return wrong[:5]
