"""Proofs about bits: is a contract true of a function without loops and memory, for every input?

A contract whose list entry says `bits` is decided in bit vectors: for each `ensures` a C function is generated that takes the
parameters, calls the real function and says whether the clause holds where every `requires` does. clang compiles it
with the undefined-behaviour checks (which turn undefined behaviour of the function, and overflow of the contract's own
arithmetic, into a trap), the LLVM code is written down as one SMT-LIB term, and z3 is asked for an input for which the
clause fails or the trap is reached. The contract's integers are 128 bits wide.
"""
import llvm

STRUCTS = {"vaddr_t": ["v"], "paddr_t": ["v"], "pfn_t": ["v"], "ct_word_t": ["v"], "struct shape": ["v"],
           "struct cap": ["w0", "w1"]}


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
            raise llvm.Unsupported("arrow inside of " + text)
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


def prove(contract, include, flags, timeout_s, folder):
    """Compiled in `folder`. A list of (clause, verdict): "proved", "false" (z3 found an input) or why it is undecided."""
    found = llvm.compile_source(checks(contract, include), flags, folder)
    if isinstance(found, str):
        return [(clause, found) for clause in contract.ensures]
    verdicts = []
    for number, clause in enumerate(contract.ensures):
        wrong = [verdict for verdict in llvm.decide(found["check_%d" % number], timeout_s) if verdict != "proved"]
        verdicts.append((clause, "proved" if not wrong else "false" if wrong[0].startswith("false") else wrong[0]))
    return verdicts
