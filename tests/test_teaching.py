"""TEACHING.md keeps its word: the sections, exercises and minutes that it names are those of lessons and decks."""

import json
import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

from class_copies import minutes

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "TEACHING.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ")]
NAMED = re.compile(r"\b(0\d)(?:,| whole|\b)((?:(?: up to|,| to)? ?\*[^*]+\*,?)+)")  # a lesson, and its sections


def lesson(number):
    """(headings of the second level, numbers of the exercises) of a lesson."""
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return re.findall(r"^## (.+)$", text, re.M), re.findall(r"^### (\d\d\.\d) ", text, re.M)


def places():
    """(lesson, section) of each "04, up to *Three dials*, *Another*" in a table of TEACHING.md."""
    for row in ROWS:
        for number, named in NAMED.findall(row):
            for section in re.findall(r"\*([^*]+)\*", named):
                yield number, section


@pytest.mark.parametrize(("number", "section"), list(places()))
def test_a_section_that_is_named_is_in_its_lesson(number, section):
    assert section in lesson(number)[0]


def test_the_sections_of_every_plan_were_found():
    assert len(list(places())) >= 12


@cache
def times_of(number):
    """Minutes of each section of a lesson, in its order: a dict."""
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    return {name: time for name, time, _, _ in minutes(nbformat.read(path, as_version=4))}


def reading(row):
    """Minutes of reading of all sections that a row names; "*One* to *Other*" and "up to *Other*" name a stretch."""
    total = 0
    for number, named in NAMED.findall(row):
        times = times_of(number)
        names, first = list(times), 0
        for joined, section in re.findall(r"(up to|to)? ?\*([^*]+)\*", named):
            last = names.index(section)
            first = first if joined else last
            total += sum(times[name] for name in names[first : last + 1])
            first = last + 1
    return total


def test_minutes_follow_each_other_up_to_the_end_of_a_session():
    slots = re.findall(r"^\|(?: \d \|)? (\d+)–(\d+) \|", TEXT, re.M)
    ends = [0]
    for begin, end in slots:
        if begin == "0":
            assert ends[-1] in (0, 60, 90)
        else:
            assert int(begin) == ends[-1], (begin, end)
        ends.append(int(end))
    assert len(slots) >= 29 and ends[-1] == 90


def test_a_slot_leaves_twice_the_time_of_reading():
    for row in ROWS:
        slot, hour = re.search(r"\| (\d+)–(\d+) \|", row), re.match(r"\| [1-4] \| [A-Z]", row)
        if slot or hour:
            time = int(slot[2]) - int(slot[1]) if slot else 60
            assert time >= 2 * reading(row) - 1, (row, reading(row))


def test_where_classes_stumble_names_sections_of_its_lesson():
    rows = [row for row in ROWS if re.match(r"\| 0\d \| [A-Z]", row)]
    assert len(rows) >= 15
    for row in rows:
        for section in re.findall(r"\*([A-Z][^*]+)\*", row.split("|")[3]):
            assert any(heading.startswith(section) for heading in lesson(row[2:4])[0]), row


def test_exercises_that_are_named_exist():
    for number in re.findall(r"\b0\d\.\d\b", TEXT):
        assert number in lesson(number[:2])[1], number


def test_minutes_of_a_deck_are_those_of_the_decks():
    minutes = []
    for path in (ROOT / "tools" / "decks").glob("*.md"):
        minutes.append(sum(map(int, re.findall(r"^minutes: (\d+)", path.read_text(encoding="utf-8"), re.M))))
    assert f"A deck takes {min(minutes)} to {max(minutes)} minutes" in " ".join(TEXT.split())
