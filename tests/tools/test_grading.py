"""Thirty submitted notebooks, each made so that its marks are known; and the fences of the process they run in."""

import ast
import json
import os
import re
import tempfile
import time
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import grading
import hostile
import submission
from execute import notebooks
from exercises import EXERCISES, cell
from grading import grade_all, submissions, table
from submission import Code

FOLDER_OF_SOURCES = os.path.dirname(grading.__file__)


def notebook(*sources):
    """The text of a notebook with these code cells."""
    cells = [dict(cell_type="markdown", metadata={}, source=["# A lesson"])]
    for source in sources:
        lines = source.splitlines(keepends=True)
        cells.append(dict(cell_type="code", metadata={}, execution_count=None, outputs=[], source=lines))
    return json.dumps(dict(cells=cells, metadata={}, nbformat=4, nbformat_minor=5))


def lesson(number, *changed, **answers):
    """A notebook of a lesson: stubs, but for the exercises in `answers`, e_1="…" for the first."""
    cells = []
    for full in EXERCISES:
        if full[:2] == number:
            cells.append(answers.get(f"e_{full[-1]}", cell(full)))
    return notebook("import math\n\nimport numpy as np\nfrom architecture import plan", *cells, *changed)


def solved(full, text="", instead=""):
    """The cell of an exercise with its solution, edited or not."""
    entry = EXERCISES[full]
    assert text in entry.solution
    return f'{entry.solution.replace(text, instead)}\n\n\ncheck("{full}", {entry.name})'


def body(full, *lines):
    """The cell of an exercise whose function does this instead."""
    entry = EXERCISES[full]
    head = next(line for line in entry.source.splitlines() if line.startswith("def "))
    return "\n".join([head, *("    " + line for line in lines)]) + f'\n\n\ncheck("{full}", {entry.name})'


def all_right(number):
    return notebook(*(solved(full) for full in EXERCISES if full[:2] == number))


STUB = "not answered"
PATH = os.path.join(tempfile.gettempdir(), "grading-was-here")


def one(**answers):
    """A notebook of lesson 02 with an answer to its first exercise only."""
    return lesson("02", **answers)


def wrong_for(full, *lines):
    return one(e_1=body(full, *lines))


def saved_by_colab(number, **answers):
    """A lesson as Colab saves it: other metadata, no cell ids, outputs, sources as one text, lines of a shell."""
    made = json.loads(lesson(number, **answers))
    first = "!pip install -q \\\n    keras\nfrom google.colab import drive\ndrive.mount('/drive')\nfiles = !ls\nplan?"
    made["cells"].insert(1, dict(cell_type="code", source=first, metadata={}, outputs=[], execution_count=1))
    for i, one in enumerate(made["cells"]):
        one["source"] = "".join(one["source"])
        one["metadata"] = dict(id=f"x{i}", colab=dict(base_uri="https://localhost:8080/"), outputId="c3-4")
        if one["cell_type"] == "code":
            one["outputs"] = [dict(output_type="stream", name="stdout", text=["✗ 02.1\n"])]
    made["metadata"] = dict(
        colab=dict(provenance=[], toc_visible=True), kernelspec=dict(name="python3"), accelerator="GPU"
    )
    return json.dumps(made | dict(nbformat_minor=0))


def saved_by_lab(number, **answers):
    """A lesson as JupyterLab saves it, its cells from last to first, with attachments and a raw cell."""
    made = json.loads(lesson(number, **answers))
    for i, one in enumerate(made["cells"]):
        one |= dict(id=f"{i:08x}", metadata=dict(editable=True, slideshow=dict(slide_type=""), tags=[], trusted=False))
    made["cells"].reverse()
    made["cells"].append(dict(cell_type="raw", id="r", metadata={}, source="", attachments={}))
    return json.dumps(made, indent=1)


def as_text(number, answer):
    """A lesson in which the cell of one answer was turned into a text cell, as the key M does."""
    made = json.loads(lesson(number, e_1=answer))
    for one in made["cells"]:
        if "def se_params" in "".join(one["source"]):
            one["cell_type"] = "markdown"
    return json.dumps(made)


HALF = "def se_params(inputs, expand, ratio):\n    narrow = max(1, int(inputs * ratio))"

# file -> (its text or bytes, the marks it must get; a text: a word of its problem)
CLASS = {
    "all right 00.ipynb": (all_right("00"), ["right"] * 3),
    "all right 02.ipynb": (all_right("02"), ["right"] * 4),
    "all right 03.ipynb": (all_right("03"), ["right"] * 5),
    "all right 04.ipynb": (all_right("04"), ["right"] * 4),
    "stubs.ipynb": (lesson("02"), [STUB] * 4),
    "renamed to lesson 07.ipynb": (lesson("02", e_4=solved("02.4")), [STUB] * 3 + ["right"]),
    "a mistake.ipynb": (
        one(e_1=solved("02.1", "int(inputs * ratio)", "round(inputs * ratio)")),
        ["wrong"] + [STUB] * 3,
    ),
    "half.ipynb": (one(e_1=solved("02.1", "2 * wide * narrow + narrow + wide", "...")), ["not finished"] + [STUB] * 3),
    "other name.ipynb": (
        one(e_1=solved("02.1").replace("se_params", "mine")),
        ["right"] + [STUB] * 3,
    ),
    "cells gone.ipynb": (notebook(solved("02.3")), ["missing", "missing", "right", "missing"]),
    "syntax.ipynb": (one(e_1=solved("02.1", "max(1,", "max(1")), ["syntax error"] + [STUB] * 3),
    "helper.ipynb": (
        lesson(
            "02",
            "def upright(x):\n    return ONE * x[:, None]\n\nONE = 1",
            e_3=solved("02.3", "gate[:, None]", "upright(gate)"),
        ),
        [STUB, STUB, "right", STUB],
    ),
    "lambda and magic.ipynb": (
        lesson("02", "%matplotlib inline\n!ls\nfold_gate = lambda gate, project: gate[:, None] * project"),
        [STUB, STUB, "right", STUB],
    ),
    "answer above the stub.ipynb": (notebook(EXERCISES["02.1"].solution, cell("02.1")), ["right"] + ["missing"] * 3),
    "None.ipynb": (wrong_for("02.1", "print(1)"), ["wrong"] + [STUB] * 3),
    "raises.ipynb": (wrong_for("02.1", "return inputs / (ratio - ratio)"), ["wrong"] + [STUB] * 3),
    "endless.ipynb": (wrong_for("02.1", "while True:", "    pass"), ["too slow"] + [STUB] * 3),
    "endless in C.ipynb": (wrong_for("02.1", "return sum(range(10**13))"), ["too slow"] + [STUB] * 3),
    "stubborn.ipynb": (
        wrong_for("02.1", "while True:", "    try:", "        x = 1 / 0", "    except BaseException:", "        pass"),
        ["too slow"] + [STUB] * 3,
    ),
    "imports os.ipynb": (wrong_for("02.1", "import os", "os._exit(0)"), ["not run"] + [STUB] * 3),
    "opens.ipynb": (wrong_for("02.1", f"open({PATH!r}, 'w').write('x')"), ["not run"] + [STUB] * 3),
    "execs.ipynb": (wrong_for("02.1", "exec('import os')"), ["not run"] + [STUB] * 3),
    "class tree.ipynb": (wrong_for("02.1", "().__class__.__base__.__subclasses__()"), ["not run"] + [STUB] * 3),
    "through NumPy.ipynb": (
        wrong_for("02.1", f"np.savetxt({PATH!r}, np.ones(3))", "return 1"),
        ["wrong"] + [STUB] * 3,
    ),
    "reads solutions.ipynb": (
        wrong_for("02.1", f"return np.loadtxt({FOLDER_OF_SOURCES!r} + '/../src/exercises/lesson_02.py')"),
        ["wrong"] + [STUB] * 3,
    ),
    "leaves.ipynb": (wrong_for("02.1", "exit()"), ["wrong"] + [STUB] * 3),
    "memory.ipynb": (wrong_for("02.1", "return [0] * 10**12"), ["wrong"] + [STUB] * 3),
    "too deep.ipynb": (wrong_for("02.1", "return se_params(inputs, expand, ratio)"), ["wrong"] + [STUB] * 3),
    "huge result.ipynb": (wrong_for("02.1", "return np.ones((4000, 4000))"), ["wrong"] + [STUB] * 3),
    "prints.ipynb": (
        one(e_1=solved("02.1", "    wide =", "    print('x' * 10**7)\n    wide =")),
        ["right"] + [STUB] * 3,
    ),
    "side effects.ipynb": (lesson("02", f"import pathlib\npathlib.Path({PATH!r}).write_text('x')"), [STUB] * 4),
    "=formula.ipynb": ("{}", "not a notebook"),
    "nested.ipynb": ("[" * 100_000, "not a notebook"),
    "bytes.ipynb": (b"\xff\xfe\x00", "not a notebook"),
    "empty.ipynb": ("", "not a notebook"),
    "no code.ipynb": (notebook(), "without a code cell"),
    "another course.ipynb": (notebook("x = 1"), "none of the series' exercises"),
    "essay.pdf": ("%PDF", "not a notebook"),
    "large.ipynb": (" " * 1000, "MB, at most"),
    # what people do without meaning any harm
    "from Colab.ipynb": (saved_by_colab("02", e_1=f"%%time\n{solved('02.1')}"), ["right"] + [STUB] * 3),
    "from Lab, last cell first.ipynb": (saved_by_lab("02", e_3=solved("02.3")), [STUB, STUB, "right", STUB]),
    "saved by the browser.ipynb.txt": (one(e_1=solved("02.1")), ["right"] + [STUB] * 3),
    "split in two.ipynb": (lesson("02", "    return narrow", e_1=HALF), ["wrong"] + [STUB] * 3),
    "renamed, check gone.ipynb": (
        one(e_1=EXERCISES["02.1"].solution.replace("se_params", "parameters")),
        ["missing"] + [STUB] * 3,
    ),
    "loop elsewhere.ipynb": (lesson("02", "while True:\n    pass", e_1=solved("02.1")), ["right"] + [STUB] * 3),
    "cell made text.ipynb": (as_text("02", solved("02.1")), ["missing"] + [STUB] * 3),
    "constant.ipynb": (
        lesson(
            "02",
            "QUARTER: float = 0.25\nONE = 4 // 4",
            e_1=solved("02.1", "max(1, int(inputs", "max(ONE, int(4 * QUARTER * inputs"),
        ),
        ["right"] + [STUB] * 3,
    ),
    "changed.ipynb": (
        lesson("02", "ONE = 7\nONE -= 6", e_1=solved("02.1", "max(1,", "max(ONE,")),
        ["not run"] + [STUB] * 3,
    ),
    "computed.ipynb": (
        lesson("02", "ONE, TWO = np.ones(1), 2", e_1=solved("02.1", "max(1,", "max(ONE,")),
        ["not run"] + [STUB] * 3,
    ),
    "inside an if.ipynb": (
        one(e_1="if True:\n" + "\n".join(f"    {line}" for line in solved("02.1").splitlines())),
        ["not run"] + [STUB] * 3,
    ),
    "star.ipynb": (
        lesson("02", "from math import *\nfrom tensorflow import *", e_1=solved("02.1", "int(", "floor(")),
        ["right"] + [STUB] * 3,
    ),
    "local name.ipynb": (
        lesson("02", "import os as wide", e_1=solved("02.1")),
        ["right"] + [STUB] * 3,
    ),
    "long sum.ipynb": (one(e_1=body("02.1", "return " + " + ".join(["1"] * 1500))), ["not run"] + [STUB] * 3),
    "lesson 03 again.ipynb": (lesson("02", solved("03.1"), e_1=solved("02.1")), ["right"] + [STUB] * 3),
    "program.ipynb": ("import numpy as np\n\n\ndef se_params(x):\n    return x\n", "it is a text, such as a program"),
    "login.ipynb": ("\n<!DOCTYPE html><html><body>Sign in</body></html>", "it is a web page"),
    "packed.ipynb": (b"PK\x03\x04\x14\x00", "it is a packed archive"),
    "utf-16.ipynb": (one().encode("utf-16"), "not a notebook"),
    "nothing.ipynb": (b"", "the file is empty"),
    "anna_17/lesson 02.ipynb": (lesson("02", e_3=solved("02.3")), [STUB, STUB, "right", STUB]),
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """file -> Graded of the whole class."""
    folder = tmp_path_factory.mktemp("class")
    for file, (text, _) in CLASS.items():
        path = folder / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    os.truncate(folder / "large.ipynb", grading.LARGEST_FILE + 1)
    (folder / ".hidden.ipynb").write_text("{}", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exercises.answers.SECONDS", 1)
        patch.setattr(grading, "PATIENCE", 4)
        return {one.file: one for one in grade_all(folder, submissions(folder))}


def test_each_file_has_a_row_and_no_other(graded):
    assert sorted(graded) == sorted(CLASS) and len(CLASS) >= 30


@pytest.mark.parametrize("file", CLASS)
def test_marks(graded, file):
    expected = CLASS[file][1]
    if isinstance(expected, str):
        assert expected in graded[file].problem and not graded[file].marks
    else:
        assert [mark.state for mark in graded[file].marks] == expected, [mark.line for mark in graded[file].marks]
        assert not graded[file].problem


@pytest.mark.parametrize("path", notebooks([]), ids=lambda path: path.stem[:2])
def test_nothing_in_a_lesson_keeps_its_answers_from_being_run(path):
    sources, _ = grading.read_cells(path)
    for number, entry in EXERCISES.items():
        if number[:2] == path.name[:2]:
            found = Code.read([*sources, entry.solution]).answer(number, entry.name, entry.stub)
            assert found.state == "answer", (number, found.note)


def said(graded, file):
    return graded[file].marks[0].line


def test_a_learner_reads_what_the_check_would_say(graded):
    assert said(graded, "a mistake.ipynb").endswith("127: the bottleneck is rounded down, not to the nearest.")
    assert said(graded, "None.ipynb").endswith("gave None, not 868: is a return missing, or is the result printed?")
    assert said(graded, "raises.ipynb").endswith('in the line "return inputs / (ratio - ratio)".')
    assert said(graded, "endless.ipynb").endswith("is there a loop that never ends?")
    assert "line 7 of its cell" in said(graded, "syntax.ipynb")
    assert "it needs os" in said(graded, "imports os.ipynb") and "it uses open" in said(graded, "opens.ipynb")
    assert "no file may be written" in said(graded, "through NumPy.ipynb")
    assert "no file may be read" in said(graded, "reads solutions.ipynb")
    assert "MemoryError" in said(graded, "memory.ipynb")


def test_a_teacher_reads_what_happened_to_a_notebook(graded):
    assert said(graded, "split in two.ipynb").endswith("is a return missing, or is the result printed?")
    assert said(graded, "renamed, check gone.ipynb") == "○ 02.1 no function se_params is in the notebook."
    assert said(graded, "cell made text.ipynb") == "○ 02.1 the cell of se_params is text: make it a code cell again."
    assert "it uses ONE, which only running the whole notebook would give" in said(graded, "computed.ipynb")
    assert "write it as def se_params(...), beginning at the left margin" in said(graded, "inside an if.ipynb")
    assert "nested too deeply" in said(graded, "long sum.ipynb")
    for file in ("program.ipynb", "login.ipynb", "packed.ipynb", "nothing.ipynb", "large.ipynb", "essay.pdf"):
        assert len(graded[file].problem) < 120 and graded[file].problem.endswith("."), file


def test_nothing_of_a_notebook_was_written(graded):
    assert not os.path.exists(PATH)


def test_the_table_has_a_row_for_each_file_and_no_formula(graded):
    rows = table(list(graded.values()))
    assert [row["file"] for row in rows] == [file.replace("=formula", "'=formula") for file in graded]
    row = next(row for row in rows if row["file"] == "helper.ipynb")
    assert row == {
        **dict(file="helper.ipynb", lesson="02", right=1, of=4, **{"to read": 0}, problem=""),
        **{"exercise 1": STUB, "exercise 2": STUB, "exercise 3": "right", "exercise 4": STUB, "exercise 5": ""},
    }


# ---------------------------------------------------------------- the process


def outcome(monkeypatch, tmp_path, work):
    """How a notebook of lesson 02 is marked whose process does this instead."""
    monkeypatch.setattr(grading, "work", work)
    monkeypatch.setattr(grading, "PATIENCE", 2)
    entries = [EXERCISES["02.1"], EXERCISES["02.3"]]
    runner = grading.Runner(seconds=1)
    return [grading.judge(*outcome) for outcome in runner.run([str(tmp_path / "trace")], entries)]


HOSTILE = [hostile.ends, hostile.no_json, hostile.no_answer, hostile.half_a_message, hostile.pickles, hostile.too_large]


@pytest.mark.parametrize("work", HOSTILE)
def test_a_process_that_misbehaves_gets_no_mark_and_runs_nothing_here(monkeypatch, tmp_path, work):
    marks = outcome(monkeypatch, tmp_path, work)
    assert [mark.state for mark in marks] == ["ended Python"] * 2
    assert not (tmp_path / "trace").exists()


def test_a_flood_of_claims_is_no_mark(monkeypatch, tmp_path):
    assert "right" not in [mark.state for mark in outcome(monkeypatch, tmp_path, hostile.floods)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_what_a_process_leaves_behind_is_ended(monkeypatch, tmp_path):
    outcome(monkeypatch, tmp_path, hostile.leaves_a_child)
    time.sleep(2.5)
    assert not (tmp_path / "trace").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_nothing_passes_the_fence(monkeypatch, tmp_path):
    mark = outcome(monkeypatch, tmp_path, hostile.tries_everything)[0]
    assert mark.line == "○ 02.1 x was not run: nothing went through."


def test_names_of_inner_scopes_do_not_hide_those_from_outside():
    source = "def f(n):\n    global calls\n    calls = sum(1 for s in range(n))\n    return calls**s"
    assert submission.free_names(ast.parse(source).body[0]) == {"calls", "range", "s", "sum"}


def test_a_variable_may_be_called_input():
    assert not submission.why_not(ast.parse("def f(input):\n    return input").body[0])
    assert submission.why_not(ast.parse("def f():\n    return input()").body[0])


@pytest.mark.parametrize("value", [Fraction(1, 2), Decimal("0.5"), np.longdouble(0.5), np.array([0.5, 2], object)])
def test_what_check_takes_for_numbers_arrives_as_numbers(value):
    arrived = grading.unpacked(json.loads(json.dumps(submission.packed(value))))
    np.testing.assert_array_equal(np.asarray(arrived, float), np.asarray(value, float))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def f(x, x):\n    return x", "duplicate argument 'x'.*, line 1 of its cell"),
        ("def f():\n    x = 1\n    global x\n    return x", "'x' is assigned to before global.*, line 3 of its cell"),
    ],
)
def test_what_only_compiling_finds_is_a_syntax_error(source, words):
    assert re.search(words, Code.read([source]).answer("02.1", "f", "def f(x):\n    ...").note)
