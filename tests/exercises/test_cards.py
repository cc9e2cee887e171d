"""Every exercise: solution, other right answers, stub; and its mistakes, each known as itself and nothing else."""

import copy
import math
import re

import numpy as np
import pytest

from cells import define
from exercises import EXERCISES, cell, verdict
from exercises.answers import Raised, same

KINDS = dict(recall=0, modify=1, build=1, derive=2, decide=2)  # how hard
PLAUSIBLE = (ValueError, TypeError, IndexError, ZeroDivisionError, OverflowError)  # what a mistake of a card may raise
ODD = [None, "b3", "1.0", 7, 10**400, (), (1, 2), [1.0], [1j], np.eye(2), {"q": np.eye(2)}, True, {}, 1j, math.nan]
ODD += [object(), [[1], [1, 2]], [None, 1], 10**5000, -1e300, b"7", range(10)]


def agree(one, other):
    return all(len(a) == len(b) and all(map(same, a, b)) for a, b in zip(one, other, strict=True))


@pytest.fixture(params=EXERCISES)
def entry(request):
    return EXERCISES[request.param]


def test_right_answers_are_right(entry):
    for source in (entry.solution, *entry.others):
        line = f"✓ {entry.number} {entry.name}: {entry.praise}"
        assert verdict(entry.number, define(source, entry.name)) == (True, line)


def test_the_oracle_agrees_with_the_solution_and_with_no_mistake(entry):
    assert agree(entry.run(entry.solution), entry.right[0])
    for results, message in entry.wrong:
        assert not any(agree(results, right) for right in entry.right), message


def test_a_mistake_is_known_as_itself_and_as_nothing_else(entry):
    assert len(entry.mistakes) >= 4
    written = entry.wrong[: len(entry.mistakes)]  # on the card; the rest are slips
    for (source, message), (results, _) in zip(entry.mistakes, written, strict=True):
        right, line = verdict(entry.number, define(source, entry.name))
        assert not right and line.startswith(f"✗ {entry.number} {entry.name}(") and "\n" not in line
        assert line.endswith(f": {message}" if message.endswith("?") else f": {message}.")
        assert sum(agree(results, other) for other, _ in written) == 1, message
        raised = [part.error for parts in results for part in parts if isinstance(part, Raised)]
        assert all(isinstance(error, PLAUSIBLE) for error in raised), message


def test_a_slip_of_the_hand_is_named(entry):
    missing_return = entry.solution.replace("    return ", "    result = ")
    for source, _ in [*entry.unnamed_mistakes, (missing_return, "")]:
        right, line = verdict(entry.number, define(source, entry.name))
        assert right or re.search(r"[:?] .+[.?]$", line.split(" gave ")[-1]), line
        assert "\n" not in line and len(line) < 400


def test_a_mistake_is_known_in_another_right_answer_too():
    other = EXERCISES["03.2"].others[0]
    missing = other.replace("return inputs + survives", "return survives")
    assert other != missing and verdict("03.2", define(missing, "stochastic_depth"))[1].endswith(
        ": the input is missing; it passes through the skip connection."
    )


def test_the_stub_is_not_answered_and_a_half_filled_one_not_finished(entry):
    for answer in (define(entry.stub, entry.name), ...):
        right, line = verdict(entry.number, answer)
        assert not right and line.startswith(f"○ {entry.number} not answered yet: replace ")
    gaps, rest = re.findall("«(.*?)»", entry.source), re.split("«.*?»", entry.source)
    for left_open in range(len(gaps) if len(gaps) > 1 else 0):
        filled = ["..." if i == left_open else gap for i, gap in enumerate(gaps)] + [""]
        source = "".join(part for pair in zip(rest, filled, strict=True) for part in pair)
        right, line = verdict(entry.number, define(source, entry.name))
        assert not right and line.startswith(f"○ {entry.number} not finished: ") and "\n" not in line


def test_answers_of_any_type_get_one_line(entry):
    for value in ODD:
        right, line = verdict(entry.number, lambda *args, value=value: value)
        assert not right and line.startswith(f"✗ {entry.number} {entry.name}(") and "\n" not in line
        right, line = verdict(entry.number, value)
        assert not right and "wants the function itself" in line and "\n" not in line


def test_inputs_are_not_changed_and_warnings_stay_inside(entry, recwarn, capsys):
    before = copy.deepcopy(entry.cases)

    def greedy(*args):
        for arg in args:
            if isinstance(arg, np.ndarray):
                arg[...] = np.log(arg * 0)
            if isinstance(arg, list):
                arg.clear()

    verdict(entry.number, greedy)
    for args, unchanged in zip(entry.cases, before, strict=True):
        assert all(map(np.array_equal, args, unchanged))
    assert not recwarn.list and capsys.readouterr() == ("", "")


def test_the_words(entry):
    assert entry.kind in KINDS and 2 <= len(entry.hints) <= 4
    pattern = ".+?".join(map(re.escape, entry.stub.split("...")))
    assert re.fullmatch(pattern, entry.solution, re.DOTALL)
    assert cell(entry.number) == f'{entry.stub}\n\n\ncheck("{entry.number}", {entry.name})'
    assert len(cell(entry.number).splitlines()) <= 25
    for _, message in entry.mistakes:
        assert message and not message.endswith(".")


def test_kinds_rise_within_a_lesson():
    lessons = {}
    for number, entry in EXERCISES.items():
        lessons.setdefault(number[:2], []).append((number, KINDS[entry.kind]))
    for lesson, entries in lessons.items():
        kinds = [kind for _, kind in entries]
        assert 3 <= len(entries) <= 6 and kinds == sorted(kinds) and set(kinds) == {0, 1, 2}, lesson
        assert [number for number, _ in entries] == [f"{lesson}.{i + 1}" for i in range(len(entries))]
