"""Tests of `make profile`, run by tests/run.py. Two systems under the plug-in, and the same without it.

A check takes a Fixture and returns what is wrong, as lines; some break the profile on purpose and expect that it is noticed.
"""

import contextlib
import copy
import subprocess
import types

import attribute
import bench
import checks
import machine
import phases
import picture
import profile

SYSTEMS = (bench.KERNEL, "user-adv")


class Fixture:
    """What the systems printed without the plug-in, and what it has seen of them."""

    def __init__(self, build):
        self.options = types.SimpleNamespace(build=build)
        self.plain = {mm: [line for line in bench.boot(mm, self.options) if bench.FIGURE.match(line)] for mm in SYSTEMS}
        self.figures = [figure for mm in SYSTEMS for figure in profile.record(mm, self.options)]

    def figure(self, name):
        return next(figure for figure in self.figures if figure.name == name)

    def instrs(self, name, key, mm="user-adv"):
        """{value of key: instructions} of a benchmark."""
        rows = next(figure for figure in self.figures if (figure.name, figure.mm) == (name, mm)).rows()
        return {value: instrs for value, instrs, _ in profile.totals(rows, key)}


def differ(what, have, want):
    return [] if have == want else [f"{what}: {have} instead of {want}"]


def check_undisturbed(fixture):
    """Under the plug-in every benchmark prints what it prints without."""
    failures = []
    for mm in SYSTEMS:
        have = [(figure.name, figure.count, figure.median, figure.least, figure.most) for figure in fixture.figures
                if figure.mm == mm]
        plain = [bench.FIGURE.match(line).groups() for line in fixture.plain[mm]]
        want = [(name, int(count), int(median), int(least), int(most)) for name, _, count, median, _, least, most in plain]
        failures += differ(mm, have, want)
    return failures


def check_sums(fixture):
    """The instructions of all functions are the figure, of the median and of the mean."""
    failures = []
    for figure in fixture.figures:
        figure.check()
        rows = figure.rows()
        failures += differ(f"{figure.name}, {figure.mm}: sum", round(sum(row["instrs"] for row in rows), 6),
                           round(figure.median / figure.per, 6))
        mean = sum(figure.instrs(path) * times for path, times in figure.paths.items()) / figure.count / figure.per
        if abs(sum(row["mean"] for row in rows) - mean) > 0.001 * len(rows):
            failures.append(f"{figure.name}, {figure.mm}: the means do not add up to {mean}")
    return failures


def check_known(fixture):
    """The control of 1,000 instructions: 600 in a function of its own, in both systems."""
    want = {"known_600": 600, "take_known": 400}
    return [failure for mm in SYSTEMS for failure in differ(mm, fixture.instrs("control_known_1000", "inlined", mm), want)]


def check_trapped_once(fixture):
    """A store that trapped and was executed again has retired once."""
    return (differ("pf in the client", fixture.instrs("pf", "component")["client"], 1) +
            differ("touch_again", fixture.instrs("control_touch_again", "component"), {"client": 1}))


def check_components(fixture):
    """Programs at the same addresses are told apart."""
    failures = differ("components of mmap", set(fixture.instrs("mmap", "component")), {"kernel", "server", "client"})
    for row in fixture.figure("mmap").rows():
        for file, component in (("mmserver/", "server"), ("apps/", "client"), ("libipc/mman.c", "client")):
            if row["file"].startswith(file) and row["component"] != component:
                failures.append(f"{row['inlined']} of {row['file']} is attributed to {row['component']}")
    partner = fixture.instrs("ipc_call_reply_0", "component", bench.KERNEL)
    return failures + differ("components of ipc_call_reply_0", set(partner), {"kernel", "program", "partner"})


def check_phases(fixture):
    """Nearly every instruction has a phase."""
    for figure in fixture.figures:
        profile.check_other(figure, figure.rows())
    return []


def expect_failure(what, call, *arguments):
    try:
        call(*arguments)
    except (bench.Failed, attribute.Unknown):
        return []
    return [f"{what} was not noticed"]


def check_miscount_noticed(fixture):
    """One instruction less in one sample, or one sample less, and the totals are not those that were printed."""
    short, lost = copy.copy(fixture.figure("pf")), copy.copy(fixture.figure("pf"))
    path = max(short.paths, key=short.instrs)
    instrs, steps = short.attribution.recording.paths[path]
    short.attribution = types.SimpleNamespace(recording=types.SimpleNamespace(
        paths={**short.attribution.recording.paths, path: (instrs - 1, steps)}))
    lost.paths = lost.paths - type(lost.paths)([path])
    return expect_failure("an instruction less", short.check) + expect_failure("a sample less", lost.check)


@contextlib.contextmanager
def rules(changed):
    saved, phases.RULES = phases.RULES, changed
    try:
        yield
    finally:
        phases.RULES = saved


def check_missing_rule_noticed(fixture):
    """Without the rules for the server's core, too much is `other`."""
    figure = fixture.figure("mmap")
    with rules([rule for rule in phases.RULES if not rule[1].startswith("mmserver/corten")
                and not rule[1] == "mmserver/*"]):
        return expect_failure("code without a phase", profile.check_other, figure, figure.rows())


def check_unknown_program_noticed(fixture):
    """Code of a program that the profile does not know is not given to another one."""
    figure = copy.copy(fixture.figure("pf"))
    known = figure.attribution
    figure.attribution = attribute.Attribution(known.recording, known.kernel,
                                               [program for program in known.programs if program.name != "mmserver"], known.root)
    rows = figure.rows()
    return (differ("components", {row["component"] for row in rows}, {"kernel", "client", "unknown"}) +
            expect_failure("an unknown program", profile.check_other, figure, rows))


def check_plugin_refuses(fixture):
    """Two harts, or no file to write: QEMU ends, and says why."""
    plugin = profile.find_plugin(fixture.options)
    failures = []
    for harts, arguments, why in (("2", ",out=/dev/null,add=1,print=1", "1 hart at most"), ("1", "", "needs out=FILE")):
        done = subprocess.run([machine.QEMU, "-M", "virt", "-display", "none", "-smp", harts, "-plugin", plugin + arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        if done.returncode == 0 or why not in done.stdout:
            failures.append(f"{harts} harts, '{arguments}': status {done.returncode}, said: {done.stdout.strip()}")
    return failures


def check_picture(fixture):
    """The same profile makes the same bytes, with the figure beside each bar."""
    figures = [fixture.figure("pf"), fixture.figure("munmap")]
    bars = [((figure.name, figure.mm), {**dict.fromkeys(phases.PHASES, 0), **fixture.instrs(figure.name, "phase")})
            for figure in figures]
    drawn = picture.draw(bars)
    failures = differ("second drawing", picture.draw(copy.deepcopy(bars)) == drawn, True)
    return failures + [f"{figure.name}: no {figure.median:,} in the picture" for figure in figures
                       if f">{figure.median:,}</text>" not in drawn]


CHECKS = (check_undisturbed, check_sums, check_known, check_trapped_once, check_components, check_phases,
          check_miscount_noticed, check_missing_rule_noticed, check_unknown_program_noticed, check_plugin_refuses, check_picture)


def run(build, wanted):
    """(name, failures, seconds) of each check whose name contains `wanted`."""
    return checks.run(CHECKS, lambda: Fixture(build), wanted,
                      (bench.Failed, attribute.Unknown, machine.Refused, subprocess.TimeoutExpired))
