"""Proofs about bits: is a contract true of a function without loops and memory, for every input?

Frama-C's WP reasons in unbounded integers and proves little about masks. So a contract whose list entry says `bits` is
decided in bit vectors instead, from the same text: for each `ensures` a C function is generated that takes the
parameters, calls the real function and says whether the clause holds where every `requires` does. clang compiles it
with the undefined-behaviour checks (which turn undefined behaviour of the function, and overflow of the contract's own
arithmetic, into a trap), the LLVM code is written down as one SMT-LIB term, and z3 is asked for an input for which the
clause fails or the trap is reached. The contract's integers are 128 bits wide; Frama-C reads the same contract at the
function's callers.
"""
import re
import subprocess

CLANG = ["clang-19", "-std=gnu17", "-O2", "-fno-vectorize", "-fno-slp-vectorize", "-fno-jump-tables",
         "-fsanitize=undefined",
         "-fsanitize-trap=undefined", "-Wno-everything", "-S", "-emit-llvm", "-o", "-", "-x", "c"]
STRUCTS = {"vaddr_t": ["v"], "paddr_t": ["v"], "pfn_t": ["v"], "ct_word_t": ["v"], "struct shape": ["v"],
           "struct cap": ["w0", "w1"]}


class Unsupported(Exception):
    pass


# ---- contract -> C ----

def at_top(text, arrow):
    """Where the arrow stands outside of all parentheses; -1: nowhere."""
    depth = 0
    for i, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0 and text.startswith(arrow, i) and (arrow == "<==>" or text[i - 1] != "<"):
            return i
    return -1


def expression(text):
    """An ACSL formula as C: arrows at the top, or in parentheses that are a whole side of an arrow."""
    text = text.strip().replace("\\result", "result_w").replace("\\true", "1").replace("\\false", "0")
    for arrow, c in (("<==>", "(!!({0}) == !!({1}))"), ("==>", "(!({0}) || ({1}))")):
        i = at_top(text, arrow)
        if i >= 0:
            return c.format(expression(text[:i]), expression(text[i + len(arrow):]))
    if "==>" in text:
        if not (text.startswith("(") and text.endswith(")")):
            raise Unsupported("arrow inside of " + text)
        return expression(text[1:-1])
    return text


def wide(kind, name, value):
    """A copy of a parameter or result in which the contract's arithmetic is done."""
    if kind in STRUCTS:
        fields = STRUCTS[kind]
        return "struct { __int128 %s; } %s = {%s};" % (", ".join(fields), name,
                                                       ", ".join("%s.%s" % (value, f) for f in fields))
    if kind.endswith("*"):
        return "__int128 %s = (uint64_t)%s;" % (name, value)
    return "__int128 %s = %s;" % (name, value)


def checks(contract, include):
    """C source with a function check_N for each `ensures`; parameters of one-member structures are passed as words."""
    out = ['#include "tests/verify/spec.h"', '#include "%s"' % include]
    for number, clause in enumerate(contract.ensures):
        parameters, body = [], []
        for kind, name in contract.parameters:
            if kind in STRUCTS:
                parameters += ["uint64_t %s_%s" % (name, f) for f in STRUCTS[kind]]
                body.append("%s n_%s = {%s};" % (kind, name, ", ".join("%s_%s" % (name, f) for f in STRUCTS[kind])))
            else:
                parameters.append("%s n_%s" % (kind, name))
        body += [wide(kind, name, "n_" + name) for kind, name in contract.parameters]
        body += ["if (!(%s)) return 1;" % expression(r) for r in contract.requires]
        call = "%s(%s)" % (contract.name, ", ".join("n_" + name for _, name in contract.parameters))
        body.append("%s result_n = %s;" % (contract.kind, call))
        body.append(wide(contract.kind, "result_w", "result_n"))
        body.append("return (%s);" % expression(clause))
        out.append("_Bool check_%d(%s)\n{\n    %s\n}" % (number, ", ".join(parameters) or "void", "\n    ".join(body)))
    return "\n".join(out) + "\n"


# ---- LLVM -> SMT-LIB ----

BINARY = {"add": "bvadd", "sub": "bvsub", "mul": "bvmul", "udiv": "bvudiv", "urem": "bvurem", "sdiv": "bvsdiv",
          "srem": "bvsrem", "shl": "bvshl", "lshr": "bvlshr", "ashr": "bvashr", "and": "bvand", "or": "bvor",
          "xor": "bvxor"}
COMPARE = {"ult": "bvult", "ule": "bvule", "ugt": "bvugt", "uge": "bvuge", "slt": "bvslt", "sle": "bvsle",
           "sgt": "bvsgt", "sge": "bvsge"}
FLAGS = re.compile(r"\b(nuw|nsw|exact|disjoint|nneg|samesign|tail|notail|noundef|zeroext|signext|range\([^)]*\)) ?")


def width(kind):
    if kind == "ptr":
        return 64
    match = re.fullmatch(r"i(\d+)", kind)
    if not match:
        raise Unsupported("type " + kind)
    return int(match.group(1))


class Translation:
    """One function, blocks in an order in which each comes after those that lead to it. Values are bit vectors; i1 too."""

    def __init__(self, lines):
        self.out, self.known, self.traps = [], {}, []
        self.edges = {}     # (from, to) -> condition
        self.returned = []  # (condition, value)
        head = lines[0]
        inside = head[head.index("(") + 1:]
        for kind, name in re.findall(r"(i\d+|ptr)[^,%]*(%[\w.]+)", inside):
            self.declare(name, kind)
        blocks, name = {}, "%" + str(len(re.findall(r"(?:i\d+|ptr)[^,%]*%\d+", inside)))
        for line in lines[1:]:
            line = line.split(", !")[0].split(" #")[0].strip()
            label = re.match(r"([\w.]+):", line)
            if label:
                name = "%" + label.group(1)
            elif line and not line.startswith(";"):
                blocks.setdefault(name, []).append(line)
        self.entry = next(iter(blocks))
        self.blocks = blocks
        for block in self.ordered():
            self.block(block)

    def declare(self, name, kind):
        symbol = "|%s|" % name
        if name not in self.known:
            self.out.append("(declare-const %s (_ BitVec %d))" % (symbol, width(kind)))
            self.known[name] = (symbol, kind)
        return symbol

    def define(self, name, kind, term):
        symbol = "|%s|" % name
        self.out.append("(define-fun %s () (_ BitVec %d) %s)" % (symbol, width(kind), term))
        self.known[name] = (symbol, kind)

    def value(self, kind, text):
        text = text.strip()
        if text.startswith("%"):
            return self.known[text][0]
        number = {"true": 1, "false": 0, "null": 0}.get(text)
        if number is None:
            if not re.fullmatch(r"-?\d+", text):
                raise Unsupported("operand " + text)
            number = int(text)
        return "(_ bv%d %d)" % (number % (1 << width(kind)), width(kind))

    def targets(self, block):
        return re.findall(r"label (%[\w.]+)", self.blocks[block][-1]) if not \
            self.blocks[block][-1].startswith("switch") else self.switch_targets(block)

    def switch_targets(self, block):
        return re.findall(r"label (%[\w.]+)", " ".join(self.blocks[block]))

    def ordered(self):
        done, active, order = set(), set(), []

        def visit(block):
            if block in active:
                raise Unsupported("loop")
            if block in done:
                return
            active.add(block)
            for target in re.findall(r"label (%[\w.]+)", " ".join(self.blocks[block])):
                visit(target)
            active.discard(block)
            done.add(block)
            order.append(block)
        visit(self.entry)
        return reversed(order)

    def reach(self, block):
        conditions = [c for (_, to), c in self.edges.items() if to == block]
        if block == self.entry:
            return "true"
        return "(or %s)" % " ".join(conditions) if conditions else "false"

    def edge(self, block, to, condition):
        there = "(and |at %s| %s)" % (block, condition)
        old = self.edges.get((block, to))
        self.edges[block, to] = "(or %s %s)" % (old, there) if old else there

    def block(self, name):
        self.out.append("(define-fun |at %s| () Bool %s)" % (name, self.reach(name)))
        for line in self.blocks[name]:
            self.line(name, FLAGS.sub("", line))

    def line(self, block, line):
        match = re.match(r"(%[\w.]+) = (.*)", line)
        if match:
            self.instruction(block, *match.groups())
        elif line.startswith("ret "):
            kind, text = line.split()[1:3]
            self.returned.append(("|at %s|" % block, self.value(kind, text)))
        elif line.startswith("br i1 "):
            condition, yes, no = re.match(r"br i1 ([^,]+), label (%[\w.]+), label (%[\w.]+)", line).groups()
            term = "(= %s #b1)" % self.value("i1", condition)
            self.edge(block, yes, term)
            self.edge(block, no, "(not %s)" % term)
        elif line.startswith("br label "):
            self.edge(block, line.split()[2], "true")
        elif line.startswith("switch "):
            self.switch = re.match(r"switch (i\d+) ([^,]+), label (%[\w.]+)", line).groups()
            self.cases = []
        elif re.match(r"i\d+ -?\d+, label", line):
            kind, text, to = re.match(r"(i\d+) (-?\d+), label (%[\w.]+)", line).groups()
            term = "(= %s %s)" % (self.value(kind, self.switch[1]), self.value(kind, text))
            self.cases.append(term)
            self.edge(block, to, term)
        elif line == "]":
            self.edge(block, self.switch[2], "(not (or false %s))" % " ".join(self.cases))
        elif "@llvm.ubsantrap" in line:
            self.traps.append("|at %s|" % block)
        elif line.startswith("unreachable") or "@llvm.assume" in line or "@llvm.lifetime" in line:
            pass
        else:
            raise Unsupported(line)

    def instruction(self, block, name, text):
        words = text.split(None, 1)
        op, rest = words[0], words[1]
        if op in BINARY:
            kind, a, b = re.match(r"(i\d+) ([^,]+), (.+)", rest).groups()
            self.define(name, kind, "(%s %s %s)" % (BINARY[op], self.value(kind, a), self.value(kind, b)))
        elif op == "icmp":
            how, kind, a, b = re.match(r"(\w+) (i\d+|ptr) ([^,]+), (.+)", rest).groups()
            a, b = self.value(kind, a), self.value(kind, b)
            test = {"eq": "(= %s %s)", "ne": "(distinct %s %s)"}.get(how, "(%s %%s %%s)" % COMPARE.get(how)) % (a, b)
            self.define(name, "i1", "(ite %s #b1 #b0)" % test)
        elif op == "select":
            test, kind, a, b = re.match(r"i1 ([^,]+), (i\d+|ptr) ([^,]+), (?:i\d+|ptr) (.+)", rest).groups()
            self.define(name, kind, "(ite (= %s #b1) %s %s)" % (self.value("i1", test), self.value(kind, a),
                                                                 self.value(kind, b)))
        elif op in ("zext", "sext", "trunc", "ptrtoint", "inttoptr"):
            self.cast(name, op, *re.match(r"(i\d+|ptr) (\S+) to (i\d+|ptr)", rest).groups())
        elif op == "phi":
            kind, pairs = rest.split(None, 1)
            term = None
            for value, source in re.findall(r"\[ ([^,]+), (%[\w.]+) \]", pairs):
                value = self.value(kind, value)
                term = value if term is None else "(ite %s %s %s)" % (self.edges[source, block], value, term)
            self.define(name, kind, term)
        elif op == "freeze":
            kind, a = rest.split()
            self.define(name, kind, self.value(kind, a))
        elif op == "load":
            kind, where = re.match(r"(i\d+|ptr), ptr ([^,]+)", rest).groups()
            if not where.startswith("@"):
                raise Unsupported(text)
            self.known[name] = (self.declare(where, kind), kind)  # a global, constant while the function runs
        elif op == "call":
            self.call(name, rest)
        elif op == "extractvalue":
            pair, index = re.match(r"\{[^}]*\} (%[\w.]+), (\d)", rest).groups()
            self.known[name] = self.known["%s.%s" % (pair, index)]
        else:
            raise Unsupported(text)

    def cast(self, name, op, kind, a, to):
        value, more = self.value(kind, a), width(to) - width(kind)
        if more < 0:
            term = "((_ extract %d 0) %s)" % (width(to) - 1, value)
        elif more == 0:
            term = value
        else:
            term = "((_ %s_extend %d) %s)" % ("sign" if op == "sext" else "zero", more, value)
        self.define(name, to, term)

    def call(self, name, rest):
        match = re.search(r"@llvm\.(\w+(?:\.with\.overflow)?)\.(i\d+)\((.*)\)", rest)
        if not match:
            raise Unsupported(rest)
        what, kind, arguments = match.groups()
        bits = width(kind)
        args = [self.value(kind, a.split(None, 1)[1]) for a in arguments.split(", ")]
        if what.endswith(".with.overflow"):
            signed, op = what[0] == "s", {"add": "bvadd", "sub": "bvsub", "mul": "bvmul"}[what[1:4]]
            extend = "((_ %s_extend %d) {0})" % ("sign" if signed else "zero", bits)
            whole = "(%s %s %s)" % (op, extend.format(args[0]), extend.format(args[1]))
            cut = "((_ extract %d 0) %s)" % (bits - 1, whole)
            self.define(name + ".0", kind, cut)
            self.define(name + ".1", "i1", "(ite (= %s %s) #b0 #b1)" % (extend.format(cut), whole))
        elif what in ("umin", "umax", "smin", "smax"):
            compare = {"umin": "bvult", "umax": "bvugt", "smin": "bvslt", "smax": "bvsgt"}[what]
            self.define(name, kind, "(ite (%s %s %s) %s %s)" % (compare, args[0], args[1], args[0], args[1]))
        elif what in ("fshl", "fshr") and arguments.split()[-1].isdigit():
            n = int(arguments.split()[-1]) % bits
            n = n if what == "fshl" else bits - n
            self.define(name, kind, "((_ extract %d %d) (concat %s %s))" % (2 * bits - 1 - n, bits - n, *args[:2]))
        else:
            raise Unsupported(rest)

    def query(self):
        wrong = ["(and %s (= %s #b0))" % pair for pair in self.returned] + self.traps
        return "\n".join(["(set-logic QF_BV)"] + self.out + ["(assert (or false %s))" % " ".join(wrong),
                                                             "(check-sat)"]) + "\n"


def functions(llvm):
    """name -> lines of each function that is defined."""
    out, lines = {}, None
    for line in llvm.splitlines():
        match = re.match(r"define .*@([\w.]+)\(", line)
        if match:
            lines = out.setdefault(match.group(1), [])
        if lines is not None:
            if line == "}":
                lines = None
            else:
                lines.append(line)
    return out


def prove(contract, include, flags, timeout_s, folder):
    """Compiled in `folder`. A list of (clause, verdict): "proved", "false" (z3 found an input) or why it is undecided."""
    source = checks(contract, include)
    done = subprocess.run(CLANG + flags + ["-"], input=source, capture_output=True, text=True, check=False,
                          cwd=folder)
    if done.returncode:
        return [(clause, "clang: " + done.stderr.strip()[-400:]) for clause in contract.ensures]
    found = functions(done.stdout)
    verdicts = []
    for number, clause in enumerate(contract.ensures):
        try:
            query = Translation(found["check_%d" % number]).query()
        except Unsupported as why:
            verdicts.append((clause, "not supported: %s" % why))
            continue
        asked = subprocess.run(["z3", "-in", "-T:%d" % timeout_s], input=query, capture_output=True, text=True,
                               check=False)
        answer = asked.stdout.strip().splitlines()
        answer = answer[0] if answer else asked.stderr.strip()
        verdicts.append((clause, {"unsat": "proved", "sat": "false"}.get(answer, answer)))
    return verdicts
