"""lesson_form.py: what is counted in a lesson, and what an answer must not be told by."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from lesson_form import Form, form_of, leaks, main

PREDICT = "**Predict first.** {}\n\n<details><summary>Answer</summary>\n\n{}\n</details>"


def code(source, *outputs):
    return new_code_cell(source, outputs=list(outputs))


def test_what_stands_before_the_exercises_is_counted():
    picture = new_output("display_data", {"image/png": "iVBORw0KGgo="})
    printed = [new_output("stream", text="one\ntw"), new_output("stream", text="o\n")]
    source = 'def f(x):\n\n    return x\n\n\nshow(\n    f(1),\n    alt="A line of "\n    f"{3} dots.",\n)'
    cells = [
        new_markdown_cell("# Two words (and [a link](x.html))\n\n$$a + b$$ 30 % <b>bold</b>\n```\nno word\n```"),
        code("setup"),
        code("import this\nimport that"),
        code(source, picture),
        code("print(1)", *printed),
        new_markdown_cell("## Exercises\n\nNot counted."),
        code("x = 1", picture),
    ]
    form = form_of(cells)
    assert form == Form(words=16, read=7, cells=4, brackets=1, lines=[5, 1], charts=1, printed=[[], ["one", "two"]])


@pytest.mark.parametrize(
    "words, lines, charts, minutes", [(200, 15, 2, 3), (201, 15, 2, 4), (200, 16, 2, 4), (0, 0, 1, 1)]
)
def test_minutes_are_rounded_up(words, lines, charts, minutes):
    assert Form(9_999, words, 99, 0, [lines], charts, []).minutes == minutes


@pytest.mark.parametrize(
    "above, prompt, answer, below, told",
    [
        ("It is 163.", "How many?", "163 million.", "x", [(0, "163")]),
        ("It is 1,630 or 163.5.", "How many?", "163 million.", "x", []),
        ("A tripod.", "Which?", '"Tripod". Neither "camera".', "camera", [(0, "Tripod")]),
        ("0.2", "Is it 0.2 or 0.175?", "0.175. Not 0.2.", "0.2", []),
        ("0.175", "Is it 0.2 or 0.175?", "0.175. Not 0.2.", "assert x == 0.175", [(2, "0.175")]),
        ("With 600 pixels", "And with 600?", "Two, at 600 pixels.", "size = 600", []),
        ("x", "How many?", "12.5 times.", "x = 125", []),
    ],
)
def test_an_answer_is_told_neither_above_nor_below(above, prompt, answer, below, told):
    cells = [new_markdown_cell(f"## Section\n\n{above}"), new_markdown_cell(PREDICT.format(prompt, answer))]
    cells.append(code(below, new_output("stream", text="1")))
    assert list(leaks(cells)) == told


def test_another_section_and_the_code_after_the_first_output_may_tell_it():
    cells = [new_markdown_cell("## Before\n\n12.5"), new_markdown_cell("## Section\n\n" + PREDICT.format("?", "12.5."))]
    cells += [code("a"), code("b", new_output("stream", text="1")), code("12.5"), new_markdown_cell("12.5")]
    assert not list(leaks(cells))
    cells[3].source = "12.5  # too early"
    assert list(leaks(cells)) == [(3, "12.5")]
    cells[1].source = cells[1].source.replace("## Section", "## Section\n\nIt is 12.5.")
    assert (1, "12.5") in list(leaks(cells))


def test_the_program_has_a_line_for_each_lesson(capsys):
    main([])
    assert "00  " in capsys.readouterr().out
