"""LLVM code of one function as an SMT-LIB formula in bit vectors, and z3's answer: can an input lead to something wrong?

Functions have no loops (loops.py takes them out). Wrong is: returning 0 where the function says whether something holds;
a trap of clang's undefined-behaviour checks; verify_wrong(n); an end that the compiler believes is never reached.

Memory is that of local and global objects, in pieces of a fixed place and size; a pointer that leads anywhere else may be
computed with and not followed (Unsupported). What stands in an object before something is stored there is any value, and
so is each load of a volatile one. verify_stop() ends a path that need not be looked at.
"""
import re
import subprocess

CLANG = ["clang-19", "-std=gnu17", "-O2", "-fno-vectorize", "-fno-slp-vectorize", "-fno-jump-tables",
         "-fsanitize=undefined", "-fsanitize-trap=undefined", "-mllvm", "-inline-threshold=100000",
         "-Wno-everything", "-S", "-emit-llvm", "-o", "-", "-x", "c"]
BINARY = {"add": "bvadd", "sub": "bvsub", "mul": "bvmul", "udiv": "bvudiv", "urem": "bvurem", "sdiv": "bvsdiv",
          "srem": "bvsrem", "shl": "bvshl", "lshr": "bvlshr", "ashr": "bvashr", "and": "bvand", "or": "bvor",
          "xor": "bvxor"}
COMPARE = {"ult": "bvult", "ule": "bvule", "ugt": "bvugt", "uge": "bvuge", "slt": "bvslt", "sle": "bvsle",
           "sgt": "bvsgt", "sge": "bvsge"}
FLAGS = re.compile(r"\b(inbounds|nuw|nusw|nsw|exact|disjoint|nneg|samesign|tail|notail|noundef|zeroext|signext|nonnull|"
                   r"range\([^)]*\)|align \d+|dereferenceable\(\d+\)) ?")
NAME = r"[%@][\w.$]+"
TRAP = -1


class Unsupported(Exception):
    pass


def width(kind):
    if kind == "ptr":
        return 64
    match = re.fullmatch(r"i(\d+)", kind)
    if not match:
        raise Unsupported("type " + kind)
    return int(match.group(1))


def pieces(text):
    """Split at commas outside of all brackets."""
    out, depth, start = [], 0, 0
    for i, character in enumerate(text):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            out.append(text[start:i].strip())
            start = i + 1
    return out + [text[start:].strip()]


def constant(number, bits):
    return "(_ bv%d %d)" % (number % (1 << bits), bits)


class Translation:
    """Blocks in an order in which each comes after those that lead to it. Values are bit vectors; i1 too."""

    def __init__(self, lines):
        self.out, self.known, self.fresh_count = [], {}, 0
        self.wrong = []     # (number or TRAP, condition)
        self.edges = {}     # (from, to) -> condition
        self.returned = []  # (condition, value)
        self.objects = {}   # pointer -> (object, offset), where it leads into a known object
        self.choices = {}   # pointer -> [(condition, pointer)], where it is one of several; the last one if no other
        self.memory = {}    # block -> {(object, offset, bits): term} at its end
        head = lines[0]
        inside = pieces(head[head.index("(") + 1:head.rindex(")")])
        for parameter in inside:
            match = re.match(r"(i\d+|ptr)\b.*?(%[\w.]+)$", parameter)
            if match:
                self.known[match.group(2)] = self.fresh(match.group(1), match.group(2))
        blocks, name = {}, "%" + str(sum(bool(re.search(r"%\d+$", p)) for p in inside))
        for line in lines[1:]:
            line = line.split(", !")[0].split(" #")[0].strip()
            label = re.match(r"([\w.$]+):", line)
            if label:
                name = "%" + label.group(1)
            elif line and not line.startswith(";"):
                blocks.setdefault(name, []).append(line)
        self.entry = next(iter(blocks))
        self.blocks = blocks
        for block in self.ordered():
            self.block(block)

    # ---- values ----

    def fresh(self, kind, hint="any"):
        self.fresh_count += 1
        symbol = "|%s~%d|" % (hint, self.fresh_count)
        self.out.append("(declare-const %s (_ BitVec %d))" % (symbol, width(kind)))
        return symbol

    def define(self, name, kind, term):
        self.out.append("(define-fun |%s| () (_ BitVec %d) %s)" % (name, width(kind), term))
        self.known[name] = "|%s|" % name

    def value(self, kind, text):
        text = text.strip()
        if text.startswith("%"):
            return self.known[text] if text in self.known else self.address(*self.objects[text])
        if text in ("true", "false", "null"):
            return constant(text == "true", width(kind))
        if text in ("poison", "undef"):
            return self.fresh(kind)
        if re.fullmatch(r"-?\d+", text):
            return constant(int(text), width(kind))
        match = re.fullmatch(r"(?:inttoptr|ptrtoint) \((\S+) (.*) to \S+\)", text)
        if match:
            return self.value(*match.groups())
        return self.address(*self.place(text))

    def address(self, obj, offset):
        if obj not in self.known:
            self.known[obj] = self.fresh("ptr", obj)
        return "(bvadd %s %s)" % (self.known[obj], constant(offset, 64))

    def place(self, text):
        """(object, offset) of a pointer."""
        text = FLAGS.sub("", text.strip())
        if text in self.objects:
            return self.objects[text]
        if text.startswith("@"):
            return text, 0
        match = re.fullmatch(r"getelementptr \((.*)\)", text)
        if not match:
            raise Unsupported("pointer " + text)
        kind, base, *indexes = pieces(match.group(1))
        obj, offset = self.place(base.split(None, 1)[1])
        if kind != "i8" or len(indexes) != 1:
            raise Unsupported("pointer " + text)
        return obj, offset + int(indexes[0].split()[1])

    def places(self, text, condition="true"):
        """[(condition, (object, offset))]: where a pointer may lead; the conditions exclude each other."""
        text = text.strip()
        if text not in self.choices:
            return [(condition, self.place(text))]
        out, others = [], condition
        for here, pointer in self.choices[text][:-1]:
            out += self.places(pointer, "(and %s %s)" % (others, here))
            others = "(and %s (not %s))" % (others, here)
        return out + self.places(self.choices[text][-1][1], others)

    # ---- control ----

    def ordered(self):
        done, active, order = set(), set(), []

        def visit(block):
            if block in active:
                raise Unsupported("loop")
            if block in done:
                return
            active.add(block)
            for target in re.findall(r"label (%[\w.$]+)", " ".join(self.blocks[block])):
                visit(target)
            active.discard(block)
            done.add(block)
            order.append(block)
        visit(self.entry)
        return reversed(order)

    def edge(self, block, to, condition):
        there = "(and |at %s| %s)" % (block, condition)
        old = self.edges.get((block, to))
        self.edges[block, to] = "(or %s %s)" % (old, there) if old else there

    def block(self, name):
        into = [(source, condition) for (source, to), condition in self.edges.items() if to == name]
        reached = "true" if name == self.entry else "(or false %s)" % " ".join(condition for _, condition in into)
        self.out.append("(define-fun |at %s| () Bool %s)" % (name, reached))
        cells = {}
        for cell in sorted({cell for source, _ in into for cell in self.memory[source]}):
            terms = [(condition, self.memory[source].get(cell)) for source, condition in into]
            for i, (condition, term) in enumerate(terms):
                terms[i] = (condition, term or self.initial(cell))
            merged = terms[0][1]
            for condition, term in terms[1:]:
                merged = term if term == merged else "(ite %s %s %s)" % (condition, term, merged)
            if merged.startswith("(ite"):
                symbol = "|%s at %s|" % ("%s+%d:%d" % cell, name)
                self.out.append("(define-fun %s () (_ BitVec %d) %s)" % (symbol, cell[2], merged))
                merged = symbol
            cells[cell] = merged
        self.memory[name] = cells
        for line in self.blocks[name]:
            self.line(name, FLAGS.sub("", line))
        if self.blocks[name][-1].startswith("unreachable") and \
                not re.search(r"@verify_(stop|wrong)\(", " ".join(self.blocks[name])):
            self.wrong.append((constant(TRAP, 32), "|at %s|" % name))

    def line(self, block, line):
        match = re.match(r"(%[\w.$]+) = (.*)", line)
        if match:
            self.instruction(block, *match.groups())
        elif line.startswith("ret "):
            if line != "ret void":
                kind, text = line.split()[1:3]
                self.returned.append(("|at %s|" % block, self.value(kind, text)))
        elif line.startswith("br i1 "):
            condition, yes, no = re.match(r"br i1 ([^,]+), label (%[\w.$]+), label (%[\w.$]+)", line).groups()
            term = "(= %s #b1)" % self.value("i1", condition)
            self.edge(block, yes, term)
            self.edge(block, no, "(not %s)" % term)
        elif line.startswith("br label "):
            self.edge(block, line.split()[2], "true")
        elif line.startswith("switch "):
            self.switch = re.match(r"switch (i\d+) ([^,]+), label (%[\w.$]+)", line).groups()
            self.cases = []
        elif re.match(r"i\d+ -?\d+, label", line):
            kind, text, to = re.match(r"(i\d+) (-?\d+), label (%[\w.$]+)", line).groups()
            term = "(= %s %s)" % (self.value(kind, self.switch[1]), self.value(kind, text))
            self.cases.append(term)
            self.edge(block, to, term)
        elif line == "]":
            self.edge(block, self.switch[2], "(not (or false %s))" % " ".join(self.cases))
        elif line.startswith("store "):
            value, where = pieces(line.removeprefix("store "))[:2]
            kind, value = value.split(None, 1)
            for condition, place in self.places(where.split(None, 1)[1]):
                self.store(block, place, width(kind), self.value(kind, value), condition)
        elif "@verify_wrong(" in line:
            number = re.search(r"@verify_wrong\(i32 (\S+)\)", line).group(1)
            self.wrong.append((self.value("i32", number), "|at %s|" % block))
        elif not re.match(r"unreachable|call void (@llvm\.(ubsantrap|assume|lifetime|experimental\.noalias)"
                          r'|@verify_stop|asm sideeffect "",)', line):
            raise Unsupported(line)

    # ---- memory ----

    def initial(self, cell):
        key = "initial %s+%d:%d" % cell
        if key not in self.known:
            self.known[key] = self.fresh("i%d" % cell[2], key)
        return self.known[key]

    def cell(self, block, place, bits):
        cell = (*place, bits)
        for other in self.memory[block]:
            if other != cell and other[0] == cell[0] and other[1] < cell[1] + bits // 8 and \
                    cell[1] < other[1] + other[2] // 8:
                raise Unsupported("%s+%d in pieces of different size" % place)
        return cell

    def store(self, block, place, bits, term, condition):
        term = term if bits >= 8 else "((_ zero_extend %d) %s)" % (8 - bits, term)
        if condition != "true":
            term = "(ite %s %s %s)" % (condition, term, self.load(block, [("true", place)], bits))
        self.memory[block][self.cell(block, place, max(bits, 8))] = term

    def load(self, block, places, bits):
        term = None
        for condition, place in places:
            cell = self.cell(block, place, bits)
            here = self.memory[block].setdefault(cell, self.initial(cell))
            term = here if term is None else "(ite %s %s %s)" % (condition, here, term)
        return term

    # ---- instructions ----

    def instruction(self, block, name, text):
        op, rest = text.split(None, 1)
        if op in BINARY:
            kind, a, b = re.match(r"(i\d+) ([^,]+), (.+)", rest).groups()
            self.define(name, kind, "(%s %s %s)" % (BINARY[op], self.value(kind, a), self.value(kind, b)))
        elif op == "icmp":
            how, kind, rest = re.match(r"(\w+) (i\d+|ptr) (.+)", rest).groups()
            a, b = (self.value(kind, side) for side in pieces(rest))
            test = {"eq": "(= %s %s)", "ne": "(distinct %s %s)"}.get(how, "(%s %%s %%s)" % COMPARE.get(how)) % (a, b)
            self.define(name, "i1", "(ite %s #b1 #b0)" % test)
        elif op == "select":
            test, a, b = pieces(rest)
            kind = a.split()[0]
            if kind == "ptr":
                self.choices[name] = [("(= %s #b1)" % self.value(*test.split(None, 1)), a.split(None, 1)[1]),
                                      (None, b.split(None, 1)[1])]
            self.define(name, kind, "(ite (= %s #b1) %s %s)" % (self.value(*test.split(None, 1)),
                                                                 self.value(*a.split(None, 1)), self.value(*b.split(None, 1))))
        elif op in ("zext", "sext", "trunc", "ptrtoint", "inttoptr"):
            self.cast(name, op, *re.match(r"(i\d+|ptr) (.+) to (i\d+|ptr)", rest).groups())
        elif op == "phi":
            self.phi(name, rest)
        elif op == "freeze":
            kind, a = rest.split(None, 1)
            self.define(name, kind, self.value(kind, a))
        elif op == "alloca":
            self.objects[name] = (name, 0)
        elif op == "getelementptr":
            self.pointer(name, rest)
        elif op == "load":
            kind, where = pieces(rest)[:2]
            if kind.startswith("volatile "):
                self.known[name] = self.fresh(kind.split()[1])
                return
            self.define(name, kind, self.load(block, self.places(where.split(None, 1)[1]), width(kind)))
        elif op == "call":
            self.call(name, rest)
        elif op == "extractvalue":
            pair, index = re.match(r"\{[^}]*\} (%[\w.$]+), (\d)", rest).groups()
            self.known[name] = self.known["%s.%s" % (pair, index)]
        else:
            raise Unsupported(text)

    def phi(self, name, rest):
        kind, pairs = rest.split(None, 1)
        term, choices = None, []
        for pair in pieces(pairs):
            text, source = pieces(pair[1:-1])
            value, condition = self.value(kind, text), self.edges[source, self.current(name)]
            term = value if term is None else "(ite %s %s %s)" % (condition, value, term)
            choices.append((condition, text))
        if kind == "ptr":
            self.choices[name] = choices
        self.define(name, kind, term)

    def current(self, name):
        return next(block for block, lines in self.blocks.items() if any(line.startswith(name + " = ") for line in lines))

    def pointer(self, name, rest):
        kind, base, *indexes = pieces(rest)
        if len(indexes) != 1:
            raise Unsupported("getelementptr " + rest)
        size = re.fullmatch(r"i(\d+)", kind)
        scale = int(size.group(1)) // 8 if size else {"ptr": 8}.get(kind)
        if scale is None:
            raise Unsupported("getelementptr " + rest)
        index_kind, index = indexes[0].split()
        base = base.split(None, 1)[1]
        if re.fullmatch(r"-?\d+", index) and (base in self.objects or base.startswith("@")):
            obj, offset = self.place(base)
            self.objects[name] = (obj, offset + scale * int(index))
            return
        term = self.value(index_kind, index)
        if width(index_kind) < 64:
            term = "((_ sign_extend %d) %s)" % (64 - width(index_kind), term)
        self.define(name, "ptr", "(bvadd %s (bvmul %s %s))" % (self.value("ptr", base), constant(scale, 64), term))

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
        match = re.search(r"@llvm\.(\w+(?:\.with\.overflow|\.sat)?)\.(i\d+|p0\.i64)\((.*)\)", rest)
        if not match:
            raise Unsupported(rest)
        what, kind, arguments = match.groups()
        kind = "ptr" if kind == "p0.i64" else kind
        bits = width(kind)
        args = [self.value(*argument.split(None, 1)) for argument in pieces(arguments)]
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
        elif what == "usub.sat":
            self.define(name, kind, "(ite (bvult {0} {1}) {2} (bvsub {0} {1}))".format(*args, constant(0, bits)))
        elif what == "ptrmask":
            self.define(name, kind, "(bvand %s %s)" % tuple(args))
        elif what in ("fshl", "fshr") and arguments.split()[-1].isdigit():
            n = int(arguments.split()[-1]) % bits
            n = n if what == "fshl" else bits - n
            self.define(name, kind, "((_ extract %d %d) (concat %s %s))" % (2 * bits - 1 - n, bits - n, *args[:2]))
        else:
            raise Unsupported(rest)

    def query(self):
        """For z3: for each thing that may be wrong whether it can be reached, and its number."""
        wrong = [(constant(0, 32), "(and %s (= %s #b0))" % pair) for pair in self.returned] + self.wrong
        return "\n".join(["(set-logic QF_BV)"] + self.out + [
            "(push) (assert %s) (check-sat) (get-value (%s)) (pop)" % (condition, number) for number, condition in wrong])


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


def compile_source(source, flags, folder):
    """Functions of a C text, compiled in `folder`; or what the compiler said."""
    done = subprocess.run(CLANG + flags + ["-"], input=source, capture_output=True, text=True, check=False, cwd=folder)
    return functions(done.stdout) if done.returncode == 0 else "clang: " + done.stderr.strip()[-400:]


def decide(lines, timeout_s, until_false=False):
    """A list of "proved", "false N" (something wrong can be reached; N names it), or why it is undecided: one for each thing
    that could be wrong. `timeout_s` is for all. until_false: ends with the first that is false."""
    try:
        query = Translation(lines).query()
    except Unsupported as why:
        return ["not supported: %s" % why]
    z3 = subprocess.Popen(["z3", "-in", "-T:%d" % timeout_s], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        z3.stdin.write(query)
        z3.stdin.close()
    except BrokenPipeError:
        pass
    verdicts = []
    for line in z3.stdout:
        number = re.search(r"#x([0-9a-f]{8})\)\)$", line.strip())
        if number and verdicts and verdicts[-1].startswith("false"):
            verdicts[-1] = "false %d" % int(number.group(1), 16)
            if until_false:
                z3.kill()
                break
        elif not line.startswith("((") and "model is not available" not in line:
            verdicts.append({"unsat": "proved", "sat": "false -1"}.get(line.strip(), line.strip()))
    z3.wait()
    return verdicts
