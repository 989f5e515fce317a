"""Contracts as they stand in the sources: /*@ ... */ directly before a function."""
import re
from pathlib import Path

BLOCK = re.compile(r"/\*@(.*?)\*/\s*((?:static |inline |ct_inline |MUST_CHECK |CT_MUST_CHECK )*)([^;{}()@=\\/]*?)(\w+)\(([^)]*)\)\s*(?=[{;])",
                   re.S)


class Contract:
    """`requires` and `ensures` are the clauses' texts without labels."""

    def __init__(self, path, text, kind, name, parameters):
        self.path, self.name, self.kind = path, name, " ".join(kind.split())
        self.kind = re.sub(r" \*$", "*", self.kind)
        self.parameters = []
        for parameter in parameters.split(","):
            match = re.match(r"\s*(?:const )?(.*?[\s*])(\w+)\s*$", parameter, re.S)
            if match and parameter.strip() != "void":
                self.parameters.append((match.group(1).strip(), match.group(2)))
        clauses = re.sub(r"\n\s*\*?", " ", text)
        self.requires = self.clauses(clauses, "requires")
        self.ensures = self.clauses(clauses, "ensures")

    @staticmethod
    def clauses(text, word):
        found = re.findall(r"\b%s\s+(?:\w+:\s*)?([^;]*);" % word, text)
        return [" ".join(clause.split()) for clause in found]


def contracts_of(path, text=None):
    text = Path(path).read_text() if text is None else text
    return [Contract(str(path), m.group(1), m.group(3), m.group(4), m.group(5)) for m in BLOCK.finditer(text)]


def all_contracts(sources):
    """(path, function) -> contract, of every contract block in these files."""
    return {(c.path, c.name): c for path in sources for c in contracts_of(path)}
