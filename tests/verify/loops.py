"""Takes the loops and the assembly out of C text, so that what is left can be said in one formula (llvm.py).

Loops. A comment before a loop states what holds whenever its body begins, and what it changes:

    /*% invariant EXPRESSION of C; changes NAME, ...; */        (or: changes nothing)

The loop becomes: the invariant holds; the variables get any values for which it holds (and so do the ghosts: what a proof
notes on the way, VERIFY_ANY_GHOSTS() in its file); one round; the invariant holds again, and the path ends. What is shown of
that is true of every round, by induction. Termination is not shown.

Assembly. The instructions of which the kernel's page-table writes are made become C one by one; sc.d may fail, and then what was
before the loop holds as it did.

Numbers of what may be wrong are lines of the original file plus NUMBERS times the file's place in the list.
"""
import re

import llvm

NUMBERS = 10000
NOTE = re.compile(r"/\*%\s*invariant\s+(.*?);\s*changes\s+([^;]*);\s*\*/", re.S)
ASSEMBLY = re.compile(r"__asm__ (?:goto|volatile)\((.*?)\);", re.S)
ASSIGNED = re.compile(r"(\w+)(?:\[[^]]*\])?\s*(?:=(?!=)|[-+|&^*]=|<<=|>>=|\+\+|--)|(?:\+\+|--)(\w+)")
DECLARED = re.compile(r"\b(?:pte_t|u?int\d+_t|status_t|bool|struct \w+)\s+\*?(\w+)\s*=")


def closing(text, start, brackets="()"):
    """Index past the bracket that closes the one at `start`."""
    depth = 0
    for i in range(start, len(text)):
        depth += {brackets[0]: 1, brackets[1]: -1}.get(text[i], 0)
        if depth == 0:
            return i + 1
    raise llvm.Unsupported("bracket without end")


def statement(text, start):
    """(text of the statement that begins at `start`, index past it)."""
    while text[start].isspace():
        start += 1
    if text[start] == "{":
        end = closing(text, start, "{}")
    elif re.match(r"(if|for|while|do|switch)\b", text[start:]):
        raise llvm.Unsupported("a loop's body needs braces")
    else:
        end = text.index(";", start) + 1
    return text[start:end], end


def lines_kept(old, new):
    """`new` on one line, with as many line ends after it as `old` has: numbers of lines stay."""
    return " ".join(new.split("\n")) + "\n" * old.count("\n")


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def loop(text, start, invariant, changes, number):
    """(C for the loop that begins at `start`, index past it)."""
    while text[start].isspace():
        start += 1
    before = after = ""
    if text.startswith("for", start):
        opening = text.index("(", start)
        end = closing(text, opening)
        before, condition, after = (part.strip() for part in text[opening + 1:end - 1].split(";"))
        body, end = statement(text, end)
    elif text.startswith("do", start):
        body, end = statement(text, start + 2)
        opening = text.index("(", end)
        end = closing(text, opening)
        condition = text[opening + 1:end - 1]
        end = text.index(";", end) + 1
    else:
        raise llvm.Unsupported("no loop after an invariant: " + text[start:start + 40])
    body, condition = without_comments(body), without_comments(condition)
    if re.search(r"\b(break|goto)\b", body):
        raise llvm.Unsupported("break or goto in a loop")
    whole = " ".join((body, condition, after))
    assigned = {name for pair in ASSIGNED.findall(whole) for name in pair if name}
    if assigned - set(DECLARED.findall(body)) - set(changes):
        raise llvm.Unsupported("a loop changes more than it says: " + ", ".join(sorted(assigned - set(changes))))
    holds = "if (!(%s)) verify_wrong(%d);" % (invariant, number)
    given = "VERIFY_ANY_GHOSTS(); %s if (!(%s)) verify_stop();" % (
        " ".join("%s = (__typeof__(%s))verify_any();" % (name, name) for name in changes), invariant)
    again = "%s verify_stop();" % holds
    if text.startswith("for", start):
        c = "{ %s; %s %s if (%s) { do %s while (0); %s; %s } }" % (before, holds, given, condition or "1", body, after, again)
    else:
        c = "{ %s %s do %s while (0); if (%s) { %s } }" % (holds, given, body, condition, again)
    return c, end


def instruction(line, operands):
    """C of one instruction; t0.. are variables, %0.. operands, %l[x] a label."""
    line = re.sub(r"%(\d)", lambda m: operands[int(m.group(1))], re.sub(r"^\d+:\s*", "", line))
    op, rest = line.split(None, 1)
    a = [argument.strip().replace("%l[", "").rstrip("]") for argument in llvm.pieces(rest)]
    three = {"add": "+", "sub": "-", "andi": "&", "slli": "<<", "srli": ">>"}
    if op in three:
        return "%s = %s %s %s;" % (a[0], a[1], three[op], a[2])
    if op in ("bne", "bgeu"):
        return "if (%s %s %s) goto %s;" % (a[0], {"bne": "!=", "bgeu": ">="}[op], a[1], a[2])
    if op == "lr.d":
        return "%s = reserved = load_relaxed(%s);" % (a[0], a[1].strip("()"))
    if op == "sc.d":
        return "%s = !compare_exchange_relaxed(%s, reserved, %s);" % (a[0], a[2].strip("()"), a[1])
    if op == "bnez" and a[1] == "1b":
        return "if (%s) verify_stop();" % a[0]
    if op == "amoswap.d.rl":
        return "%s = verify_exchange(&%s, %s);" % (a[0], a[2], a[1])
    raise llvm.Unsupported("instruction " + line)


def assembly(match):
    parts = re.split(r":(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)", match.group(1))
    code = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', parts[0])).replace("\\t", "\n").replace("\\n", "\n")
    code = [line.strip() for line in code.split("\n") if line.strip()]
    if not code:
        return match.group(0)
    operands = ["(%s)" % operand for part in parts[1:3] for operand in re.findall(r'"[^"]*"\(((?:[^()]|\([^()]*\))*)\)', part)]
    return lines_kept(match.group(0), "{ uint64_t reserved, t0, t1, t2; (void)reserved, (void)t0, (void)t1, (void)t2; %s }" %
                      " ".join(instruction(line, operands) for line in code))


def straight(text, place):
    """The C text without its loops (those with an invariant) and assembly; `place`: of the file in the list."""
    text = ASSEMBLY.sub(assembly, text)
    at = 0
    while True:
        match = NOTE.search(text, at)
        if not match:
            return text
        line = text.count("\n", 0, match.start()) + 1
        changes = [name.strip() for name in match.group(2).split(",") if name.strip() != "nothing"]
        c, end = loop(text, match.end(), " ".join(match.group(1).split()), changes, NUMBERS * place + line)
        new = lines_kept(text[match.start():end], c)
        text = text[:match.start()] + new + text[end:]
        at = match.start() + len(new)
