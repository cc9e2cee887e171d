"""Checks: what notebooks call, and how an answer is judged."""

import sys
from numbers import Integral

from arguments import is_number, require
from exercises.answers import (
    Raised,
    TimeUp,
    attempt,
    call,
    describe,
    difference,
    failure,
    is_stub,
    left_open,
    same,
    same_parts,
    same_results,
)
from exercises.cards import EXERCISES


def check(number, answer=None):
    """Prints one line about an answer. Never raises on account of the answer."""
    if _found(number):
        _say(verdict(number, answer)[1])


def hint(number, level=1):
    """Prints one hint; each level says more than the one before."""
    if entry := _found(number):
        count = len(entry.hints)
        if is_number(level, Integral) and 1 <= level <= count:
            _say(f"Hint {level} of {count}: {entry.hints[level - 1]}")
        else:
            print(f'level is {level!r}; allowed: 1 to {count}. What comes next is solution("{entry.number}").')


def solution(number):
    """Prints one right answer."""
    if entry := _found(number):
        _say(entry.solution)


def _say(text):
    """Prints, with a question mark for each sign that a terminal of another encoding does not have."""
    known = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(known, "replace").decode(known))


def _found(number):
    """The entry of an exercise, or None and a printed line if there is none."""
    try:
        return find(number)
    except ValueError as error:
        print(error)


def cell(number):
    """The whole exercise cell of a notebook: the stub and its check."""
    entry = find(number)
    return f'{entry.stub}\n\n\ncheck("{number}", {entry.name})'


def find(number):
    """The entry of an exercise, "1.1" meaning "01.1". Raises ValueError if there is none."""
    full = number.zfill(4) if isinstance(number, str) else None
    near = [other for other in EXERCISES if full and other[:2] == full[:2]] or list(EXERCISES)
    require(full in EXERCISES, "exercise", number, f'"{near[0]}" to "{near[-1]}"')
    return EXERCISES[full]


def verdict(number, answer):
    """Returns (right, line): whether the answer is right, and what `check` prints about it.

    An exception from a card (its inputs, oracle or rows) is no fault of the answer, and is raised.
    """
    entry = find(number)
    number = entry.number
    if answer is ... or is_stub(answer, entry.stub, entry.name):
        holes = "the ..." if entry.stub.count("...") == 1 else "each ..."
        return False, f'○ {number} not answered yet: replace {holes} in {entry.name}. Stuck? hint("{number}")'
    if not callable(answer):
        wanted = f'check("{number}", {entry.name})'
        return False, f"✗ {number} wants the function itself, {wanted}, not {describe(answer)}."
    return compared(entry, _results(answer, entry.cases), left_open(answer))


def compared(entry, results, is_open):
    """Returns (right, line) for the results of an answer, call by call. is_open: a `...` is left in it."""
    got = [entry.parts(result) for result in results]
    if any(same_results(got, right) for right in entry.right):
        return True, f"✓ {entry.number} {entry.name}: {entry.praise}"
    if is_open:
        stuck = f'Stuck? hint("{entry.number}")'
        return False, f"○ {entry.number} not finished: a ... is left in {entry.name}. {stuck}"
    return False, f"✗ {entry.number} {_explain(entry, got)}"


def _results(answer, cases):
    results = []
    for args in cases:
        results.append(attempt(answer, args))
        if isinstance(results[-1], Raised) and isinstance(results[-1].error, TimeUp):
            break  # one wait is enough
    return results


def _explain(entry, got):
    """In words: the first call with a wrong result, and the mistake that it looks like."""
    wrong = [i for i, parts in enumerate(got) if not any(same_parts(parts, right[i]) for right in entry.right)]
    wrong = wrong or list(range(len(got)))  # here right for one right answer, there for another
    first, right = wrong[0], entry.right[0]
    line = f"{call(entry.name, entry.cases[first])} {_symptom(entry, got[first], right[first])}"
    message = _same_wherever_wrong(entry, got, wrong) or _same_first_wrong_part(entry, got, wrong)
    if not message and got[first][0] is None:
        message = "is a return missing, or is the result printed?"
        if any(parts[0] is None for parts in entry.right[0]):  # then None may be meant
            message = "does a condition let too little through, or is a return missing?"
    line = f"{line}: {message}" if message else line
    return line if line.endswith("?") else f"{line}."


def _symptom(entry, got, right):
    """In words: how the parts of a wrong result differ from the right ones."""
    if isinstance(got[0], Raised):
        return failure(got[0])
    if isinstance(right[0], Raised):
        return f"gave {describe(got[0])}, and must raise {type(right[0].error).__name__}"
    if len(got) < len(right):
        return f"gave {describe(got[0])}, not these parts: {', '.join(entry.returns)}"
    place = _first_wrong_part(got, right)
    name = entry.returns[place] if entry.returns else ""
    return f"gave {difference(got[place], right[place], name)}"


def _first_wrong_part(got, right):
    agreeing = [*map(same, got, right), False]
    return agreeing.index(False) % len(right)


def _same_wherever_wrong(entry, got, wrong):
    """What to tell of the mistake that agrees in every wrong case, and in most cases; empty if none does."""
    best, most = "", 0
    for results, message in entry.wrong:
        if all(same_parts(got[i], results[i]) for i in wrong):
            agreeing = sum(map(same_parts, got, results))
            if agreeing > most:
                best, most = message, agreeing
    return best


def _same_first_wrong_part(entry, got, wrong):
    """What to tell of the first mistake whose first wrong part is the answer's, wherever that part is wrong."""
    right = entry.right[0]
    place = _first_wrong_part(got[wrong[0]], right[wrong[0]])
    cases = []
    for i in wrong:
        if len(got[i]) == len(right[i]) and not same(got[i][place], right[i][place]):
            cases.append(i)
    for results, message in entry.wrong:
        alike = [len(results[i]) > place and same(got[i][place], results[i][place]) for i in cases]
        if alike and all(alike):
            return message
    return ""
