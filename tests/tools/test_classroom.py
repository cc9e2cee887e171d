"""The copies for a class, what they hide and what they show; minutes; pages; and the command line."""

import ast
import csv
import json
import os
import re
import subprocess
import sys
import tokenize
from io import StringIO
from pathlib import Path

import nbformat
import pytest

import class_copies
import classroom
from class_copies import minutes, student_notebook, teacher_notebook, without_telling
from execute import repository
from exercises import EXERCISES, cell
from feedback import class_page, feedback_page
from grading import Graded, Mark
from lesson_form import CHECK_CALL, form_of
from markup import dead_links, prose

ROOT = Path(__file__).resolve().parent.parent.parent
LESSONS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
OPEN = "jupyter notebook --preferred-dir=notebooks"  # the lessons' links lead out of notebooks/


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copies") / "student"
    class_copies.make_student(folder)
    return folder


def read(path):
    return nbformat.read(path, as_version=4)


def after_predictions(notebook):
    """The code cells between a prediction and the next words."""
    predicted = False
    for one in notebook.cells:
        if one.cell_type == "markdown":
            predicted = "<summary>Answer" in one.source
        elif predicted and not CHECK_CALL.search(one.source):
            yield one


def comments(source):
    tokens = tokenize.generate_tokens(StringIO(source).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def dead_links_of(copy):
    for page in sorted(copy.glob("*.md")):
        yield from dead_links(prose(page.read_text(encoding="utf-8")), copy)
    for path in sorted((copy / "notebooks").glob("*.ipynb")):
        for one in read(path).cells:
            if one.cell_type == "markdown":
                yield from dead_links(prose(one.source), path.parent)


# ---------------------------------------------------------------- learners


def test_a_copy_opens_as_the_series_does_and_its_links_lead_somewhere(student):
    assert f"\n    {OPEN}\n" in (student / "README.md").read_text(encoding="utf-8")
    assert f"\n{OPEN}\n" in (ROOT / "TEACHING.md").read_text(encoding="utf-8")
    assert not list(dead_links_of(student))
    told = "".join(one.source for path in (student / "notebooks").glob("05_*") for one in read(path).cells)
    assert f"https://github.com/{repository()}/blob/main/tools/published_tables.py" in told


@pytest.mark.parametrize("name", LESSONS)
def test_a_learner_gets_no_output_and_no_help_from_colab(student, name):
    notebook = read(student / "notebooks" / name)
    nbformat.validate(notebook)
    assert notebook.metadata.colab.generative_ai_disabled is True
    code = [one for one in notebook.cells if one.cell_type == "code"]
    assert not any(one.outputs or one.execution_count for one in code)
    stubs = [one.source for one in code if CHECK_CALL.search(one.source)]
    assert stubs == [cell(number) for number in EXERCISES if number[:2] == name[:2]]
    assert not any("solution(" in one.source for one in notebook.cells if one.cell_type == "markdown")


@pytest.mark.parametrize("name", LESSONS)
def test_code_under_a_prediction_does_not_tell(student, name):
    original = list(after_predictions(read(ROOT / "notebooks" / name)))
    copied = list(after_predictions(read(student / "notebooks" / name)))
    assert len(copied) == len(original) > 0
    for before, after in zip(original, copied):
        tree = ast.parse(after.source)
        assert not any(isinstance(node, ast.Assert) for node in tree.body) and not comments(after.source)
        for output in before.outputs:
            words = output.get("metadata", {}).get("image/png", {}).get("alt", "").split()
            assert not words or " ".join(words[:5]) not in after.source


def test_solutions_are_not_readable_at_a_glance(student):
    text = "\n".join(path.read_text(encoding="utf-8") for path in (student / "src" / "exercises").glob("*.py"))
    for number, entry in EXERCISES.items():
        gaps = [gap for gap in re.findall("«(.*?)»", entry.source) if len(gap) > 25]
        assert not [gap for gap in gaps if gap in text], number
        assert entry.praise not in text


def test_the_copy_checks_by_itself_and_its_solutions_are_closed(student):
    program = "from exercises import check, hint, solution\n"
    program += "check('01.1', lambda *a: 0)\nhint('01.1')\nsolution('01.1')\n"
    environment = {"PYTHONPATH": str(student / "src"), "TF_CPP_MIN_LOG_LEVEL": "3", "PATH": os.environ["PATH"]}
    command = [sys.executable, "-B", "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment, cwd=student)
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("✗ 01.1 ") and lines[1].startswith("Hint 1 of ")
    assert lines[2].startswith("Solutions are with your teacher.") and len(lines) == 3


def test_the_copy_holds_what_a_lesson_opens(student):
    for inside in ("data/lite0.npz", "imgs", "requirements.txt", "src/figures/style.py", "LICENSE"):
        assert (student / inside).exists(), inside
    assert not list(student.rglob("__pycache__")) and not (student / "tests").exists()


def test_a_folder_that_is_there_is_left_alone(tmp_path, capsys):
    (tmp_path / "work.ipynb").write_text("mine", encoding="utf-8")
    assert classroom.main(["student", "--out", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["work.ipynb"]


def test_without_answers_the_folds_go():
    notebook = read(ROOT / "notebooks" / LESSONS[0])
    student_notebook(notebook, answers=False)
    assert not any("<summary>Answer" in one.source for one in notebook.cells)


def test_what_tells_is_taken_out_of_code():
    source = "n = f(3)  # that is 75\nassert n == (\n    75\n)\n"
    source += 'show(draw(n, "a b"), alt="Öne bar, which is the tallest")'
    told = without_telling(source)
    head = 'from exercises.sealed import unseal\n\nn = f(3)\nshow(draw(n, "a b"), alt=eval(unseal("'
    assert told.startswith(head) and told.endswith('"), globals() | locals()))') and "75" not in told
    assert without_telling("x = '# no comment'") == "x = '# no comment'"


TEXTS = ['"Öne bar, which is the tallest"', '"Two lines that " "are one: {text}"']
TEXTS.append("f\"Of all {n:,} bars the tallest are {', '.join(names)!r:>9}, in {{sets}}\"")


@pytest.mark.parametrize("text", TEXTS)
def test_a_picture_in_words_comes_back_when_the_cell_runs(text):
    told = without_telling(f"show(3, alt={text})")
    assert "tallest" not in told and "lines that" not in told
    said = []
    scope = dict(show=lambda fig, alt: said.append(alt), n=1234, names=["ä", "b"])
    exec(class_copies.SEALED, scope)
    exec(told.partition("\n\n")[2], scope)
    exec(f"show(3, alt={text})", scope)
    assert len(said) == 2 and said[0] == said[1]


# ---------------------------------------------------------------- the teacher


def test_every_link_of_the_teacher_s_copy_leads_somewhere(tmp_path):
    class_copies.make_teacher(tmp_path / "teacher")
    assert not list(dead_links_of(tmp_path / "teacher"))


@pytest.mark.parametrize("name", LESSONS)
def test_a_teacher_sees_solutions_and_every_known_mistake(name):
    notebook = read(ROOT / "notebooks" / name)
    teacher_notebook(notebook)
    nbformat.validate(notebook)
    text = "\n".join(one.source for one in notebook.cells)
    notes = re.sub(r"\\([*_`$<\[])", r"\1", text)
    for number, entry in EXERCISES.items():
        if number[:2] == name[:2]:
            assert f'{entry.solution}\n\n\ncheck("{number}", {entry.name})' in text
            assert f"### {number} · {entry.title} ({entry.kind})" in text
            assert all(hint in notes for hint in entry.hints)
            assert all(message in notes for _, message in entry.mistakes)
    assert "minutes by section" in notebook.cells[2].source


def test_minutes_are_words_lines_charts_and_exercises():
    words, lines = "word " * 400, "x = 1\n" * 30
    chart = nbformat.v4.new_output("display_data", data={"image/png": ""})
    cells = [nbformat.v4.new_markdown_cell("# Title\n" + words), *(nbformat.v4.new_code_cell(lines) for _ in "12")]
    cells.append(nbformat.v4.new_markdown_cell(f"## One\n{words}"))
    cells.append(nbformat.v4.new_code_cell(lines, outputs=[chart, chart]))
    cells += [nbformat.v4.new_markdown_cell("## Exercises"), nbformat.v4.new_code_cell(cell("01.1"))]
    cells += [nbformat.v4.new_markdown_cell(f"## References\n{words}")]
    found = minutes(nbformat.v4.new_notebook(cells=cells))
    assert [(name, round(time), charts) for name, time, _, charts in found] == [
        ("Opening", 2, 0),
        ("One", 2 + 2 + 1, 2),
        ("Exercises", class_copies.MINUTES["recall"], 0),
    ]


@pytest.mark.parametrize("name", LESSONS)
def test_reading_takes_as_long_as_the_lesson_says(name):
    notebook = read(ROOT / "notebooks" / name)
    told = class_copies.minutes_table(notebook)[-1]
    assert told.startswith(f"Reading {form_of(notebook.cells).minutes} minutes, exercises ")


# ---------------------------------------------------------------- marks


def test_pages_show_code_as_text():
    mark = Mark("01.1", "conv_macs", "wrong", "✗ 01.1 <b>x</b>", "</pre><script>alert(1)</script>")
    for page in (feedback_page(Graded("<i>.ipynb", "01", [mark])), class_page([Graded("<i>", "01", [mark])])):
        assert "<script" not in page and "<b>x" not in page and "<i>" not in page
        assert "http" not in page


def test_half_a_character_in_an_answer_does_not_stop_the_marking(monkeypatch, tmp_path):
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "a.ipynb").touch()
    mark = Mark("01.1", "conv_macs", "wrong", "✗ 01.1 conv_macs(7) raised ValueError: \ud800.")
    monkeypatch.setattr("grading.grade_all", lambda *_: [Graded("a.ipynb", "01", [mark])])
    classroom.grade(tmp_path / "class", tmp_path / "marks")
    for page in ("class.html", "feedback/a.html"):
        assert "raised ValueError: ?" in (tmp_path / "marks" / page).read_text(encoding="utf-8")


def test_page_names_are_safe_and_differ():
    taken = set()
    for file in ("anna/a b.ipynb", "anna_a b.ipynb", "ANNA/A B.ipynb", "../../etc.ipynb", "…"):
        taken.add(classroom.page_name(file, taken))
    assert taken == {"anna_a_b.html", "anna_a_b_2.html", "ANNA_A_B_3.html", "etc.html", "page.html"}


def test_the_command_writes_marks_and_pages(tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "essay.txt").write_text("x", encoding="utf-8")
    (folder / "other.ipynb").write_text(json.dumps({"cells": []}), encoding="utf-8")
    assert classroom.main(["grade", str(folder)]) == 0
    out = tmp_path / "in_marks"
    rows = list(csv.DictReader((out / "marks.csv").open(encoding="utf-8-sig")))
    assert [row["file"] for row in rows] == ["essay.txt", "other.ipynb"] and all(row["problem"] for row in rows)
    assert sorted(path.name for path in (out / "feedback").iterdir()) == ["essay.txt.html", "other.html"]
    assert "2 files, 0 with marks" in capsys.readouterr().out


def test_grading_starts_without_tensorflow_s_log(tmp_path):
    (tmp_path / "handed in").mkdir()
    (tmp_path / "handed in" / "essay.txt").write_text("hello", encoding="utf-8")
    command = [sys.executable, str(ROOT / "tools" / "classroom.py"), "grade", str(tmp_path / "handed in")]
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment, timeout=120)
    assert done.returncode == 0 and not done.stderr and "1 files, 0 with marks" in done.stdout


@pytest.mark.parametrize("arguments", [["nowhere"], ["."], ["in", "--out", "in/marks"]])
def test_what_cannot_be_graded_is_said_in_one_line(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    if "in" in arguments:
        (tmp_path / "in").mkdir()
    assert classroom.main(["grade", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
