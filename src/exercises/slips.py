"""Slips of the hand that any exercise can have: worked out from its solution, so that no card has to name them."""

import re

GROUP = re.compile(r"(?<![\w\])])\(([^()\n]*[-+*/][^()\n]*)\)")  # brackets around a calculation, not those of a call


def slips(source):
    """(source with one slip, what to tell) for each return inside a loop, = for +=, and missing pair of brackets."""
    found = [*_returns_inside_a_loop(source)]
    for match in re.finditer(r" \+= ", source):
        found.append((_replaced(source, match, " = "), "each turn adds to what is there: += and not ="))
    for match in GROUP.finditer(source):
        found.append((_replaced(source, match, match[1]), f"are the brackets of ({match[1]}) missing?"))
    return found


def _returns_inside_a_loop(source):
    """The last line, a return, moved to the right, step by step, to right below the line before it."""
    *lines, last = source.rstrip().split("\n")
    if "    for " not in source or not last.startswith("    return "):
        return
    deepest = len(lines[-1]) - len(lines[-1].lstrip())
    if lines[-1].strip().startswith("return"):
        deepest -= 4  # below a return, nothing is run
    for indent in range(8, deepest + 1, 4):
        slip = "\n".join([*lines, " " * indent + last.strip()])
        yield slip, "that returns inside the loop, before its last turn: move the return to the left"


def _replaced(source, match, text):
    return source[: match.start()] + text + source[match.end() :]
